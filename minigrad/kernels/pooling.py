"""Max pooling without padding: per tap of the kernel one comparison and one maximum, written into place.

The maximum itself needs no choosing (`numpy.where` takes eight times as long as `numpy.maximum`), and which tap it was
is kept as one byte until the end. Backward, each tap is g behind a mask, written where the tap reads.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from minigrad.backends import Array, Namespace
from minigrad.kernels import buffers, loops
from minigrad.kernels.masking import masked
from minigrad.ops.pooling import max_pool
from minigrad.ops.windows import Ints, PerAxis, pool_geometry, taps

MOST_TAPS = 25  #: beyond, windows overlap so much that other ways are better


@max_pool.kernel()
def forward(
    xp: Namespace, x: Array, *, kernel_size: PerAxis, stride: PerAxis | None = None, padding: PerAxis = 0, dilation: PerAxis = 1,
    ceil_mode: bool = False,
) -> Array:  # fmt: skip
    kernel, strides, pairs, steps, windows = pool_geometry("max_pool", x, kernel_size, stride, padding, dilation, ceil_mode)
    if not _fits(x, kernel, pairs):
        return NotImplemented
    y = buffers.empty((*x.shape[:2], *windows), x.dtype)
    fast = _loops_for(kernel, strides, steps, x)
    if fast is not None:
        indices = buffers.empty(y.shape, np.int32)
        return (y, indices) if fast.max_pool_2x2(_planes(x), _planes(y), _planes(indices)) else NotImplemented
    which = np.zeros(y.shape, np.uint8)
    better = np.empty(y.shape, bool)
    for k, (_, index) in enumerate(taps(kernel, windows, strides, steps)):
        if k == 0:
            y[...] = x[index]
            continue
        np.greater(x[index], y, out=better)
        np.maximum(x[index], y, out=y)
        np.maximum(which, better.view(np.uint8) * np.uint8(k), out=which)
    if y.dtype.kind == "f" and np.isnan(y.max()):
        return NotImplemented  # a NaN compares with nothing
    offsets = _offsets(kernel, steps, x.shape[2:])
    indices = buffers.empty(y.shape, np.int32)
    np.take(offsets, which, out=indices, mode="clip")  # clip: the other modes copy to check first
    indices += _origins(windows, strides, x.shape[2:])
    return y, indices


@max_pool.kernel("x")
def backward(
    g: Array,
    indices: Array,
    x_shape: Ints,
    *,
    kernel_size: PerAxis,
    stride: PerAxis | None,
    padding: PerAxis,
    dilation: PerAxis,
    ceil_mode: bool,
) -> Array:
    g_x = buffers.empty(x_shape, g.dtype)
    kernel, strides, pairs, steps, windows = pool_geometry("max_pool", g_x, kernel_size, stride, padding, dilation, ceil_mode)
    if not _fits(g_x, kernel, pairs):
        return NotImplemented
    apart = kernel == strides and set(steps) == {1}
    if not apart or any(n != k * w for n, k, w in zip(x_shape[2:], kernel, windows, strict=True)):
        g_x[...] = 0
    fast = _loops_for(kernel, strides, steps, g)
    if fast is not None:
        fast.max_pool_2x2_gradient(_planes(g), _planes(indices), _planes(g_x))
        return g_x
    local = indices - _origins(windows, strides, x_shape[2:])
    picked = np.empty(g.shape, bool)
    for offset, (_, index) in zip(_offsets(kernel, steps, x_shape[2:]), taps(kernel, windows, strides, steps), strict=True):
        np.equal(local, offset, out=picked)
        if apart:
            masked(g, picked, out=g_x[index])
        else:
            g_x[index] += masked(g, picked)
    return g_x


def _fits(x: Array, kernel: Ints, pairs: Any) -> bool:
    return x.size > 0 and prod(kernel) <= MOST_TAPS and prod(x.shape[2:]) < 2**31 and not any(n for pair in pairs for n in pair)


def _loops_for(kernel: Ints, strides: Ints, steps: Ints, x: Array) -> Array:
    """The loops compiled by Numba, where it is installed and they are for this pooling."""
    plain = kernel == strides == (2, 2) and steps == (1, 1) and x.dtype.char in "fd" and x.flags.c_contiguous
    return loops.find("pooling") if plain else None


def _planes(x: Array) -> Array:
    return x.reshape((-1, *x.shape[2:]))


def _offsets(kernel: Ints, steps: Ints, size: Ints) -> Array:
    """Where each tap lies from the origin of its window, in the flattened spatial axes."""
    positions = [np.ravel_multi_index([t * d for t, d in zip(tap, steps, strict=True)], size) for tap in product(*map(range, kernel))]
    return np.array(positions, np.int32)


def _origins(windows: Ints, strides: Ints, size: Ints) -> Array:
    """Where the windows begin, in the flattened spatial axes."""
    return np.ravel_multi_index(np.ix_(*[np.arange(n) * s for n, s in zip(windows, strides, strict=True)]), size).astype(np.int32)
