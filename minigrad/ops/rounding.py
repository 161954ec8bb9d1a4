"""Rounding of each element. All are piecewise constant, so that their gradients are zero."""

from __future__ import annotations

from minigrad.backends import Array, Namespace
from minigrad.core.op import op

__all__ = ["ceil", "floor", "round", "trunc"]


@op
def floor(xp: Namespace, x: Array) -> Array:
    """The largest integer not above x."""
    return xp.floor(x)


@op
def ceil(xp: Namespace, x: Array) -> Array:
    """The smallest integer not below x."""
    return xp.ceil(x)


@op
def trunc(xp: Namespace, x: Array) -> Array:
    """The integer next to x on the side of 0."""
    return xp.trunc(x)


@op
def round(xp: Namespace, x: Array, *, decimals: int = 0) -> Array:
    """The nearest multiple of 10**-decimals, halves to even."""
    return xp.round(x, decimals)


for _rounding in (floor, ceil, trunc, round):
    _rounding.zero(x="piecewise constant")
