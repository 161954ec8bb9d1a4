"""Reductions: one number from all the elements along some axes, or along all of them (``axis=None``).

A formula first puts the reduced axes back with length 1 (`restore`), so that the cotangent broadcasts against the input.
"""

from __future__ import annotations

import math
from typing import Any

from numpy.lib.array_utils import normalize_axis_tuple

from minigrad.op import op
from minigrad.ops.shape import Axes, broadcast_to

__all__ = ["all", "any", "count_nonzero", "max", "mean", "min", "sum"]


def axes_of(axis: Axes, ndim: int) -> tuple[int, ...]:
    """Return the axes meant, none of them negative; ``None`` means all."""
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def restore(g: Any, shape: tuple[int, ...], axis: Axes, keepdims: bool) -> Any:
    """Put the axes that a reduction of ``shape`` removed back into ``g``, with length 1."""
    if keepdims:
        return g
    axes = axes_of(axis, len(shape))
    return g.reshape(tuple([1 if i in axes else n for i, n in enumerate(shape)]))


def count(shape: tuple[int, ...], axis: Axes) -> int:
    """How many elements go into one result."""
    return math.prod([shape[i] for i in axes_of(axis, len(shape))])


@op
def sum(xp: Any, x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Sum of the elements; 0 where there are none. Small integers are summed as int64, as NumPy does."""
    return x.sum(axis=axis, keepdims=keepdims)


@sum.vjp("x")
def _(g: Any, x_shape: Any, *, axis: Axes, keepdims: bool) -> Any:
    return broadcast_to(restore(g, x_shape, axis, keepdims), x_shape)


@op
def mean(xp: Any, x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Arithmetic mean of the elements."""
    if count(x.shape, axis) == 0:
        raise ValueError(f"the mean of no elements is not defined: shape {x.shape}, axis {axis}")
    return x.mean(axis=axis, keepdims=keepdims)


@mean.vjp("x")
def _(g: Any, x_shape: Any, *, axis: Axes, keepdims: bool) -> Any:
    return broadcast_to(restore(g / count(x_shape, axis), x_shape, axis, keepdims), x_shape)


# ------------------------------------------------------------------------------------------------ largest and smallest


@op
def max(xp: Any, x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Largest element. Where several are equal, each takes an equal share of the gradient."""
    return x.max(axis=axis, keepdims=keepdims)


@op
def min(xp: Any, x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Smallest element. Where several are equal, each takes an equal share of the gradient."""
    return x.min(axis=axis, keepdims=keepdims)


def shared_by_ties(g: Any, x: Any, y: Any, *, axis: Axes, keepdims: bool) -> Any:
    """Spread g evenly over the elements of x that equal the result y."""
    hit = (x == restore(y, x.shape, axis, keepdims)).astype(g.dtype)
    return hit * (restore(g, x.shape, axis, keepdims) / hit.sum(axis=axis, keepdims=True))


max.vjp(x=shared_by_ties)
min.vjp(x=shared_by_ties)


# --------------------------------------------------------------------------------------------------- without gradients


@op
def all(xp: Any, x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Whether every element is true (not zero)."""
    return x.all(axis=axis, keepdims=keepdims)


@op
def any(xp: Any, x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Whether some element is true (not zero)."""
    return x.any(axis=axis, keepdims=keepdims)


@op
def count_nonzero(xp: Any, x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """How many elements are not zero."""
    return (x != 0).sum(axis=axis, keepdims=keepdims)


all.nondiff(x="the result is a truth value")
any.nondiff(x="the result is a truth value")
count_nonzero.nondiff(x="the result is an integer")
