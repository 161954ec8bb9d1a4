"""What a `Foreign` is, and how it becomes a function of Tensors: an op whose formula asks it for the gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod
from typing import Any, Protocol

import numpy as np

from minigrad.core.op import Op
from minigrad.core.tensor import Tensor
from minigrad.gradcheck.numerics.arguments import BadUse

Vector = np.ndarray[Any, Any]


class Foreign(Protocol):
    """A function of float64 arrays with gradients of its own."""

    def forward(self, arrays: Sequence[Vector]) -> list[Vector]:
        """Return the outputs that are of floating point."""

    def backward(self, arrays: Sequence[Vector], cotangents: Sequence[Vector]) -> list[Vector | None]:
        """Return the gradient of sum <cotangent, output> for each array, None where the outputs do not depend on it."""

    def derivative(self, count: int) -> Foreign | None:
        """Return the function (``count`` arrays, cotangents) -> gradients; None if it has no gradients of its own."""


def as_function(foreign: Foreign) -> Callable[..., list[Tensor]]:
    """Return a function of Tensors that computes what ``foreign`` does, and whose backward pass asks it."""
    shapes: list[tuple[int, ...]] = []  # of the outputs, as of the last call

    def forward(xp: Any, *inputs: Vector) -> Vector:
        """What was given to gradcheck."""
        outputs = foreign.forward(inputs)
        shapes[:] = [y.shape for y in outputs]
        return outputs[0] if len(outputs) == 1 else np.concatenate([y.ravel() for y in outputs] or [np.zeros(0)])

    def gradients(g: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        cotangents = _parted(g, shapes)
        if not any(isinstance(t, Tensor) for t in (g, *inputs)):
            found = foreign.backward(inputs, cotangents)
            return tuple([np.zeros_like(x) if r is None else r for r, x in zip(found, inputs, strict=True)])
        derivative = foreign.derivative(len(inputs))
        if derivative is None:
            raise BadUse("this backward pass works on arrays, so it has no derivative of its own: order=1 is what can be checked")
        return tuple(as_function(derivative)(*inputs, *cotangents))

    op: Any = Op(forward)
    op.vjp("inputs")(gradients)
    return lambda *tensors: _parted(op(*tensors), shapes)


def float_positions(args: Sequence[Any]) -> list[int]:
    """Return the places of the Tensors of floating point among some arguments."""
    return [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.dtype.kind == "f"]


def _parted(y: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """Cut a vector that holds several arrays; a single array is itself."""
    if len(shapes) == 1:
        return [y]
    ends = np.cumsum([0, *map(prod, shapes)]).tolist()
    return [y[a:b].reshape(shape) for (a, b), shape in zip(pairwise(ends), shapes, strict=True)]
