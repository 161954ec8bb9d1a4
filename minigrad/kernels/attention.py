"""What attention takes besides products: softmax in one array, and gradients of slices without a copy of zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.backends import Array, Namespace
from minigrad.kernels import buffers
from minigrad.ops.activation import softmax
from minigrad.ops.indexing import getitem
from minigrad.ops.shape import Axes

TINY = 1e-15  #: rows whose sum is larger, shifted by the largest value of all, lose no digit; that value is found in no time


@softmax.kernel()
def softmax_forward(xp: Namespace, x: Array, *, axis: Axes = -1) -> Array:
    if x.dtype.char not in "fd" or not x.size or not x.ndim:
        return NotImplemented
    y = buffers.empty_like(x)
    if axis in (-1, x.ndim - 1) and x.shape[-1] > 1:
        np.exp(np.subtract(x, x.max(), out=y), out=y)
        total = y @ np.ones(x.shape[-1], x.dtype)
        if total.min() > TINY:  # false for NaN, too
            y /= total[..., None]
            return y
    np.subtract(x, x.max(axis=axis, keepdims=True), out=y)
    np.exp(y, out=y)
    y /= y.sum(axis=axis, keepdims=True)
    return y


@softmax.kernel("x")
def softmax_backward(g: Array, y: Array, *, axis: Axes) -> Array:
    if y.dtype.char not in "fd" or g.dtype != y.dtype or not y.ndim:
        return NotImplemented
    if axis in (-1, y.ndim - 1):
        along = np.vecdot(g, y)[..., None]
    else:
        along = (g * y).sum(axis=axis, keepdims=True)
    out = np.subtract(g, along, out=buffers.empty(y.shape, y.dtype))
    out *= y
    return out


@getitem.kernel("x")
def getitem_backward(g: Array, x_shape: tuple[int, ...], *, key: Any) -> Array:
    """For a key of slices, integers, None and ..., which names every element once."""
    if not all(k is None or k is Ellipsis or isinstance(k, (slice, int)) for k in (key if isinstance(key, tuple) else (key,))):
        return NotImplemented
    if isinstance(key, bool) or (isinstance(key, tuple) and any(isinstance(k, bool) for k in key)):
        return NotImplemented
    g_x = buffers.empty(x_shape, g.dtype)
    g_x[...] = 0
    g_x[key] = g
    return g_x
