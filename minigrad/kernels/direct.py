"""Convolutions with stride 1 as sums of shifted rows, in loops that Numba compiles: no windows are written at all.

The first lines of a few samples are laid out one after another, then their second lines, and so on, with zeros between
them: one long row for each channel. From any position in it, the element that a tap of the kernel meets lies at a fixed
distance, so that with k counting channels and taps

    y[o, j] = sum over k of weight[o, k] * row[offset[k] + j]        and the gradient of the weight is
    dw[o, k] = sum over j of g[o, j] * row[offset[k] + j]

The zeros after a line are those before the next. At the few positions where a window would run from one line into the
next, y is computed and dropped, and g is zero.

The first-level cache holds a piece of four rows of y (or g) and of one channel.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from minigrad.backends import Array
from minigrad.kernels import buffers, loops
from minigrad.ops.windows import Ints, Pairs, padded, reach

PIECE = 1 << 13  #: bytes of a row that are worked on together
VECTOR = 64  #: bytes of the longest vectors, and of a line of the cache; rows are a multiple of it


def fits(x: Array, kernel: Ints, strides: Ints, groups: int) -> bool:
    """Tell whether this can do the convolution, and better than a matrix product, which a kernel of one tap is."""
    return x.ndim in (3, 4) and prod(kernel) > 1 and set(strides) == {1} and groups == 1 and loops.find("convolution") is not None


def convolve(x: Array, weight: Array, bias: Array, steps: Ints, pairs: Pairs, windows: Ints) -> Array:
    """Convolve ``x`` (N, C, [H,] W) with ``weight`` (O, C, [p,] q)."""
    o = weight.shape[0]
    x, layout = _laid_out(x, weight.shape[2:], steps, pairs, windows)
    matrix = np.zeros((_up(o, 4), layout.offsets.size), x.dtype)
    matrix[:o, : prod(weight.shape[1:])] = weight.reshape(o, -1)
    bias = np.zeros(o, x.dtype) if bias is None else bias
    y = buffers.empty((len(x), o, *([1] * (4 - weight.ndim)), *windows), x.dtype)
    sums = _zeros((4, layout.size), x.dtype)
    image = _zeros(layout.image, x.dtype)
    _loops().convolve(x, matrix, _read_only(bias), layout.offsets, layout.place, layout.piece, image, sums, y)
    return y.reshape(len(x), o, *windows)


def weight_gradient(x: Array, g: Array, kernel: Ints, steps: Ints, pairs: Pairs) -> Array:
    """Gradient for the weight of `convolve`, where ``g`` (N, O, [P,] Q) is the cotangent of the result.

    Where x is infinite or NaN near an edge, it meets the zeros between the lines of g, and a gradient is NaN that by
    the definition is a number.
    """
    o, c = g.shape[1], x.shape[1]
    x, layout = _laid_out(x, kernel, steps, pairs, g.shape[2:])
    g = _read_only(g).reshape(len(x), o, -1, g.shape[-1])
    cotangent = _zeros((_up(o, 4), layout.size), x.dtype)
    image = _zeros(layout.image, x.dtype)
    total = np.zeros((len(cotangent), layout.offsets.size), x.dtype)
    _loops().weight_gradient(x, g, layout.offsets, layout.place, layout.piece, image, cotangent, total)
    return total[:o, : c * prod(kernel)].reshape(o, c, *kernel)


class _Layout(NamedTuple):
    """How samples are laid out in rows."""

    place: Ints  #: samples at a time, distance between their lines, zeros above and to the left
    image: Ints  #: channels, and one of zeros; length of a row
    offsets: Any  #: distance of each channel and tap in the flattened rows, a multiple of 3; the last may look at zeros
    size: int  #: positions of windows in a row
    piece: int  #: how many of them are worked on together


def _laid_out(x: Array, kernel: Ints, steps: Ints, pairs: Pairs, windows: Ints) -> tuple[Any, _Layout]:
    """Return x as (N, C, H, W), and its layout."""
    if any(n < 0 for pair in pairs for n in pair):
        x, pairs = padded(np, x, pairs), ((0, 0),) * len(pairs)
    if x.ndim == 3:
        x, kernel, steps, pairs, windows = x[:, :, None], (1, *kernel), (1, *steps), ((0, 0), *pairs), (1, *windows)
    return _read_only(x), _layout(x.shape, kernel, steps, pairs, windows, x.itemsize)


@lru_cache(256)
def _layout(shape: Ints, kernel: Ints, steps: Ints, pairs: Pairs, windows: Ints, itemsize: int) -> _Layout:
    n, c = shape[:2]
    vector = VECTOR // itemsize
    width = max(shape[3] + max(pairs[1]), windows[1])
    parts = -(-n // max(1, PIECE // (windows[0] * width * itemsize)))
    samples = -(-n // parts)
    size = _up((windows[0] * samples - 1) * width + windows[1], vector)
    pieces = -(-size * itemsize // PIECE)
    down, right = (r - 1 for r in reach(kernel, steps))
    length = _up(size + down * samples * width + right, vector)
    taps = np.add.outer(np.arange(kernel[0]) * steps[0] * samples * width, np.arange(kernel[1]) * steps[1])
    offsets = np.add.outer(np.arange(c) * length, taps).ravel()
    offsets = _read_only(np.pad(offsets, (0, -offsets.size % 3), constant_values=c * length))
    return _Layout((samples, width, pairs[0][0], pairs[1][0]), (c + 1, length), offsets, size, _up(-(-size // pieces), vector))


def _loops() -> Any:
    return loops.find("convolution")


def _read_only(array: Array) -> Array:
    """Return a contiguous view that cannot be written: the loops are compiled for one kind of array."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _zeros(shape: Ints, dtype: np.dtype[Any]) -> Array:
    """Return zeros at an address that is a multiple of 64, the size of a vector and of a line of the cache."""
    size = prod(shape) * dtype.itemsize
    memory = buffers.empty((size + 64,), np.uint8)
    start = -memory.ctypes.data % 64
    array = memory[start : start + size].view(dtype).reshape(shape)
    array[...] = 0
    return array


def _up(n: int, step: int) -> int:
    """Round up to a multiple."""
    return -(-n // step) * step
