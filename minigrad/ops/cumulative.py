"""Cumulative ops: y[k] follows from y[k-1] along one axis, which may be left out where there is only one.

All are cases of the linear recurrence ``y[k] = a[k] y[k-1] + b[k]``. Its gradient is a linear recurrence that runs the
other way, so the family is closed, nothing is divided by, and zeros among the numbers do no harm at any order.
"""

from __future__ import annotations

from minigrad.backends import Array, Namespace, namespace
from minigrad.core.op import op
from minigrad.core.tensor import array_of
from minigrad.ops.indexing import along, single_axis
from minigrad.ops.joining import concat
from minigrad.ops.shape import flip, within

__all__ = ["cumulative_prod", "cumulative_sum", "linear_recurrence"]


def shifted(x: Array, *, by: int, fill: float, axis: int = -1) -> Array:
    """Move x one place on (``by=1``) or back (``by=-1``) along an axis; ``fill`` comes in, the last element leaves."""
    axis, n = axis % len(x.shape), x.shape[axis]
    edge = namespace(array_of(x)).full((*x.shape[:axis], min(n, 1), *x.shape[axis + 1 :]), fill, dtype=x.dtype)
    return concat([edge, x[along(axis, slice(0, max(n - 1, 0)))]] if by == 1 else [x[along(axis, slice(1, n))], edge], axis)


@op
def cumulative_sum(xp: Namespace, x: Array, *, axis: int | None = None) -> Array:
    """y[k] = x[0] + ... + x[k] along an axis."""
    if not x.ndim and within(axis, 0) == ():
        return +x
    return xp.cumsum(x, axis=single_axis(axis, x.ndim, "cumulative_sum"))


@cumulative_sum.vjp("x")
def cumulative_sum_d_x(g: Array, *, axis: int | None) -> Array:
    return flip(cumulative_sum(flip(g, axis=axis), axis=axis), axis=axis)


@op
def cumulative_prod(xp: Namespace, x: Array, *, axis: int | None = None) -> Array:
    """y[k] = x[0] * ... * x[k] along an axis."""
    if not x.ndim and within(axis, 0) == ():
        return +x
    return xp.cumprod(x, axis=single_axis(axis, x.ndim, "cumulative_prod"))


@cumulative_prod.vjp("x")
def cumulative_prod_d_x(g: Array, x: Array, y: Array, *, axis: int | None) -> Array:
    if not x.shape:
        return g
    # y[k] = x[k] y[k-1], hence the derivative with respect to y[k] is g[k] plus x[k+1] times the one for y[k+1]
    axis = single_axis(axis, len(x.shape), "cumulative_prod")
    through = linear_recurrence(shifted(x, by=-1, fill=0, axis=axis), g, axis=axis, reverse=True)
    return through * shifted(y, by=1, fill=1, axis=axis)


@op
def linear_recurrence(xp: Namespace, a: Array, b: Array, *, axis: int | None = None, reverse: bool = False) -> Array:
    """y[k] = a[k] y[k-1] + b[k] along an axis, from y[-1] = 0; from the other end with ``reverse``.

    a and b have the same shape.
    """
    if a.shape != b.shape:
        raise ValueError(f"linear_recurrence: a has shape {a.shape}, b has shape {b.shape}; they must be equal")
    axis = single_axis(axis, a.ndim, "linear_recurrence")
    y = xp.empty(b.shape, dtype=xp.result_type(a, b))
    places = range(b.shape[axis])
    before = None
    for k in reversed(places) if reverse else places:
        at = along(axis, k)
        y[at] = b[at] if before is None else a[at] * y[before] + b[at]
        before = at
    return y


@linear_recurrence.vjp("a", "b")
def linear_recurrence_gradients(g: Array, a: Array, y: Array, *, axis: int | None, reverse: bool) -> tuple[Array, ...]:
    axis = single_axis(axis, len(a.shape), "linear_recurrence")
    by = -1 if reverse else 1
    g_b = linear_recurrence(shifted(a, by=-by, fill=0, axis=axis), g, axis=axis, reverse=not reverse)
    return g_b * shifted(y, by=by, fill=0, axis=axis), g_b
