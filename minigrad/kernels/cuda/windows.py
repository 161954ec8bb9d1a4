"""Convolution and pooling on a GPU, over one or two spatial axes.

A convolution is a product with columns. They are made for so many images at a time that they stay in the cache between
the kernel that writes them and the product that reads them. A convolution in groups, of which each has few channels,
walks through its windows directly.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from minigrad.backends import BACKENDS, Array, Namespace
from minigrad.kernels.cuda.launch import REALS, blocks_for, contiguous, launch
from minigrad.kernels.cuda.products import handled, product
from minigrad.ops.average_pooling import adaptive_avg_pool
from minigrad.ops.conv import conv_transpose, convolution, convolution_weight_grad, cut
from minigrad.ops.pooling import max_pool
from minigrad.ops.windows import Ints, Padding, Pairs, PerAxis, adaptive_bounds, count, geometry, pool_geometry, reach

CACHED_BYTES = 30 * 2**20  #: of columns at a time: half of the second-level cache of a large GPU
_FIELDS = ("C", "H", "W", "KH", "KW", "SH", "SW", "PH", "PW", "DH", "DW", "OH", "OW")
WINDOWS = np.dtype([(name, np.int32) for name in _FIELDS])


class Windows:
    """Where the windows of an input lie: the struct that the kernels take, and what follows from it.

    One spatial axis is taken as two, the first of length 1.
    """

    def __init__(self, channels: int, size: Ints, kernel: Ints, stride: Ints, pairs: Pairs, dilation: Ints, windows: Ints) -> None:
        flat = len(size) == 1
        one, zero = ((1,), (0,)) if flat else ((), ())
        before = tuple(lo for lo, _ in pairs)
        values = (channels, *one, *size, *one, *kernel, *one, *stride, *zero, *before, *one, *dilation, *one, *windows)
        self.struct = np.array(values, dtype=np.int32).view(WINDOWS)
        self.rows, self.places = channels * prod(kernel), prod(windows)

    def columns(self, x: Array) -> Array:
        """Return the columns (N, C K, windows) of images."""
        out = BACKENDS[x.__class__].xp.empty((x.shape[0], self.rows, self.places), dtype=x.dtype)
        rows = x.shape[0] * self.rows
        grid = -(-self.places // 128), min(-(-rows // 8), 65535)
        launch("mg_columns", grid, (32, 8), (contiguous(x), out, self.struct, rows), like=x)
        return out

    def add_columns(self, columns: Array, out: Array) -> None:
        """Add columns up into ``out``, images."""
        launch("mg_add_columns", blocks_for(out.size, most=65535), (256,), (columns, out, self.struct, out.size), like=out)

    def parts(self, images: int, itemsize: int) -> Iterator[slice]:
        """Cut a batch so that the columns of a part stay in the cache."""
        step = max(1, CACHED_BYTES // max(1, self.rows * self.places * itemsize))
        for start in range(0, images, step):
            yield slice(start, min(start + step, images))


def windows_of(
    size: Ints, channels: int, kernel: Ints, stride: PerAxis, padding: Padding, dilation: PerAxis
) -> tuple[Windows, Ints] | None:
    """Return the windows of a convolution over one or two axes, and how many there are along each."""
    if len(kernel) not in (1, 2) or len(size) != len(kernel):
        return None
    stride, pairs, dilation = geometry(kernel, stride, padding, dilation)
    if any(n < 0 for pair in pairs for n in pair):
        return None
    windows = count(size, kernel, stride, dilation, pairs)
    return Windows(channels, size, kernel, stride, pairs, dilation, windows), windows


def divide(channels: int, weight: Array, groups: int) -> bool:
    """Tell whether a weight (out, in / groups, *kernel) fits so many input channels."""
    return groups >= 1 and weight.shape[0] % groups == 0 and weight.shape[1] * groups == channels


# ------------------------------------------------------------------------------------------------------ convolution


@convolution.kernel(device="cuda")
def convolution_forward(
    xp: Namespace,
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Array:
    if not handled(x, weight) or x.ndim != weight.ndim or not divide(x.shape[1], weight, groups):
        return NotImplemented
    if bias is not None and (bias.shape != weight.shape[:1] or bias.dtype != x.dtype):
        return NotImplemented
    found = windows_of(x.shape[2:], x.shape[1], weight.shape[2:], stride, padding, dilation)
    if found is None:
        return NotImplemented
    w, windows = found
    y = xp.empty((x.shape[0], weight.shape[0], w.places), dtype=x.dtype)
    if groups > 1:
        args = (contiguous(x), contiguous(weight), bias, y, w.struct, weight.shape[0], groups, y.size)
        launch("mg_grouped", blocks_for(y.size, most=65535), (256,), args, like=x)
        return y.reshape((*y.shape[:2], *windows))
    filters = contiguous(weight).reshape((weight.shape[0], w.rows))
    for part in w.parts(x.shape[0], x.itemsize):
        columns = w.columns(x[part])
        product(xp.broadcast_to(filters, (columns.shape[0], *filters.shape)), columns, y[part])
    if bias is not None:
        launch("mg_add_channel_bias", blocks_for(y.size), (256,), (y, bias, y.size, weight.shape[0], w.places), like=y)
    return y.reshape((x.shape[0], weight.shape[0], *windows))


@convolution_weight_grad.kernel(device="cuda")
def convolution_weight_grad_forward(
    xp: Namespace,
    x: Array,
    dy: Array,
    *,
    kernel_size: Ints,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Array:
    found = windows_of(x.shape[2:], x.shape[1], tuple(kernel_size), stride, padding, dilation) if handled(x, dy) else None
    if found is None or dy.shape[2:] != found[1] or dy.shape[0] != x.shape[0] or groups < 1 or x.shape[1] % groups or dy.shape[1] % groups:
        return NotImplemented
    w, _ = found
    if groups > 1:
        dw = xp.empty((dy.shape[1], x.shape[1] // groups, *kernel_size), dtype=x.dtype)
        args = (contiguous(x), contiguous(dy), dw, w.struct, dy.shape[1], groups, x.shape[0])
        launch("mg_grouped_weight", (dw.size,), (1, 256), args, like=x, shared=8 * 256)
        return dw
    dy = contiguous(dy).reshape((*dy.shape[:2], w.places))
    total = None
    for part in w.parts(x.shape[0], x.itemsize):
        each = product(dy[part], w.columns(x[part]).swapaxes(1, 2))
        total = each.sum(axis=0) if total is None else total + each.sum(axis=0)
    if total is None:
        total = xp.zeros((dy.shape[1], w.rows), dtype=x.dtype)
    return total.reshape((dy.shape[1], x.shape[1], *kernel_size))


def spread(g: Array, weight: Array, size: Ints, stride: PerAxis, padding: Padding, dilation: PerAxis, groups: int) -> Array:
    """Return the gradient of a convolution for its input, of spatial ``size``."""
    channels = weight.shape[1] * groups
    fits = handled(g, weight) and g.shape[1] == weight.shape[0] and divide(channels, weight, groups)
    found = windows_of(size, channels, weight.shape[2:], stride, padding, dilation) if fits else None
    if found is None or g.shape[2:] != found[1]:
        return NotImplemented
    w, _ = found
    xp = BACKENDS[g.__class__].xp
    if groups > 1:
        out = xp.empty((g.shape[0], channels, *size), dtype=g.dtype)
        args = (contiguous(g), contiguous(weight), out, w.struct, weight.shape[0], groups, out.size)
        launch("mg_grouped_spread", blocks_for(out.size, most=65535), (256,), args, like=g)
        return out
    g = contiguous(g).reshape((*g.shape[:2], w.places))
    out = xp.empty((g.shape[0], weight.shape[1], *size), dtype=g.dtype)
    filters = contiguous(weight).reshape((weight.shape[0], w.rows)).T
    for part in w.parts(g.shape[0], g.itemsize):
        columns = product(xp.broadcast_to(filters, (part.stop - part.start, *filters.shape)), g[part])
        w.add_columns(columns, out[part])
    return out


@convolution.kernel("x", device="cuda")
def convolution_d_x(g: Array, weight: Array, x_shape: Ints, *, stride: PerAxis, padding: Padding, dilation: PerAxis, groups: int) -> Array:
    return spread(g, weight, x_shape[2:], stride, padding, dilation, groups)


@conv_transpose.kernel(device="cuda")
def conv_transpose_forward(
    xp: Namespace, x: Array, weight: Array, bias: Array | None = None,
    *, stride: PerAxis = 1, padding: Padding = 0, output_padding: PerAxis = 0,
    groups: int = 1, dilation: PerAxis = 1,
) -> Array:  # fmt: skip
    if x.ndim != weight.ndim or x.shape[1:2] != weight.shape[:1] or (bias is not None and bias.dtype != x.dtype):
        return NotImplemented
    kernel = weight.shape[2:]
    steps, pairs, dilations = geometry(kernel, stride, cut(padding, output_padding, kernel, stride, dilation), dilation)
    whole = zip(steps, x.shape[2:], reach(kernel, dilations), pairs, strict=True)
    y = spread(x, weight, tuple([s * (n - 1) + r - lo - hi for s, n, r, (lo, hi) in whole]), steps, pairs, dilations, groups)
    return y if y is NotImplemented or bias is None else y + bias.reshape((-1, *[1] * len(kernel)))


# ------------------------------------------------------------------------------------------------ pooling over everything


def is_global(shape: Ints, output_size: PerAxis) -> bool:
    """Tell whether adaptive pooling has one window along each axis."""
    return all(len(windows) == 1 for windows in adaptive_bounds("adaptive_avg_pool", shape, output_size))


@adaptive_avg_pool.kernel(device="cuda")
def adaptive_avg_pool_forward(xp: Namespace, x: Array, *, output_size: PerAxis) -> Array:
    return x.mean(axis=tuple(range(2, x.ndim)), keepdims=True) if is_global(x.shape, output_size) else NotImplemented


@adaptive_avg_pool.kernel("x", device="cuda")
def adaptive_avg_pool_d_x(g: Array, x_shape: Ints, *, output_size: PerAxis) -> Array:
    if not is_global(x_shape, output_size):
        return NotImplemented
    return BACKENDS[g.__class__].xp.broadcast_to(g / prod(x_shape[2:]), x_shape)


# ------------------------------------------------------------------------------------------------------ max pooling


@max_pool.kernel(device="cuda")
def max_pool_forward(
    xp: Namespace,
    x: Array,
    *,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
) -> Array:
    if x.ndim not in (3, 4) or x.dtype.name not in REALS:
        return NotImplemented
    kernel, strides, pairs, dilations, windows = pool_geometry("max_pool", x, kernel_size, stride, padding, dilation, ceil_mode)
    w = Windows(x.shape[1], x.shape[2:], kernel, strides, pairs, dilations, windows)
    y = xp.empty((*x.shape[:2], *windows), dtype=x.dtype)
    indices = xp.empty(y.shape, dtype="int64")
    launch("mg_max_pool", blocks_for(y.size), (256,), (contiguous(x), y, indices, w.struct, y.size), like=x)
    return y, indices
