"""A function of arrays, and one that gives its gradient: what people write in NumPy, by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.core.tensor import array_of
from minigrad.gradcheck.foreign.functions import Vector, as_function, float_positions
from minigrad.gradcheck.numerics.arguments import BadUse


class WithBackward:
    """``f(*arguments)`` with the gradients ``vjp(g, *arguments)``; for several outputs g is the tuple of their cotangents.

    Parameters
    ----------
    arguments
        All arguments; those at ``positions`` are differentiated, and replaced by what comes.
    """

    def __init__(self, f: Callable[..., Any], vjp: Callable[..., Any], arguments: Sequence[Any], positions: Sequence[int]) -> None:
        self.f, self.vjp, self.arguments, self.positions = f, vjp, list(arguments), list(positions)

    def _with(self, arrays: Sequence[Vector]) -> list[Any]:
        arguments = list(self.arguments)
        for i, array in zip(self.positions, arrays, strict=True):
            arguments[i] = array
        return arguments

    def forward(self, arrays: Sequence[Vector]) -> list[Vector]:
        result = self.f(*self._with(arrays))
        outputs = [np.asarray(y) for y in (result if isinstance(result, (tuple, list)) else [result])]
        self.single = not isinstance(result, (tuple, list))
        for y in outputs:
            if y.dtype.kind != "f":
                raise BadUse(f"the function must return floating-point arrays; it returned {y.dtype}")
        return outputs

    def backward(self, arrays: Sequence[Vector], cotangents: Sequence[Vector]) -> list[Vector | None]:
        found = self.vjp(cotangents[0] if self.single else tuple(cotangents), *self._with(arrays))
        gradients = list(found) if isinstance(found, (tuple, list)) else [found]
        if len(gradients) == len(self.arguments):
            gradients = [gradients[i] for i in self.positions]
        if len(gradients) != len(self.positions):
            raise BadUse(f"vjp returned {len(gradients)} gradients; there are {len(self.positions)} inputs of floating point")
        return [None if g is None else np.asarray(g, np.float64) for g in gradients]

    def derivative(self, count: int) -> None:
        return None


def adopt_backward(
    f: Callable[..., Any], inputs: Sequence[Any], vjp: Callable[..., Any]
) -> tuple[Callable[..., Any], list[Any], list[str]]:
    """Return a function of Tensors, its arguments, and no names: those of ``f`` are known."""
    if not callable(vjp):
        raise BadUse(f"vjp is the function that gives the gradient, vjp(g, *inputs), and not a {type(vjp).__name__}")
    arguments = [np.asarray(a) if hasattr(a, "__array__") else a for a in inputs]

    def function(*args: Any) -> Any:
        floats = float_positions(args)
        return as_function(WithBackward(f, vjp, list(map(array_of, args)), floats))(*[args[i] for i in floats])

    return function, arguments, []
