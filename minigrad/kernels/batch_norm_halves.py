"""Batch norm in NumPy in two halves, each way: the sums, and what is done with them. Between the halves others may have a say.

They are the pieces of `minigrad.kernels.batch_norm_blocks` in another order, for batch norm whose statistics are those of several
ranks (`minigrad.distributed`). Arrays are of shape (N, C, L); what there is one of for each channel is float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.backends import Array, DType
from minigrad.kernels import batch_norm_blocks as blocks, buffers, masking


def moments(x: Array) -> tuple[Array, Array]:
    """Return mean and variance of each channel."""
    mean, var = np.empty((2, x.shape[1]))
    if _short(x):
        columns = _columns(x)
        for at, of in blocks.groups_of_columns(columns, len(mean)):
            parts = blocks.blocks_of_rows(columns[:, at])
            shift, rest, var[of] = blocks.statistics_of_columns(columns[:, at], parts, len(mean[of]))
            mean[of] = rest if shift is None else shift + rest
        return mean, var
    parts, memory = blocks.blocks_of_channels(x)
    for part in parts:
        _, shift, rest, var[part] = blocks.statistics(x[:, part], blocks.part_of(memory, x[:, part]))
        mean[part] = shift + rest
    return mean, var


def normalized(x: Array, mean: Array, var: Array, scale: Array, bias: Array, rectified: bool) -> Array:
    """Return scale (x - mean) + bias, or what of it is positive. ``var`` says where x - mean is better taken by itself."""
    y = buffers.empty_like(x)
    if _short(x):
        columns, out = _columns(x), _columns(y)
        for at, of in blocks.groups_of_columns(columns, len(mean)):
            rows = blocks.blocks_of_rows(columns[:, at])
            shift, away = _shift(mean[of], var[of], x.dtype)
            a, b = blocks.side_by_side(columns[:, at], rows, scale[of], bias[of] - scale[of] * away)
            blocks.normalize_columns(columns[:, at], rows, shift, a, b, rectified, out[:, at])
        return y
    parts, memory = blocks.blocks_of_channels(x)
    for part in parts:
        values, scratch = x[:, part], blocks.part_of(memory, x[:, part])
        shift, away = _shift(mean[part], var[part], x.dtype)
        if shift is not None:
            values = np.subtract(values, shift[..., None], out=scratch)
        blocks.normalize(values, scale[part], bias[part] - scale[part] * away, rectified, scratch, y[:, part])
    return y


def product_sums(g: Array, y: Array, x: Array, mean: Array, var: Array, masked: Array) -> Array:
    """Return the sums of g, of g (x - mean) and of x - mean, one below the other.

    If ``y`` is given, g counts where y is positive, and is left so in ``masked``.
    """
    totals, products, rest = sums = np.empty((3, x.shape[1]))
    if _short(x):
        columns, g, y, masked = _columns(x), _columns(g), None if y is None else _columns(y), _columns(masked)
        for at, of in blocks.groups_of_columns(columns, len(mean)):
            rows, memory = _rows_and_memory(columns[:, at])
            shift, away = _shift(mean[of], var[of], x.dtype)
            positive, wide, channels = None if y is None else y[:, at], _repeated(shift, x), len(mean[of])
            found = blocks.product_sums_of_columns(g[:, at], positive, columns[:, at], rows, wide, channels, memory, masked[:, at])
            sums[:, of] = found
            _about_the_mean(sums[:, of], away, x.size // x.shape[1])
        return sums
    parts, memory = blocks.blocks_of_channels(x)
    for part in parts:
        values, cotangent = x[:, part], g[:, part]
        shift, away = _shift(mean[part], var[part], x.dtype)
        if y is not None:
            cotangent = masking.masked(cotangent, y[:, part] > 0, out=masked[:, part])
        if shift is not None:
            values = np.subtract(values, shift[..., None], out=blocks.part_of(memory, values))
        totals[part], rest[part] = blocks.sums_of_rows(cotangent), blocks.sums_of_rows(values)
        products[part] = blocks.sums_of_products(cotangent, values)
        _about_the_mean(sums[:, part], away, x.size // x.shape[1])
    return sums


def combine(g: Array, x: Array, mean: Array, var: Array, scale: Array, slope: Array, constant: Array, out: Array) -> None:
    """Fill ``out``, which may be g, with scale g + slope (x - mean) + constant."""
    if _short(x):
        columns, g, out = _columns(x), _columns(g), _columns(out)
        for at, of in blocks.groups_of_columns(columns, len(mean)):
            rows, memory = _rows_and_memory(columns[:, at])
            shift, away = _shift(mean[of], var[of], x.dtype)
            factors = blocks.side_by_side(columns[:, at], rows, scale[of], slope[of], constant[of] - slope[of] * away)
            blocks.combine_columns(g[:, at], columns[:, at], rows, _repeated(shift, x), tuple(factors), memory, out[:, at])
        return
    parts, memory = blocks.blocks_of_channels(x)
    more_memory = np.empty_like(memory)
    for part in parts:
        values, scratch, more = x[:, part], blocks.part_of(memory, x[:, part]), blocks.part_of(more_memory, x[:, part])
        shift, away = _shift(mean[part], var[part], x.dtype)
        if shift is not None:
            values = np.subtract(values, shift[..., None], out=scratch)
        moved = constant[part] - slope[part] * away
        blocks.combine(g[:, part], values, scale[part], slope[part], moved, scratch, more, out[:, part])


def _short(x: Array) -> bool:
    return bool(x.shape[2] <= blocks.SHORT)


def _columns(x: Array) -> Array:
    return x.reshape(x.shape[0], -1)


def _rows_and_memory(columns: Array) -> tuple[list[slice], Any]:
    rows = blocks.blocks_of_rows(columns)
    return rows, buffers.empty(columns[rows[0]].shape, columns.dtype)


def _shift(mean: Array, var: Array, dtype: DType) -> tuple[Array, Array]:
    """Return what is subtracted from x before anything else, and how far the mean is from it.

    It is the mean, rounded; or None, for 0, where the mean is small beside the deviation.
    """
    if blocks.near_zero(mean, var):
        return None, mean
    shift = mean.astype(dtype)
    return shift, mean - shift


def _repeated(shift: Array, x: Array) -> Array:
    """Return the shift of each channel once for each of its columns."""
    return None if shift is None else shift.repeat(x.shape[2])


def _about_the_mean(sums: Array, away: Any, n: int) -> None:
    """Make sums of g, g (x - shift) and x - shift those of g, g (x - mean) and x - mean."""
    sums[1] -= away * sums[0]
    sums[2] -= away * n
