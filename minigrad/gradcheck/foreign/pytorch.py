"""PyTorch's functions, modules and autograd Functions, as they stand; gradients and their derivatives are PyTorch's own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch

from minigrad.core.tensor import Tensor
from minigrad.gradcheck.foreign.functions import Vector, as_function, float_positions


class OfTorch:
    """A function of PyTorch's tensors."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f

    def forward(self, arrays: Sequence[Vector]) -> list[Vector]:
        with torch.no_grad():
            return [y.numpy(force=True) for y in _flat(self.f(*map(_tensor, arrays)))]

    def backward(self, arrays: Sequence[Vector], cotangents: Sequence[Vector]) -> list[Vector | None]:
        with torch.enable_grad():
            xs = [_tensor(x).requires_grad_() for x in arrays]
            found = _pull(_flat(self.f(*xs)), xs, [_tensor(v) for v in cotangents], create_graph=False)
        return [None if g is None else g.numpy(force=True) for g in found]

    def derivative(self, count: int) -> OfTorch:
        def gradients(*tensors: Any) -> list[Any]:
            with torch.enable_grad():
                given = [t if t.requires_grad else t.detach().requires_grad_() for t in tensors]
                xs = given[:count]
                found = _pull(_flat(self.f(*xs)), xs, given[count:], create_graph=True)
            return [torch.zeros_like(x) if g is None else g for g, x in zip(found, xs, strict=True)]

        return OfTorch(gradients)


def _pull(outputs: Sequence[Any], inputs: Sequence[Any], cotangents: Sequence[Any], create_graph: bool) -> Sequence[Any]:
    live = [(y, v) for y, v in zip(outputs, cotangents, strict=True) if y.requires_grad]
    if not live:
        return [None] * len(inputs)
    ys, vs = zip(*live, strict=True)
    found: Sequence[Any] = torch.autograd.grad(ys, inputs, vs, create_graph=create_graph, allow_unused=True)
    return found


def _tensor(array: Vector) -> Any:
    """Return an array as a tensor; in memory of its own where PyTorch could not share it."""
    shareable = array.flags.writeable and all(stride >= 0 for stride in array.strides)
    return torch.from_numpy(array if shareable else array.copy())


def _flat(result: Any) -> list[Any]:
    """The floating-point tensors in what a function returned."""
    if isinstance(result, torch.Tensor):
        return [result] if result.dtype.is_floating_point else []
    if isinstance(result, dict):
        result = list(result.values())
    return [y for part in result for y in _flat(part)] if isinstance(result, (tuple, list)) else []


def adopt_torch(f: Any, inputs: Sequence[Any]) -> tuple[Callable[..., Any], list[Any], list[str]]:
    """Return a function of Tensors, its arguments as arrays, and the names of a module's parameters.

    A module is copied, in float64; its buffers are as they were at each call.
    """
    arguments = [a.detach().cpu().numpy() if isinstance(a, torch.Tensor) else a for a in inputs]
    names: list[str] = []
    if isinstance(f, torch.nn.Module):
        module = copy.deepcopy(f).double()
        parameters = {name: p.detach().numpy().copy() for name, p in module.named_parameters() if p.requires_grad}
        names, n = list(parameters), len(arguments)
        arguments += parameters.values()

        def call(*tensors: Any) -> Any:
            buffers = {name: b.clone() for name, b in module.named_buffers()}
            return torch.func.functional_call(module, {**buffers, **dict(zip(names, tensors[n:], strict=True))}, tensors[:n])
    else:
        call = getattr(f, "apply", f)  # of an autograd.Function

    def function(*args: Any) -> Any:
        floats = float_positions(args)
        constants = [a if i in floats or not isinstance(a, Tensor) else _tensor(a.data) for i, a in enumerate(args)]

        def of_floats(*tensors: Any) -> Any:
            given = dict(zip(floats, tensors, strict=True))
            return call(*[given.get(i, a) for i, a in enumerate(constants)])

        return as_function(OfTorch(of_floats))(*[args[i] for i in floats])

    return function, arguments, names
