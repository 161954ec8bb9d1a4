"""Convolution a few samples at a time: their windows stay in the cache, and nothing as large as all windows is made.

Convolutions of 3x3 with stride 1 between enough channels are done by `minigrad.kernels.winograd`, others with stride 1 by
`minigrad.kernels.direct` where Numba is installed. The bias is added, and summed over, without a pass through memory of its own.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from minigrad.backends import Array, Namespace
from minigrad.kernels import buffers, direct, loops, winograd
from minigrad.ops.conv import check_operands, convolution
from minigrad.ops.windows import Ints, Padding, Pairs, PerAxis, count, geometry, padded, taps

CHUNK = 1 << 19  #: bytes of windows that are made at a time


@convolution.kernel()
def forward(
    xp: Namespace, x: Array, weight: Array, bias: Array | None = None,
    *, stride: PerAxis = 1, padding: Padding = 0, dilation: PerAxis = 1, groups: int = 1,
) -> Array:  # fmt: skip
    check_operands("convolution", x, weight, groups, weight.shape[1] * groups, "(out, in / groups, *kernel)", bias, weight.shape[0])
    kernel = weight.shape[2:]
    strides, pairs, steps = geometry(kernel, stride, padding, dilation)
    windows = count(x.shape[2:], kernel, strides, steps, pairs)
    if not _plain_floats(x, weight) or not x.size:
        return NotImplemented
    return _convolve(x, weight, bias, strides, pairs, steps, groups, windows)


def _convolve(x: Array, weight: Array, bias: Array, strides: Ints, pairs: Pairs, steps: Ints, groups: int, windows: Ints) -> Array:
    if _for_winograd(weight.shape, strides, steps, pairs, groups, windows):
        return winograd.convolve(x, weight, bias, (pairs[0][0], pairs[1][0]))
    kernel, o = weight.shape[2:], weight.shape[0]
    if direct.fits(x, kernel, strides, groups):
        return direct.convolve(x, weight, bias, steps, pairs, windows)
    y = buffers.empty((x.shape[0], o, *windows), x.dtype)
    matrices = weight.reshape(groups, o // groups, -1)
    cut = _Columns(x, kernel, strides, pairs, steps, groups, windows)
    for part in cut.parts:
        out = y[part].reshape(-1, groups, o // groups, prod(windows))
        np.matmul(matrices, cut.columns_of(part), out=out)
        if bias is not None:
            out += bias.reshape(groups, -1, 1)
    return y


@convolution.kernel("x")
def input_gradient(g: Array, weight: Array, x_shape: Ints, *, stride: PerAxis, padding: Padding, dilation: PerAxis, groups: int) -> Array:
    """With stride 1 it is the convolution of g with the weight turned by 180 degrees: gathering is quicker than spreading.

    A weight that is infinite meets zeros around g, and gives NaN at the edges, where the formula has a number.
    """
    kernel = weight.shape[2:]
    strides, pairs, steps = geometry(kernel, stride, padding, dilation)
    many = weight.shape[0] > 2 * weight.shape[1] and not direct.fits(g, kernel, strides, groups)  # windows of g would be large
    if not _plain_floats(g, weight) or not g.size or groups > 1 or set(strides) != {1} or many:
        return NotImplemented
    around = tuple(((k - 1) * d - lo, (k - 1) * d - hi) for k, d, (lo, hi) in zip(kernel, steps, pairs, strict=True))
    turned = np.ascontiguousarray(np.flip(weight, axis=tuple(range(2, weight.ndim))).swapaxes(0, 1))
    return _convolve(g, turned, None, strides, around, steps, 1, x_shape[2:])


@convolution.kernel("weight")
def weight_gradient(g: Array, x: Array, weight_shape: Ints, *, stride: PerAxis, padding: Padding, dilation: PerAxis, groups: int) -> Array:
    kernel = weight_shape[2:]
    strides, pairs, steps = geometry(kernel, stride, padding, dilation)
    if not _plain_floats(g, x) or not g.size:
        return NotImplemented
    if _for_winograd(weight_shape, strides, steps, pairs, groups, g.shape[2:]):
        return winograd.weight_gradient(x, g, (pairs[0][0], pairs[1][0]))
    if direct.fits(x, kernel, strides, groups):
        gradient = direct.weight_gradient(x, g, kernel, steps, pairs)
        if np.isfinite(gradient).all():  # else it may hold a NaN too many
            return gradient
    total = np.zeros((groups, weight_shape[0] // groups, prod(weight_shape[1:])), x.dtype)
    cut = _Columns(x, kernel, strides, pairs, steps, groups, g.shape[2:])
    for part in cut.parts:
        rows = g[part].reshape(-1, groups, weight_shape[0] // groups, prod(g.shape[2:]))
        columns = cut.columns_of(part)
        each = np.matmul(rows, columns.swapaxes(2, 3), out=buffers.empty((len(rows), *total.shape), x.dtype))
        total += each.sum(axis=0)
    return total.reshape(weight_shape)


@convolution.kernel("bias")
def bias_gradient(g: Array) -> Array:
    if not _plain_floats(g) or not g.size:
        return NotImplemented
    return (g.reshape(*g.shape[:2], -1) @ np.ones(prod(g.shape[2:]), g.dtype)).sum(axis=0, dtype=np.float64).astype(g.dtype)


def _plain_floats(*arrays: Array) -> bool:
    return all(a.dtype == arrays[0].dtype and a.dtype in (np.float32, np.float64) for a in arrays)


def _for_winograd(weight_shape: Ints, strides: Ints, steps: Ints, pairs: Pairs, groups: int, windows: Ints) -> bool:
    """Whether Winograd's algorithm can do it, and is faster: with few channels its transforms cost more than it saves."""
    enough = 32 if loops.find("convolution") is None else 128
    return (
        weight_shape[2:] == (3, 3)
        and strides == steps == (1, 1)
        and groups == 1
        and all(0 <= lo == hi <= 2 for lo, hi in pairs)
        and min(weight_shape[:2]) >= enough
        and min(windows) >= 4
    )


class _Columns:
    """The windows of a few samples at a time as columns, (samples, groups, in / groups * kernel, windows).

    The last axis is cut into windows first: what is then copied for each place in the other axes is longer than a row.
    """

    def __init__(self, x: Array, kernel: Ints, strides: Ints, pairs: Pairs, steps: Ints, groups: int, windows: Ints) -> None:
        if any(n < 0 for pair in pairs for n in pair):
            x, pairs = padded(np, x, pairs), ((0, 0),) * len(pairs)
        self.x, self.groups = x, groups
        n, c = x.shape[:2]
        step = min(n, max(1, CHUNK // (c * prod(kernel) * prod(windows) * x.itemsize)))
        self.parts = [slice(i, min(i + step, n)) for i in range(0, n, step)]
        size = [length + lo + hi for length, (lo, hi) in zip(x.shape[2:], pairs, strict=True)]
        self.image = buffers.empty((step, c, *size), x.dtype)
        self.image[...] = 0
        inner: Any = (..., *(slice(lo, lo + length) for length, (lo, _) in zip(x.shape[2:], pairs, strict=True)))
        self.middle = self.image[inner]
        last = [self.image[..., k * steps[-1] :][..., : strides[-1] * (windows[-1] - 1) + 1 : strides[-1]] for k in range(kernel[-1])]
        self.last_axis = list(enumerate(last))
        self.cut = buffers.empty((step, c, kernel[-1], *size[:-1], windows[-1]), x.dtype)
        self.columns = buffers.empty((step, c, *kernel, *windows), x.dtype)
        places = taps(kernel[:-1], windows[:-1], strides[:-1], steps[:-1])
        whole: Any = slice(None)
        self.others = [(self.columns[(whole, whole, *tap)], self.cut[(*index, whole)]) for tap, index in places]

    def columns_of(self, part: slice) -> Array:
        """Return the columns of some samples, until it is called again."""
        k = part.stop - part.start
        self.middle[:k] = self.x[part]
        for at, source in self.last_axis:
            self.cut[:k, :, at] = source[:k]
        for target, source in self.others:
            target[:k] = source[:k]
        return self.columns[:k].reshape((k, self.groups, self.x.shape[1] // self.groups * prod(self.columns.shape[2 : self.x.ndim]), -1))
