"""Medians and quantiles, sums and means of what is there, and differences of neighbours: all composed of other ops."""

from __future__ import annotations

import math
from collections.abc import Sequence

from numpy.lib.array_utils import normalize_axis_index

from minigrad.backends import Array
from minigrad.core._advice import tells_spelling
from minigrad.core.tensor import Tensor
from minigrad.ops.comparison import isinf, isnan
from minigrad.ops.elementwise import astype, where
from minigrad.ops.indexing import along
from minigrad.ops.joining import concat, stack
from minigrad.ops.reduction import sum
from minigrad.ops.shape import Axes, expand_dims, ravel
from minigrad.ops.sorting import sort

__all__ = ["diff", "median", "nanmean", "nansum", "quantile"]


@tells_spelling
def quantile(x: Array, q: float | Sequence[float], axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The number below which the share ``q`` of the elements lies, on the line between the two sorted elements next to it.

    Parameters
    ----------
    x
        The elements; where one is nan, so is the result.
    q
        A share from 0 to 1, or several, whose results are stacked along a new first axis.
    axis
        The axis along which to look; all elements if None.
    keepdims
        Whether the axis stays, with length 1.

    Raises
    ------
    ValueError
        If a share is not from 0 to 1, or there is no element.
    """
    if not isinstance(q, (int, float)):
        return stack([quantile(x, float(share), axis, keepdims) for share in q])
    if not 0 <= q <= 1:
        raise ValueError(f"quantile: q is {q}; a share is from 0 to 1")
    along_all = axis is None or not x.ndim
    flat, place = (ravel(x), 0) if along_all else (x, normalize_axis_index(axis or 0, x.ndim))
    if not flat.shape[place]:
        raise ValueError(f"the quantile of no elements is not defined: shape {x.shape}, axis {axis}")
    ordered = sort(flat if x.dtype.kind == "f" else flat * 1.0, axis=place)[0]
    position = q * (flat.shape[place] - 1)
    below, weight = math.floor(position), position - math.floor(position)
    y, last = ordered[along(place, below)], ordered[along(place, -1)]
    if weight:
        y = _between(y, ordered[along(place, below + 1)], weight)
    y = where(isnan(last), last, y)
    if not keepdims:
        return y
    return y.reshape((1,) * x.ndim) if along_all else expand_dims(y, axis=place)


def _between(a: Array, b: Array, weight: float) -> Tensor:
    """The point between a and b; between two equal infinite ones it is they, and not nan."""
    infinite = (a == b) & isinf(a)
    return a + weight * (where(infinite, 0, b) - where(infinite, 0, a))


@tells_spelling
def median(x: Array, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The middle one of the sorted elements; the mean of the two middle ones of an even number (PyTorch's takes the lower)."""
    return quantile(x, 0.5, axis, keepdims)


@tells_spelling
def nansum(x: Array, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
    """Sum of the elements that are numbers; the gradient of the others is 0."""
    return sum(where(isnan(x), 0, x), axis=axis, keepdims=keepdims)


@tells_spelling
def nanmean(x: Array, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
    """Mean of the elements that are numbers, nan where there is none; the gradient of the others is 0."""
    present = ~isnan(x)
    n = sum(astype(present, dtype=x.dtype if x.dtype.kind == "f" else "float32"), axis=axis, keepdims=keepdims)
    return nansum(x, axis, keepdims) / where(n == 0, math.nan, n)


@tells_spelling
def diff(x: Array, n: int = 1, axis: int = -1, *, prepend: Array | None = None, append: Array | None = None) -> Tensor:
    """``x[k+1] - x[k]`` along an axis, ``n`` times over.

    ``prepend`` and ``append`` are arrays that are put before and behind x first.
    """
    if n < 0:
        raise ValueError(f"diff: n is {n}; it counts how often differences are taken")
    if not x.ndim:
        raise ValueError("diff: x has no axis along which there are neighbours")
    parts = [part for part in (prepend, x, append) if part is not None]
    y = concat(parts, axis=axis) if len(parts) > 1 else x
    place = normalize_axis_index(axis, x.ndim)
    for _ in range(n):
        later, earlier = y[along(place, slice(1, None))], y[along(place, slice(None, -1))]
        y = later != earlier if y.dtype.kind == "b" else later - earlier
    return y
