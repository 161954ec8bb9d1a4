"""Reductions with the arguments of the standard: a type for sums and products, nan where there are too few elements."""

from __future__ import annotations

import math

from minigrad import ops
from minigrad.backends import Array, DType
from minigrad.core.tensor import Tensor
from minigrad.creation import full
from minigrad.ops.indexing import along, single_axis
from minigrad.ops.reduction import count
from minigrad.ops.shape import Axes


def sum(x: Array, /, *, axis: Axes | None = None, dtype: DType | None = None, keepdims: bool = False) -> Tensor:
    """Sum of the elements, in the type ``dtype``; without it floats keep theirs, and small integers are summed in 64 bits."""
    return _in(ops.sum(_in(x, dtype), axis=axis, keepdims=keepdims), dtype)


def prod(x: Array, /, *, axis: Axes | None = None, dtype: DType | None = None, keepdims: bool = False) -> Tensor:
    """Product of the elements, in the type ``dtype``; without it floats keep theirs, and small integers are multiplied in 64 bits."""
    return _in(ops.prod(_in(x, dtype), axis=axis, keepdims=keepdims), dtype)


def mean(x: Array, /, *, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
    """Arithmetic mean; nan of no elements, which `minigrad.mean` refuses."""
    return ops.mean(x, axis=axis, keepdims=keepdims) if count(x.shape, axis) else _nothing(x, axis, keepdims)


def var(x: Array, /, *, axis: Axes | None = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """Variance, divided by n - correction; nan where that is not positive, which `minigrad.var` refuses."""
    if count(x.shape, axis) <= correction:
        return _nothing(x, axis, keepdims)
    return ops.var(x, axis=axis, correction=correction, keepdims=keepdims)


def std(x: Array, /, *, axis: Axes | None = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """Standard deviation: the root of `var`, of nan where that is."""
    if count(x.shape, axis) <= correction:
        return _nothing(x, axis, keepdims)
    return ops.std(x, axis=axis, correction=correction, keepdims=keepdims)


def cumulative_sum(x: Array, /, *, axis: int | None = None, dtype: DType | None = None, include_initial: bool = False) -> Tensor:
    """y[k] = x[0] + ... + x[k] along an axis, which only a vector may leave out; with ``include_initial`` behind a 0."""
    y = _in(ops.cumulative_sum(_in(x, dtype), axis=axis), dtype)
    return _behind(0, y, axis) if include_initial else y


def cumulative_prod(x: Array, /, *, axis: int | None = None, dtype: DType | None = None, include_initial: bool = False) -> Tensor:
    """y[k] = x[0] * ... * x[k] along an axis, which only a vector may leave out; with ``include_initial`` behind a 1."""
    y = _in(ops.cumulative_prod(_in(x, dtype), axis=axis), dtype)
    return _behind(1, y, axis) if include_initial else y


def _in(x: Array, dtype: DType | None) -> Tensor:
    """x in the type, if one is given; small integers are summed in 64 bits, and cut down after that, which gives the same."""
    return x if dtype is None else ops.to(x, dtype=dtype)


def _nothing(x: Array, axis: Axes | None, keepdims: bool) -> Tensor:
    """Nan in the place of each result."""
    return ops.sum(x, axis=axis, keepdims=keepdims) * math.nan


def _behind(first: int, y: Tensor, axis: int | None) -> Tensor:
    place = single_axis(axis, y.ndim, "include_initial")
    shape = y[along(place, slice(0, 1))].shape
    return ops.concat([full((*shape[:place], 1, *shape[place + 1 :]), first, dtype=y.dtype, device=y.device), y], axis=place)
