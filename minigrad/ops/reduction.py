"""Reductions: one number from all the elements along some axes, or along all of them (``axis=None``).

A formula first puts the reduced axes back with length 1 (`restore`), so that the cotangent broadcasts against the input.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.activation import softmax
from minigrad.ops.cumulative import cumulative_prod, shifted
from minigrad.ops.elementwise import pow, sign, where
from minigrad.ops.shape import Axes, broadcast_to, flip, within
from minigrad.ops.special import quotient
from minigrad.ops.standardization import statistics

__all__ = [
    "all", "any", "argmax", "argmin", "count_nonzero", "logsumexp", "max", "mean", "min", "prod", "std", "sum", "var", "vector_norm",
]  # fmt: skip


def axes_of(axis: Axes | None, ndim: int) -> tuple[int, ...]:
    """Return the axes meant, none of them negative; ``None`` means all."""
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(within(axis, ndim), ndim)


def restore(g: Array, shape: tuple[int, ...], axis: Axes | None, keepdims: bool) -> Array:
    """Put the axes that a reduction of ``shape`` removed back into ``g``, with length 1."""
    if keepdims:
        return g
    axes = axes_of(axis, len(shape))
    return g.reshape(tuple([1 if i in axes else n for i, n in enumerate(shape)]))


def count(shape: tuple[int, ...], axis: Axes | None) -> int:
    """How many elements go into one result."""
    return math.prod([shape[i] for i in axes_of(axis, len(shape))])


def in_float32(f: Callable[[Array], Array], x: Array) -> Array:
    """Return f(x), worked out in float32 where x is float16: sums and squares pass 65504 where the result does not."""
    return f(x.astype(np.float32)).astype(x.dtype) if x.dtype == np.float16 else f(x)


@op
def sum(xp: Namespace, x: Array, *, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """Sum of the elements; 0 where there are none. Small integers are summed as int64, as NumPy does."""
    return x.sum(axis=within(axis, x.ndim), keepdims=keepdims)


@sum.vjp("x")
def sum_d_x(g: Array, x_shape: tuple[int, ...], *, axis: Axes | None, keepdims: bool) -> Array:
    return broadcast_to(restore(g, x_shape, axis, keepdims), x_shape)


@op
def mean(xp: Namespace, x: Array, *, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """Arithmetic mean of the elements."""
    if count(x.shape, axis) == 0:
        raise ValueError(f"the mean of no elements is not defined: shape {x.shape}, axis {axis}")
    return x.mean(axis=within(axis, x.ndim), keepdims=keepdims)


@mean.vjp("x")
def mean_d_x(g: Array, x_shape: tuple[int, ...], *, axis: Axes | None, keepdims: bool) -> Array:
    return broadcast_to(restore(g * (1 / count(x_shape, axis)), x_shape, axis, keepdims), x_shape)  # float16 cannot hold every count


@op
def prod(xp: Namespace, x: Array, *, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """Product of the elements; 1 where there are none."""
    return x.prod(axis=within(axis, x.ndim), keepdims=keepdims)


@prod.vjp("x")
def prod_d_x(g: Array, x: Array, *, axis: Axes | None, keepdims: bool) -> Array:
    # The derivative with respect to one factor is the product of the others: of those before it times those after it.
    # Dividing the product by the factor would fail where that is 0.
    axes = axes_of(axis, len(x.shape))
    order = (*[i for i in range(len(x.shape)) if i not in axes], *axes)
    moved = x.transpose(order)
    rows = moved.reshape((*moved.shape[: len(order) - len(axes)], math.prod(moved.shape[len(order) - len(axes) :])))
    before = shifted(cumulative_prod(rows, axis=-1), by=1, fill=1)
    after = flip(shifted(cumulative_prod(flip(rows, axis=-1), axis=-1), by=1, fill=1), axis=-1)
    others = (before * after).reshape(moved.shape).transpose(tuple([order.index(i) for i in range(len(order))]))
    return restore(g, x.shape, axis, keepdims) * others


# --------------------------------------------------------------------------------------------------- spread and size


def degrees(name: str, shape: tuple[int, ...], axis: Axes | None, correction: float) -> float:
    """Return the divisor of a variance."""
    n = count(shape, axis)
    if n <= correction:
        raise ValueError(f"{name} of {n} elements with correction {correction} is not defined: shape {shape}, axis {axis}")
    return n - correction


def variance(xp: Namespace, name: str, x: Array, axis: Axes | None, correction: float, keepdims: bool) -> Array:
    """Return the variance in float64 or longer."""
    factor = count(x.shape, axis) / degrees(name, x.shape, axis, correction)
    axes = axes_of(axis, len(x.shape))
    _, _, _, var = statistics(xp, x, axes)
    return (var if keepdims else var.squeeze(axes)) * factor


@op
def var(xp: Namespace, x: Array, *, axis: Axes | None = None, correction: float = 0, keepdims: bool = False) -> Array:
    """Variance: sum((x - mean)**2) / (n - correction), in two passes over the data."""
    return variance(xp, "var", x, axis, correction, keepdims).astype(xp.result_type(x, 1.0))


@var.vjp("x")
def var_d_x(g: Array, x: Array, *, axis: Axes | None, correction: float, keepdims: bool) -> Array:
    n = degrees("var", x.shape, axis, correction)
    return restore(g * (2 / n), x.shape, axis, keepdims) * (x - x.mean(axis=axes_of(axis, len(x.shape)), keepdims=True))


@op
def std(xp: Namespace, x: Array, *, axis: Axes | None = None, correction: float = 0, keepdims: bool = False) -> Array:
    """Standard deviation, the square root of `var`. Where it is 0, so is the gradient."""
    wide = x.astype(xp.promote_types(x.dtype, xp.float64), copy=False)  # a deviation of 1e-30 is a float32, and its square is none
    y = xp.sqrt(variance(xp, "std", wide, axis, correction, keepdims)).astype(xp.result_type(x, 1.0))
    axis = within(axis, x.ndim)
    equal = x.max(axis=axis, keepdims=keepdims) == x.min(axis=axis, keepdims=keepdims)
    return xp.where(equal, y.dtype.type(0), y)  # not what the rounding of their mean makes of equal values


@std.vjp("x")
def std_d_x(g: Array, x: Array, y: Array, *, axis: Axes | None, correction: float, keepdims: bool) -> Array:
    n = degrees("std", x.shape, axis, correction)
    centred = x - x.mean(axis=axes_of(axis, len(x.shape)), keepdims=True)
    return restore(g * (1 / n), x.shape, axis, keepdims) * quotient(centred, restore(y, x.shape, axis, keepdims))


@op
def logsumexp(xp: Namespace, x: Array, *, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))), -inf where there is no element; computed as m + log(sum(exp(x - m))) with m = max(x), so that nothing overflows."""
    axis = within(axis, x.ndim)
    if not count(x.shape, axis):
        return x.sum(axis=axis, keepdims=keepdims) - math.inf  # log(0)
    m = x.max(axis=axis, keepdims=True)
    largest = float(np.finfo(x.dtype).max) if x.dtype.kind == "f" else math.inf  # integers have no infinity to keep out
    total = xp.exp(x - xp.clip(m, -largest, largest)).sum(axis=axis, keepdims=True)
    y = m + xp.log(xp.maximum(total, 1))  # below 1 only where all x are -inf
    return y if keepdims else y.squeeze(axes_of(axis, x.ndim))


@logsumexp.vjp("x")
def logsumexp_d_x(g: Array, x: Array, *, axis: Axes | None, keepdims: bool) -> Array:
    # softmax(x), as exp(x - y) has no digits left where y is large. Infinite elements share evenly; where all are -inf, it is 0.
    axes = axes_of(axis, len(x.shape))
    if not count(x.shape, axes):
        return restore(g, x.shape, axis, keepdims) * x  # nothing
    m = max(x, axis=axes, keepdims=True)
    shares = softmax(where(abs(m) == math.inf, where(x == m, 0.0, -math.inf), x), axis=axes)
    return restore(g, x.shape, axis, keepdims) * where(m == -math.inf, 0.0, shares)


@op
def vector_norm(xp: Namespace, x: Array, *, axis: Axes | None = None, ord: float = 2, keepdims: bool = False) -> Array:
    """sum(abs(x)**ord) ** (1 / ord); the largest or smallest absolute value for ord = inf or -inf; how many are not 0 for ord = 0.

    At x = 0, where no norm has a derivative, the gradient is 0. Ties for inf and -inf share it evenly. Below 1 this is no norm,
    and where an element is 0 its gradient is nan.
    """
    return in_float32(lambda x: _norm(xp, x, axis, ord, keepdims), x)


def _norm(xp: Namespace, x: Array, axis: Axes | None, ord: float, keepdims: bool) -> Array:
    size, axis = abs(x), within(axis, x.ndim)
    if abs(ord) == math.inf:
        return extreme(size, "max" if ord > 0 else "min", axis, keepdims)
    if ord == 1 or not count(x.shape, axis):
        return size.sum(axis=axis, keepdims=keepdims)
    if ord == 0:
        return (x != 0).astype(x.dtype).sum(axis=axis, keepdims=keepdims)
    scale = size.max(axis=axis, keepdims=True) if ord > 0 else size.min(axis=axis, keepdims=True)  # so that no power overflows
    scale = xp.where((scale > 0) & (scale < math.inf), scale, 1)
    x = x / scale
    total = ((x * x) if ord == 2 else abs(x) ** ord).sum(axis=axis, keepdims=True)
    y = scale * (xp.sqrt(total) if ord == 2 else total ** (1 / ord))
    return y if keepdims else y.squeeze(axes_of(axis, x.ndim))


@vector_norm.vjp("x")
def vector_norm_d_x(g: Array, x: Array, y: Array, *, axis: Axes | None, ord: float, keepdims: bool) -> Array:
    g = restore(g, x.shape, axis, keepdims)
    if ord == 0:
        return sign(x) * 0
    if ord == 1:
        return g * sign(x)
    y = restore(y, x.shape, axis, keepdims)
    if abs(ord) == math.inf:
        return sign(x) * shared_by_ties(g, abs(x), y, axis=axis, keepdims=True)
    if ord == 2:
        return g * quotient(x, y)
    if ord > 2:
        return g * sign(x) * pow(quotient(abs(x), y), ord - 1)
    return g * sign(x) * quotient(pow(abs(x), ord - 1), pow(y, ord - 1))  # whose derivative at one x = 0 is infinite, and not at the others


# ------------------------------------------------------------------------------------------------ largest and smallest


@op
def max(xp: Namespace, x: Array, *, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """Largest element. Where several are equal, each takes an equal share of the gradient."""
    return extreme(x, "max", axis, keepdims)


@op
def min(xp: Namespace, x: Array, *, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """Smallest element. Where several are equal, each takes an equal share of the gradient."""
    return extreme(x, "min", axis, keepdims)


def extreme(x: Array, name: str, axis: Axes | None, keepdims: bool) -> Array:
    """Return the largest or smallest element; refuse an axis without elements."""
    if not count(x.shape, axis):
        raise ValueError(f"the {name} of no elements is not defined: shape {x.shape}, axis {axis}")
    return getattr(x, name)(axis=within(axis, x.ndim), keepdims=keepdims)


def shared_by_ties(g: Array, x: Array, y: Array, *, axis: Axes | None, keepdims: bool) -> Array:
    """Spread g evenly over the elements of x that equal the result y; nothing equals nan, and the gradient is 0 there."""
    hit = x == restore(y, x.shape, axis, keepdims)
    hits = hit.astype(g.dtype).sum(axis=axes_of(axis, len(x.shape)), keepdims=True)
    return where(hit, restore(g, x.shape, axis, keepdims) / where(hits == 0, 1, hits), 0)


max.vjp(x=shared_by_ties)
min.vjp(x=shared_by_ties)


# --------------------------------------------------------------------------------------------------- without gradients


@op
def all(xp: Namespace, x: Array, *, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """Whether every element is true (not zero)."""
    return x.all(axis=within(axis, x.ndim), keepdims=keepdims)


@op
def any(xp: Namespace, x: Array, *, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """Whether some element is true (not zero)."""
    return x.any(axis=within(axis, x.ndim), keepdims=keepdims)


@op
def count_nonzero(xp: Namespace, x: Array, *, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """How many elements are not zero."""
    return (x != 0).sum(axis=within(axis, x.ndim), keepdims=keepdims)


@op
def argmax(xp: Namespace, x: Array, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Position of the largest element along an axis, or in the flat array; of the first one where several are equal."""
    return x.argmax(axis=axis, keepdims=keepdims)


@op
def argmin(xp: Namespace, x: Array, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Position of the smallest element along an axis, or in the flat array; of the first one where several are equal."""
    return x.argmin(axis=axis, keepdims=keepdims)


argmax.nondiff(x="the result is a position")
argmin.nondiff(x="the result is a position")
all.nondiff(x="the result is a truth value")
any.nondiff(x="the result is a truth value")
count_nonzero.nondiff(x="the result is an integer")
