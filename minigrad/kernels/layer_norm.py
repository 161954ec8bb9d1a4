"""Layer norm over the last axis: row sums by BLAS, a block of rows at a time, which stays in the cache.

Sums over a row are taken in the dtype of x: a row is short, and the values are centred before their squares are summed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.backends import Array, Namespace
from minigrad.kernels import buffers
from minigrad.ops.normalization import layer_norm
from minigrad.ops.shape import Axes
from minigrad.ops.standardization import check_affine, complement, normalized_axes

BLOCK = 1 << 16  #: elements
LONGEST = 1 << 14  #: of a row


@layer_norm.kernel()
def forward(
    xp: Namespace, x: Array, weight: Array | None = None, bias: Array | None = None, *, axis: Axes = -1, eps: float = 1e-5
) -> Array:
    axes = normalized_axes("layer_norm", x, axis, eps)
    check_affine("layer_norm", x, complement(x, axes), weight=weight, bias=bias)
    if not _fits(x, axes):
        return NotImplemented
    width = x.shape[-1]
    y = buffers.empty_like(x)
    rows, y_rows, average = x.reshape(-1, width), y.reshape(-1, width), np.full(width, 1 / width, x.dtype)
    mean, var = np.empty(len(rows), x.dtype), np.empty(len(rows), x.dtype)
    for at in _blocks(rows):
        near = rows[at] @ average
        centred = np.subtract(rows[at], near[:, None], out=y_rows[at])
        rest = centred @ average  # what the rounding of the mean left
        centred -= rest[:, None]
        mean[at] = near + rest
        var[at] = np.vecdot(centred, centred) / x.dtype.type(width)
        centred *= (1 / np.sqrt(var[at] + x.dtype.type(eps)))[:, None]
        if weight is not None:
            centred *= weight
        if bias is not None:
            centred += bias
    return y, mean.reshape(x.shape[:-1]), var.reshape(x.shape[:-1])


@layer_norm.kernel("x", "weight", "bias")
def backward(
    g: Array,
    x: Array,
    weight: Array,
    mean: Array,
    var: Array,
    g_mean: Array | None = None,
    g_var: Array | None = None,
    *,
    axis: Axes,
    eps: float,
) -> Any:
    if g_mean is not None or g_var is not None or g.dtype != x.dtype or not _fits(x, normalized_axes("layer_norm", x, axis)):
        return NotImplemented
    width = x.shape[-1]
    g_x = buffers.empty_like(x)
    rows, g_rows, out, average = x.reshape(-1, width), g.reshape(-1, width), g_x.reshape(-1, width), np.full(width, 1 / width, x.dtype)
    mean, rstd = mean.reshape(-1), 1 / np.sqrt(var.reshape(-1) + x.dtype.type(eps))
    g_weight = np.zeros(width)
    for at in _blocks(rows):
        xhat = rows[at] - mean[at, None]
        xhat *= rstd[at, None]
        g_weight += np.einsum("nc,nc->c", g_rows[at], xhat)
        rest = g_rows[at] * (1 if weight is None else weight)
        rest -= (rest @ average)[:, None]
        xhat *= (np.vecdot(rest, xhat) / x.dtype.type(width))[:, None]
        rest -= xhat
        np.multiply(rest, rstd[at, None], out=out[at])
    return g_x, g_weight.astype(x.dtype), g_rows.sum(axis=0)


def _fits(x: Array, axes: tuple[int, ...]) -> bool:
    return x.ndim > 1 and axes == (x.ndim - 1,) and x.dtype.char in "fd" and x.flags.c_contiguous and x.size > 0 and x.shape[-1] < LONGEST


def _blocks(rows: Array) -> list[slice]:
    step = max(BLOCK // rows.shape[1], 1)
    return [slice(i, i + step) for i in range(0, len(rows), step)]
