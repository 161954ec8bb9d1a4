"""Faster forms of batch norm over ranks on a CPU: the same messages, what comes before and after them in blocks.

As everything in `minigrad.kernels`, never needed to understand what is computed: `minigrad.distributed.sync_batch_norm` says that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.distributed.sync_batch_normalization import merged, sync_batch_norm, sync_batch_norm_relu
from minigrad.kernels import buffers
from minigrad.kernels.batch_norm import as_rows, filled, fits
from minigrad.kernels.batch_norm_halves import combine, moments, normalized, product_sums


@sync_batch_norm.kernel()
def forward(xp: Any, x: Any, weight: Any = None, bias: Any = None, *, axis: Any, group: Any, eps: float = 1e-5) -> Any:
    return _forward(x, weight, bias, axis, group, eps, rectified=False)


@sync_batch_norm_relu.kernel()
def forward_with_relu(xp: Any, x: Any, weight: Any = None, bias: Any = None, *, axis: Any, group: Any, eps: float = 1e-5) -> Any:
    return _forward(x, weight, bias, axis, group, eps, rectified=True)


def _forward(x: Any, weight: Any, bias: Any, axis: Any, group: Any, eps: float, rectified: bool) -> Any:
    if not fits(x, axis, weight, bias) or not eps >= 0:
        return NotImplemented
    n, rows = x.size // x.shape[1], as_rows(x)
    with np.errstate(invalid="ignore"):
        mean, var, m = merged(np, group.all_gather(np.stack([np.full(x.shape[1], float(n)), *moments(rows)])), n)
    scale = filled(weight, 1, mean) / np.sqrt(var + eps)
    y = normalized(rows, mean, var, scale, filled(bias, 0, mean), rectified)
    return y.reshape(x.shape), mean.astype(x.dtype), var.astype(x.dtype), m.astype(x.dtype)


@sync_batch_norm.kernel("x", "weight", "bias")
def backward(
    g: Any, x: Any, weight: Any, mean: Any, var: Any, m: Any, g_mean: Any = None, g_var: Any = None, *, axis: Any, group: Any, eps: float
) -> Any:
    return _backward(g, None, x, weight, mean, var, m, g_mean, g_var, axis, group, eps)


@sync_batch_norm_relu.kernel("x", "weight", "bias")
def backward_with_relu(
    g: Any, x: Any, weight: Any, y: Any, mean: Any, var: Any, m: Any, g_mean: Any = None, g_var: Any = None, *, axis: Any, group: Any,
    eps: float,
) -> Any:  # fmt: skip
    return _backward(g, y, x, weight, mean, var, m, g_mean, g_var, axis, group, eps)


def _backward(
    g: Any, y: Any, x: Any, weight: Any, mean: Any, var: Any, m: Any, g_mean: Any, g_var: Any, axis: Any, group: Any, eps: float
) -> Any:
    """Gradients; ``y``, if given, is the result of the ReLU after the batch norm, and lets through g where it is positive."""
    if g.dtype != x.dtype or not fits(x, axis):
        return NotImplemented
    g_x, w = buffers.empty_like(x), filled(weight, 1, mean)
    wide_mean, wide_var = mean.astype(np.float64), var.astype(np.float64)
    rows, out, cotangent = as_rows(x), as_rows(g_x), as_rows(np.ascontiguousarray(g))
    total, product, left = product_sums(cotangent, None if y is None else as_rows(y), rows, wide_mean, wide_var, out)
    none = np.zeros(len(mean))
    message = np.stack([w * total, w * product, left, none if g_mean is None else g_mean, none if g_var is None else g_var])
    h, h_centred, rest, to_mean, to_var = group.all_reduce(message) / m
    rstd = (wide_var + eps) ** -0.5
    slope = 2 * to_var - (h_centred - h * rest) * rstd**3
    combine(cotangent if y is None else out, rows, wide_mean, wide_var, w * rstd, slope, to_mean - h * rstd - slope * rest, out)
    g_weight, g_bias = (product - total * rest) * rstd, total
    return g_x, g_weight.astype(mean.dtype), g_bias.astype(mean.dtype)
