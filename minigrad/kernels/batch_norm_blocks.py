"""Batch norm in NumPy by blocks that stay in the cache: the twin of `minigrad.kernels.loops.batch_norm`.

The functions have the arguments of their namesakes there: arrays in, and arrays that they fill. Each reads x twice, for the
sums of x and of its squares and for y; backward likewise, for the sums of g and of g x and for the gradient of x. Sums
are products with ones, which BLAS does at the speed of memory, in the dtype of x over some values and then in float64.

That is sound while means are not large beside standard deviations (`near_zero`). Where one is, the sums are taken of
x - mean instead, which costs a pass more, and what the rounding of the mean leaves in them is taken out.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd
from typing import Any

import numpy as np

from minigrad.backends import Array, DType
from minigrad.kernels import buffers, masking

SHORT = 512  #: values of a channel in a row, up to which many channels are worked on at once, as columns
BLOCK = 1 << 18  #: bytes of x in a block: blocks of x, of g and of results fit a second-level cache together
ROWS = 64  #: rows that are summed in the dtype of x before the sum goes to float64
LONG = 8192  #: values in an inner loop: with so many it does not matter what NumPy spends on each


# --------------------------------------------------------------------------- long rows: one channel or a few at a time


def batch_norm_forward(x: Array, weight: Array, bias: Array, eps: float, rectified: bool, y: Array, mean: Array, var: Array) -> None:
    """Batch norm of (N, C, L), followed by a ReLU if ``rectified``; fills y, mean and var."""
    blocks, memory = blocks_of_channels(x)
    for block in blocks:
        scratch = part_of(memory, x[:, block])
        values, shift, rest, variance = statistics(x[:, block], scratch)
        scale = weight[block] / np.sqrt(variance + eps)
        normalize(values, scale, bias[block] - rest * scale, rectified, scratch, y[:, block])
        mean[block], var[block] = shift + rest, variance


def statistics(values: Array, scratch: Array) -> tuple[Array, Array, Array, Array]:
    """Return the values less a shift, the shift, and mean and variance of what is left."""
    with np.errstate(over="ignore"):  # of squares: then they are not near zero
        shift, (rest, variance) = 0, _moments(values)
    if not near_zero(rest, variance):
        shift = rest.astype(values.dtype)
        values = np.subtract(values, shift[..., None], out=scratch)
        rest, variance = _moments(values)
    return values, shift, rest, variance


def normalize(values: Array, scale: Array, bias: Array, rectified: bool, scratch: Array, out: Array) -> None:
    """Fill ``out`` with scale values + bias, or with what of it is positive."""
    np.multiply(values, _along_rows(scale, values), out=scratch)
    np.add(scratch, _along_rows(bias, values), out=scratch if rectified else out)
    if rectified:
        np.maximum(scratch, _zeros(values.shape[-1], values.dtype), out=out)


def batch_norm_backward(
    g: Array, y: Array, x: Array, weight: Array, mean: Array, var: Array, eps: float, rectified: bool, g_x: Array, g_weight: Array,
    g_bias: Array,
) -> None:  # fmt: skip
    """Gradients of `batch_norm_forward`; fills g_x, g_weight and g_bias. Masked by y where ``rectified``."""
    m, wide = x.size // x.shape[1], var.astype(np.float64)
    rstd = 1 / np.sqrt(wide + eps)
    scales = weight * rstd
    blocks, memory = blocks_of_channels(x)
    more_memory = np.empty_like(memory)
    for block in blocks:
        values, scratch, more = x[:, block], part_of(memory, x[:, block]), part_of(more_memory, x[:, block])
        cotangent = np.multiply(g[:, block], y[:, block] > 0, out=more) if rectified else g[:, block]
        if not near_zero(mean[block].astype(np.float64), wide[block]):
            values = np.subtract(values, mean[block, ..., None], out=scratch)
        total, rest, scale = sums_of_rows(cotangent), sums_of_rows(values) / m, scales[block]
        product = (sums_of_products(cotangent, values) - total * rest) * rstd[block]
        slope = -product * rstd[block] * scale / m
        combine(cotangent, values, scale, slope, -total * scale / m - slope * rest, scratch, more, g_x[:, block])
        g_weight[block], g_bias[block] = product, total


def combine(cotangent: Array, values: Array, scale: Array, slope: Array, constant: Array, scratch: Array, more: Array, out: Array) -> None:
    """Fill ``out`` with scale cotangent + slope values + constant."""
    np.multiply(values, _along_rows(slope, values), out=scratch)
    np.multiply(cotangent, _along_rows(scale, values), out=more)
    np.add(more, scratch, out=more)
    np.add(more, _along_rows(constant, values), out=out)


def blocks_of_channels(x: Array) -> tuple[list[Any], Any]:
    """Cut the channels of (N, C, L) into blocks, and give memory for one; a block of one channel is a number.

    Its statistics are then scalars, with which NumPy computes several times as fast as with arrays of one.
    """
    n, channels, length = x.shape
    k = min(max(1, BLOCK // (n * length * x.itemsize)), channels)
    blocks = list(range(channels)) if k == 1 else [slice(i, min(i + k, channels)) for i in range(0, channels, k)]
    return blocks, buffers.empty((n * k * length,), x.dtype)


def part_of(memory: Array, like: Array) -> Array:
    return memory[: like.size].reshape(like.shape)


def _along_rows(values: Array, x: Array) -> Array:
    return values.astype(x.dtype)[..., None]


def _moments(block: Array) -> tuple[Array, Array]:
    """Mean and variance of each channel of (N, k, L), or of (N, L)."""
    m = block.shape[0] * block.shape[-1]
    mean = sums_of_rows(block) / m
    return mean, sums_of_products(block, block) / m - mean * mean


def sums_of_rows(block: Array) -> Array:
    return np.add.reduce(block @ _ones(block.shape[-1], block.dtype), axis=0, dtype=np.float64)


def sums_of_products(a: Array, b: Array) -> Array:
    return np.add.reduce(np.vecdot(a, b), axis=0, dtype=np.float64)


def near_zero(mean: Array, var: Array) -> bool:
    """Whether in every channel <x^2> - <x>^2 loses at most about one bit, and a multiple of x as good as none."""
    near = (mean * mean <= var) & (var < np.inf)
    return bool(near.all() if near.ndim else near)


@lru_cache
def _ones(n: int, dtype: DType) -> Array:
    return np.ones(n, dtype)


@lru_cache
def _zeros(n: int, dtype: DType) -> Array:
    """Zeros to compare with: NumPy takes five times as long for the maximum of an array and a scalar as for that of two arrays."""
    return np.zeros(n, dtype)


# ------------------------------------------------------------------------------ short rows: many channels, some samples at a time


def batch_norm_columns_forward(
    x: Array, weight: Array, bias: Array, eps: float, rectified: bool, y: Array, mean: Array, var: Array
) -> None:
    """Batch norm of (N, C L), the L values of a channel side by side, followed by a ReLU if ``rectified``; fills y, mean and var."""
    for at, of in groups_of_columns(x, len(mean)):
        _columns_forward(x[:, at], weight[of], bias[of], eps, rectified, y[:, at], mean[of], var[of])


def batch_norm_columns_backward(
    g: Array, y: Array, x: Array, weight: Array, mean: Array, var: Array, eps: float, rectified: bool, g_x: Array, g_weight: Array,
    g_bias: Array,
) -> None:  # fmt: skip
    """Gradients of `batch_norm_columns_forward`; fills g_x, g_weight and g_bias. Masked by y where ``rectified``."""
    for at, of in groups_of_columns(x, len(mean)):
        g_, y_, x_, g_x_ = g[:, at], y[:, at], x[:, at], g_x[:, at]
        _columns_backward(g_, y_, x_, weight[of], mean[of], var[of], eps, rectified, g_x_, g_weight[of], g_bias[of])


def groups_of_columns(x: Array, channels: int) -> list[tuple[slice, slice]]:
    """Cut into parts of which many rows fit a block: slices of the columns, and of the channels."""
    length = x.shape[1] // channels
    k = max(LONG // length, 1)
    return [(slice(i * length, (i + k) * length), slice(i, i + k)) for i in range(0, channels, k)]


def _columns_forward(x: Array, weight: Array, bias: Array, eps: float, rectified: bool, y: Array, mean: Array, var: Array) -> None:
    blocks = blocks_of_rows(x)
    shift, rest, variance = statistics_of_columns(x, blocks, len(mean))
    scale = weight / np.sqrt(variance + eps)
    a, b = side_by_side(x, blocks, scale, bias - rest * scale)
    normalize_columns(x, blocks, shift, a, b, rectified, y)
    mean[:], var[:] = rest if shift is None else shift + rest, variance


def statistics_of_columns(x: Array, blocks: list[slice], channels: int) -> tuple[Array, Array, Array]:
    """Return a shift of each channel, None where that is small, and mean and variance of what is left."""
    with np.errstate(over="ignore"):
        rest, variance = moments_of_columns(x, blocks, None, channels)
    if near_zero(rest, variance):
        return None, rest, variance
    shift = rest.astype(x.dtype)
    return shift, *moments_of_columns(x, blocks, shift.repeat(x.shape[1] // len(shift)), channels)


def _columns_backward(
    g: Array, y: Array, x: Array, weight: Array, mean: Array, var: Array, eps: float, rectified: bool, g_x: Array, g_weight: Array,
    g_bias: Array,
) -> None:  # fmt: skip
    channels, m = len(mean), x.size // len(mean)
    wide = var.astype(np.float64)
    shift = None if near_zero(mean.astype(np.float64), wide) else mean.repeat(x.shape[1] // channels)
    blocks = blocks_of_rows(x)
    memory = buffers.empty(x[blocks[0]].shape, x.dtype)
    totals, products, rest = product_sums_of_columns(g, y if rectified else None, x, blocks, shift, channels, memory, g_x)
    rest /= m
    rstd = 1 / np.sqrt(wide + eps)
    scale = weight * rstd
    products = (products - totals * rest) * rstd
    slope = -products * rstd * scale / m
    a, b, c = side_by_side(x, blocks, scale, slope, -totals * scale / m - slope * rest)
    combine_columns(g_x if rectified else g, x, blocks, shift, (a, b, c), memory, g_x)
    g_weight[:], g_bias[:] = products, totals


def product_sums_of_columns(
    g: Array, y: Array, x: Array, blocks: list[slice], shift: Array, channels: int, memory: Array, masked: Array
) -> Array:
    """Sums of g, of g (x - shift) and of x - shift for each channel; g counts where y is positive, and is left so in ``masked``."""
    totals, products, rest = np.zeros((3, channels))
    for rows in blocks:
        values, cotangent, scratch = x[rows], g[rows], memory[: len(x[rows])]
        if y is not None:
            cotangent = masking.masked(cotangent, y[rows] > 0, out=masked[rows])
        if shift is not None:
            values = np.subtract(values, shift, out=scratch)
        rest += _sums_of_columns(values, channels)
        totals += _sums_of_columns(cotangent, channels)
        products += _sums_of_columns(np.multiply(cotangent, values, out=scratch), channels)
    return totals, products, rest


def normalize_columns(x: Array, blocks: list[slice], shift: Array, scale: Array, bias: Array, rectified: bool, y: Array) -> None:
    """Fill y with scale (x - shift) + bias, or with what of it is positive."""
    for rows in reversed(blocks):  # the last ones are still in the cache
        values, out = x[rows], y[rows]
        if shift is not None:
            values = np.subtract(values, shift.repeat(x.shape[1] // len(shift)), out=out)
        values, out = values.reshape(-1, scale.size), out.reshape(-1, scale.size)
        np.multiply(values, scale, out=out)
        np.add(out, bias, out=out)
        if rectified:
            np.maximum(out, _zeros(scale.size, scale.dtype), out=out)


def combine_columns(
    g: Array, x: Array, blocks: list[slice], shift: Array, factors: tuple[Array, Array, Array], memory: Array, out: Array
) -> None:
    """Fill ``out`` with scale g + slope (x - shift) + constant, which are the ``factors``; g may be ``out``."""
    scale, slope, constant = factors
    for rows in reversed(blocks):
        values, cotangent, scratch, filled = x[rows], g[rows], memory[: len(x[rows])], out[rows]
        if shift is not None:
            values = np.subtract(values, shift, out=scratch)
        values, cotangent, scratch, filled = [t.reshape(-1, scale.size) for t in (values, cotangent, scratch, filled)]
        np.multiply(values, slope, out=scratch)
        np.multiply(cotangent, scale, out=filled)
        np.add(filled, scratch, out=filled)
        np.add(filled, constant, out=filled)


def blocks_of_rows(x: Array) -> list[slice]:
    step = max(1, BLOCK // (x.shape[1] * x.itemsize))
    step -= step % ROWS if step > ROWS else 0
    return [slice(i, i + step) for i in range(0, len(x), step)]


def side_by_side(x: Array, blocks: list[slice], *values: Array) -> list[Array]:
    """Repeat values of the channels as often as they are needed along a row, and along several rows that are worked on as one.

    NumPy spends as much on the start of a row as on 500 of its values. The number of rows divides that of every block.
    """
    n, width = x.shape
    rows = gcd(n, blocks[0].stop, 1 << max(LONG // width, 1).bit_length() - 1) if len(blocks) > 1 and x.flags.c_contiguous else 1
    repeated = [v.astype(x.dtype).repeat(width // len(v)) for v in values]
    return repeated if rows == 1 else [v[None].repeat(rows, axis=0).reshape(-1) for v in repeated]


def moments_of_columns(x: Array, blocks: list[slice], shift: Array, channels: int) -> tuple[Array, Array]:
    """Mean and variance of the channels of x - shift."""
    sums, squares = np.zeros((2, channels))
    memory = buffers.empty(x[blocks[0]].shape, x.dtype)
    for rows in blocks:
        values, scratch = x[rows], memory[: len(x[rows])]
        if shift is not None:
            values = np.subtract(values, shift, out=scratch)
        sums += _sums_of_columns(values, channels)
        squares += _sums_of_columns(np.multiply(values, values, out=scratch), channels)
    m = x.size // channels
    mean = sums / m
    return mean, squares / m - mean * mean


def _sums_of_columns(x: Array, channels: int) -> Array:
    """Sum of each channel: of ``ROWS`` rows in the dtype of x, then in float64."""
    n, width = x.shape
    whole = n - n % ROWS if n > ROWS else 0
    sums = _ones(n - whole, x.dtype) @ x[whole:]
    if whole:
        groups = _ones(ROWS, x.dtype) @ x[:whole].reshape(-1, ROWS, width)
        sums = np.add.reduce(groups, axis=0, dtype=np.float64) + sums
    return sums if width == channels else np.add.reduce(sums.reshape(channels, -1), axis=1, dtype=np.float64)
