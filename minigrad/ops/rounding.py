"""Rounding of each element. All are piecewise constant, so that their gradients are zero. Integers stay what they are."""

from __future__ import annotations

from collections.abc import Callable

from minigrad.backends import Array, Namespace, is_array
from minigrad.core.op import op

__all__ = ["ceil", "floor", "round", "trunc"]


def of_floats(xp: Namespace, function: Callable[[Array], Array], x: Array) -> Array:
    """Return function(x), and integers as they are, which NumPy before 2.1 and CuPy make floats of."""
    return xp.array(x) if is_array(x) and x.dtype.kind in "iub" else function(x)


@op
def floor(xp: Namespace, x: Array) -> Array:
    """The largest integer not above x."""
    return of_floats(xp, xp.floor, x)


@op
def ceil(xp: Namespace, x: Array) -> Array:
    """The smallest integer not below x."""
    return of_floats(xp, xp.ceil, x)


@op
def trunc(xp: Namespace, x: Array) -> Array:
    """The integer next to x on the side of 0."""
    return of_floats(xp, xp.trunc, x)


@op
def round(xp: Namespace, x: Array, *, decimals: int = 0) -> Array:
    """The nearest multiple of 10**-decimals, halves to even."""
    return xp.round(x, decimals)


for _rounding in (floor, ceil, trunc, round):
    _rounding.zero(x="piecewise constant")
