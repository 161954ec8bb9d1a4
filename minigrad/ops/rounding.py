"""Rounding of each element. All are piecewise constant, so that their gradients are zero."""

from __future__ import annotations

from typing import Any

from minigrad.core.op import op

__all__ = ["ceil", "floor", "round", "trunc"]


@op
def floor(xp: Any, x: Any) -> Any:
    """The largest integer not above x."""
    return xp.floor(x)


@op
def ceil(xp: Any, x: Any) -> Any:
    """The smallest integer not below x."""
    return xp.ceil(x)


@op
def trunc(xp: Any, x: Any) -> Any:
    """The integer next to x on the side of 0."""
    return xp.trunc(x)


@op
def round(xp: Any, x: Any, *, decimals: int = 0) -> Any:
    """The nearest multiple of 10**-decimals, halves to even."""
    return xp.round(x, decimals)


for _rounding in (floor, ceil, trunc, round):
    _rounding.zero(x="piecewise constant")
