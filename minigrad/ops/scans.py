"""Running largest, smallest and log-sum-exp along one axis, which may be left out where there is only one.

The forward passes double: after step j each place holds the result of the 2**j places up to it, so that log2(n) steps over
whole arrays do, on any device, and rounding errors grow with log2(n) instead of n.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.cumulative import linear_recurrence, shifted
from minigrad.ops.elementwise import exp, where
from minigrad.ops.indexing import along, scatter_add, single_axis, zeros
from minigrad.ops.shape import within

__all__ = ["cummax", "cummin", "logcumsumexp"]


def doubled(xp: Namespace, combine: Callable[[Array, Array], Array], x: Array, axis: int) -> Array:
    """Return the running results of an associative function along an axis."""
    step = 1
    while step < x.shape[axis]:
        earlier, later = x[along(axis, slice(None, -step))], x[along(axis, slice(step, None))]
        x = xp.concatenate([x[along(axis, slice(step))], combine(earlier, later)], axis=axis)
        step *= 2
    return x


def _running(xp: Namespace, name: str, x: Array, axis: int | None, sign: int) -> tuple[Array, Array]:
    """Return the running extreme and its position: the last one among equals; nan is more extreme than any number."""
    if not x.ndim and within(axis, 0) == ():
        return +x, xp.zeros((), dtype=xp.int64)
    axis = single_axis(axis, x.ndim, name)

    def later_unless_beaten(i: Array, j: Array) -> Array:
        a, b = xp.take_along_axis(x, i, axis), xp.take_along_axis(x, j, axis)
        return xp.where((a > b if sign > 0 else a < b) | ((a != a) & (b == b)), i, j)

    places = xp.arange(x.shape[axis], dtype=xp.int64).reshape(tuple([-1 if i == axis else 1 for i in range(x.ndim)]))
    indices = doubled(xp, later_unless_beaten, xp.broadcast_to(places, x.shape), axis)
    return xp.take_along_axis(x, indices, axis), indices


@op(outputs=("values", "indices"))
def cummax(xp: Namespace, x: Array, *, axis: int | None = None) -> tuple[Array, Array]:
    """The largest of x[0], ..., x[k] along an axis, and where it stands: the last one of equals, which takes their gradient."""
    return _running(xp, "cummax", x, axis, 1)


@op(outputs=("values", "indices"))
def cummin(xp: Namespace, x: Array, *, axis: int | None = None) -> tuple[Array, Array]:
    """The smallest of x[0], ..., x[k] along an axis, and where it stands: the last one of equals, which takes their gradient."""
    return _running(xp, "cummin", x, axis, -1)


def added_where_they_came_from(g: Array, x_shape: tuple[int, ...], indices: Array, *, axis: int | None) -> Array:
    """Add each cotangent up at the element that was the extreme."""
    return scatter_add(zeros(x_shape, g), indices, g, axis=axis or 0) if x_shape else g


cummax.vjp(x=added_where_they_came_from)
cummin.vjp(x=added_where_they_came_from)


@op
def logcumsumexp(xp: Namespace, x: Array, *, axis: int | None = None) -> Array:
    """y[k] = log(exp(x[0]) + ... + exp(x[k])) along an axis, without overflow."""
    if not x.ndim and within(axis, 0) == ():
        return +x
    return doubled(xp, xp.logaddexp, x, single_axis(axis, x.ndim, "logcumsumexp"))


@logcumsumexp.vjp("x")
def logcumsumexp_d_x(g: Array, x: Array, y: Array, *, axis: int | None) -> Array:
    if not x.shape:
        return g
    # y[k] = log(exp(y[k-1]) + exp(x[k])): its derivatives are the shares exp(y[k-1] - y[k]) and exp(x[k] - y[k])
    axis = single_axis(axis, len(x.shape), "logcumsumexp")
    level = where(y == -math.inf, 0, y)  # all so far are -inf: no share is theirs
    kept = exp(shifted(y, by=1, fill=-math.inf, axis=axis) - level)
    through = linear_recurrence(shifted(kept, by=-1, fill=0, axis=axis), g, axis=axis, reverse=True)
    return through * exp(x - level)
