"""JAX's functions as they stand, custom_vjp among them; gradients and their derivatives are JAX's own, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minigrad.core.tensor import array_of
from minigrad.gradcheck.foreign.functions import Vector, as_function, float_positions


class OfJax:
    """A function of JAX's arrays."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f

    def forward(self, arrays: Sequence[Vector]) -> list[Vector]:
        with jax.enable_x64(True):
            return [np.asarray(y) for y in self._outputs(*map(jnp.asarray, arrays))]

    def backward(self, arrays: Sequence[Vector], cotangents: Sequence[Vector]) -> list[Vector | None]:
        with jax.enable_x64(True):
            _, pull = jax.vjp(self._outputs, *map(jnp.asarray, arrays))
            return [np.asarray(g) for g in pull([jnp.asarray(v) for v in cotangents])]

    def derivative(self, count: int) -> OfJax:
        def gradients(*given: Any) -> Any:
            _, pull = jax.vjp(self._outputs, *given[:count])
            return pull(list(given[count:]))

        return OfJax(gradients)

    def _outputs(self, *inputs: Any) -> list[Any]:
        return [y for y in jax.tree_util.tree_leaves(self.f(*inputs)) if jnp.issubdtype(y.dtype, jnp.floating)]


def adopt_jax(f: Callable[..., Any], inputs: Sequence[Any]) -> tuple[Callable[..., Any], list[Any], list[str]]:
    """Return a function of Tensors, its arguments as arrays, and no names: those of ``f`` are known."""
    arguments = [np.asarray(a) if isinstance(a, jax.Array) else a for a in inputs]

    def function(*args: Any) -> Any:
        floats, constants = float_positions(args), list(map(array_of, args))

        def of_floats(*arrays: Any) -> Any:
            given = dict(zip(floats, arrays, strict=True))
            return f(*[given.get(i, a) for i, a in enumerate(constants)])

        return as_function(OfJax(of_floats))(*[args[i] for i in floats])

    return function, arguments, []
