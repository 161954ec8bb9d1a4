"""Looking at a model without leaving traces: its statistics kept, its activations seen, a call with other parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.core.device import to_host
from minigrad.core.tensor import Tensor, as_array
from minigrad.nn.hooks import CHANGES
from minigrad.nn.module import Module

__all__ = ["Activations", "activations", "functional_call", "statistics_kept"]


@contextmanager
def statistics_kept(model: Module) -> Iterator[None]:
    """Within this, forward passes leave no trace: at the end every buffer is what it was, running statistics among them.

    A forward pass in training mode moves the running mean and variance of batch norm. One that is only a look, such as the
    loss at another point or the activations of a probe, should not.

    Parameters
    ----------
    model
        A module. Its mode is left alone: call ``model.train()`` or ``model.eval()`` as the look needs it.

    Examples
    --------
    >>> norm = nn.BatchNorm1d(2)
    >>> with nn.statistics_kept(norm):
    ...     y = norm(mg.ones((4, 2)) * 3)
    >>> norm.running_mean.data
    array([0., 0.], dtype=float32)
    """
    kept = [(module, name, buffer, buffer.data.copy()) for module in model.modules() for name, buffer in module._own_buffers()]
    try:
        yield
    finally:
        for module, name, buffer, values in kept:
            if getattr(module, name) is not buffer:
                setattr(module, name, buffer)
            if not np.array_equal(to_host(buffer.data), to_host(values), equal_nan=buffer.dtype.kind == "f"):
                buffer.copy_(values)


@dataclass
class Activations:
    """What `activations` saw: by the name of each layer, its first input and its output in the latest call.

    The tensors are those of the computation, so that gradients by them can be asked for.
    """

    inputs: dict[str, Tensor] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)


@contextmanager
def activations(model: Module, *kinds: type[Module]) -> Iterator[Activations]:
    """Within this, see what goes into and comes out of the layers of some classes.

    Parameters
    ----------
    model
        A module.
    kinds
        Classes of layers, such as ``nn.Sigmoid``; without any, all layers that have no layers inside.

    Raises
    ------
    ValueError
        If the model has no such layer.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(2, 4), nn.ReLU())
    >>> with nn.activations(net, nn.ReLU) as seen:
    ...     y = net(mg.ones((8, 2)))
    >>> [(name, before.shape) for name, before in seen.inputs.items()]
    [('1', (8, 4))]
    """
    layers = [
        (name, module)
        for name, module in model.named_modules()
        if (isinstance(module, kinds) if kinds else next(module.children(), None) is None)
    ]
    if not layers:
        raise ValueError(f"activations: the model has no {' or '.join(kind.__name__ for kind in kinds)}")
    seen = Activations()

    def watcher(name: str) -> Any:
        def hook(module: Module, args: tuple[Any, ...], output: Any) -> None:
            seen.inputs[name], seen.outputs[name] = args[0], output

        return hook

    handles = [module.register_forward_hook(watcher(name)) for name, module in layers]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def functional_call(
    model: Module, parameters_and_buffers: Mapping[str, Any], args: Any = (), kwargs: Mapping[str, Any] | None = None
) -> Any:
    """Return ``model(*args)`` with other parameters and buffers, which are the model's during this call alone.

    ``functional_call(model, p, x)`` is a function of p, and differentiable by it: the loss at theta - eta g, a derivative of
    any order by the weights. Named like PyTorch's ``torch.func.functional_call``.

    Parameters
    ----------
    model
        A module. Afterwards it has its own parameters, even after an error. Buffers that are not replaced, such as running
        statistics, change as in any call.
    parameters_and_buffers
        Tensors or arrays by the names of `Module.named_parameters` and `Module.named_buffers`; the others stay. A
        parameter that is shared is replaced wherever it is.
    args
        The inputs: a tuple of them, or the only one.
    kwargs
        Inputs by name.

    Raises
    ------
    ValueError
        If the model has no parameter or buffer of a name, or one of another shape. Nothing was called then.

    Examples
    --------
    >>> layer = nn.Linear(2, 1, bias=False)
    >>> y = nn.functional_call(layer, {"weight": mg.tensor([[1.0, 2.0]])}, mg.tensor([[3.0, 4.0]]))
    >>> y.data
    array([[11.]], dtype=float32)
    """
    own = {**dict(model.named_parameters(remove_duplicate=False)), **dict(model.named_buffers(remove_duplicate=False))}
    instead: dict[int, Tensor] = {}
    for name, value in parameters_and_buffers.items():
        if name not in own:
            raise ValueError(f"functional_call: the model has no parameter or buffer {name!r}; it has {', '.join(own)}")
        tensor = value if isinstance(value, Tensor) else Tensor(as_array(value))
        if tensor.shape != own[name].shape:
            raise ValueError(f"functional_call: {name} has shape {own[name].shape}, and a tensor of shape {tensor.shape} was given")
        instead[id(own[name])] = tensor
    places = [
        (module, name, tensor)
        for module in model.modules()
        for name, tensor in list(module.__dict__.items())
        if isinstance(tensor, Tensor) and id(tensor) in instead
    ]
    try:
        for module, name, tensor in places:  # into the dict itself: a parameter becomes a plain tensor, which assignment refuses
            module.__dict__[name] = instead[id(tensor)]
        CHANGES[0] += 1
        return model(*(args if isinstance(args, tuple) else (args,)), **(kwargs or {}))
    finally:
        for module, name, tensor in places:
            module.__dict__[name] = tensor
        CHANGES[0] += 1
