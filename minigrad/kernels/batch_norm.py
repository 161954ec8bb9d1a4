"""Batch norm over everything but axis 1, a few channels at a time.

The formula reads x several times. Here a block of channels is brought to a scratch array that stays in the cache, and
every later pass is made there; sums are products with a vector of ones, which BLAS does at the speed of memory: row by
row in the dtype of x, then over the rows in float64.

To centre the values takes a mean, and the mean a pass of its own over cold memory. So they are first centred near the
mean: by the mean of one eighth of the batch. For any part p of the values, (their mean - mean)^2 <= var (1 / p - 1), so
what is left is at most about three standard deviations, and taking it out in the cache costs at most one digit.

With the ReLU that mostly follows (`batch_norm_relu`) only what is done to a block in the cache grows: the two passes over
memory that a ReLU takes forward and backward, and its array, are saved.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.kernels import buffers, loops
from minigrad.ops.batch_norm import batch_norm, batch_norm_relu
from minigrad.ops.standardization import check_affine, normalized_axes

BLOCK = 1 << 18  #: bytes of x in a block: the scratch arrays for x and for g fit a second-level cache together


@batch_norm.kernel()
def forward(xp: Any, x: Any, weight: Any = None, bias: Any = None, *, axis: Any, eps: float = 1e-5) -> Any:
    return _forward(x, weight, bias, axis, eps, rectified=False)


@batch_norm_relu.kernel()
def forward_with_relu(xp: Any, x: Any, weight: Any = None, bias: Any = None, *, axis: Any, eps: float = 1e-5) -> Any:
    return _forward(x, weight, bias, axis, eps, rectified=True)


def _forward(x: Any, weight: Any, bias: Any, axis: Any, eps: float, rectified: bool) -> Any:
    axes = normalized_axes("batch_norm", x, axis, eps)
    check_affine("batch_norm", x, axes, weight=weight, bias=bias)
    if not _fits(x, axes):
        return NotImplemented
    y = buffers.empty_like(x)
    x3, y3 = _as_rows(x), _as_rows(y)
    m, kind = x3.size // x3.shape[1], x.dtype
    fast = loops.find("batch_norm")
    if fast is not None:
        mean, var = np.empty(x3.shape[1], kind), np.empty(x3.shape[1], kind)
        affine = _or(weight, 1, mean), _or(bias, 0, mean)
        if x3.shape[2] > 1:
            fast.batch_norm_forward(x3, *affine, eps, rectified, y3, mean, var)
        else:
            fast.batch_norm_columns_forward(x3[:, :, 0], *affine, eps, rectified, y3[:, :, 0], mean, var)
        return y, mean, var
    near = _near_mean(x3)
    mean, var = np.empty_like(near), np.empty_like(near)
    for block in _blocks(x3):
        centred = _scratch(x3, block)
        np.subtract(x3[:, block], near[block, None], out=centred)
        rest = _sums(centred) / m
        variance = _sums_of_products(centred, centred) / m - rest * rest
        scale = (1.0 if weight is None else weight[block]) / np.sqrt(variance + eps)
        offset = (0.0 if bias is None else bias[block]) - rest * scale
        np.multiply(centred, scale.astype(kind)[:, None], out=centred)
        np.add(centred, offset.astype(kind)[:, None], out=centred if rectified else y3[:, block])
        if rectified:
            np.maximum(centred, 0, out=y3[:, block])
        mean[block], var[block] = near[block] + rest, variance
    return y, mean, var


@batch_norm.kernel("x", "weight", "bias")
def backward(g: Any, x: Any, weight: Any, mean: Any, var: Any, g_mean: Any = None, g_var: Any = None, *, axis: Any, eps: float) -> Any:
    return _backward(g, None, x, weight, mean, var, g_mean, g_var, axis, eps)


@batch_norm_relu.kernel("x", "weight", "bias")
def backward_with_relu(
    g: Any, x: Any, weight: Any, y: Any, mean: Any, var: Any, g_mean: Any = None, g_var: Any = None, *, axis: Any, eps: float
) -> Any:  # fmt: skip
    return _backward(g, y, x, weight, mean, var, g_mean, g_var, axis, eps)


def _backward(g: Any, y: Any, x: Any, weight: Any, mean: Any, var: Any, g_mean: Any, g_var: Any, axis: Any, eps: float) -> Any:
    """Gradients; ``y``, if given, is the result of the ReLU after the batch norm, and lets through g where it is positive."""
    if g_mean is not None or g_var is not None or not _fits(x, normalized_axes("batch_norm", x, axis)):
        return NotImplemented
    g_x = buffers.empty_like(x)
    x3, g3, g_x3 = _as_rows(x), _as_rows(np.ascontiguousarray(g)), _as_rows(g_x)
    m, kind = x3.size // x3.shape[1], x.dtype
    y3 = None if y is None else _as_rows(y)
    fast = loops.find("batch_norm")
    if fast is not None and g3.dtype == kind:
        g_weight, g_bias = np.empty(x3.shape[1], kind), np.empty(x3.shape[1], kind)
        arrays = [g3, g3 if y3 is None else y3, x3, g_x3]
        run = fast.batch_norm_backward
        if x3.shape[2] == 1:
            arrays, run = [a[:, :, 0] for a in arrays], fast.batch_norm_columns_backward
        run(*arrays[:3], _or(weight, 1, mean), mean, var, eps, y3 is not None, arrays[3], g_weight, g_bias)
        return g_x, g_weight, g_bias
    near = _near_mean(g3, y3)
    rstd = 1 / np.sqrt(var.astype(np.float64) + eps)
    scale = (rstd if weight is None else rstd * weight).astype(kind)
    g_weight, g_bias = np.empty_like(rstd), np.empty_like(rstd)
    for block in _blocks(x3):
        centred, part = _scratch(x3, block), _scratch(x3, block)
        np.subtract(x3[:, block], mean[block, None], out=centred)
        if y3 is None:
            np.subtract(g3[:, block], near[block, None], out=part)
        else:
            np.multiply(g3[:, block], y3[:, block] > 0, out=part)
            np.subtract(part, near[block, None], out=part)
        rest = _sums(part) / m
        np.subtract(part, rest.astype(kind)[:, None], out=part)
        g_bias[block] = (near[block] + rest) * m
        g_weight[block] = _sums_of_products(part, centred) * rstd[block]
        slope = -g_weight[block] * rstd[block] / m
        np.multiply(centred, slope.astype(kind)[:, None], out=centred)
        np.add(centred, part, out=centred)
        np.multiply(centred, scale[block, None], out=g_x3[:, block])
    return g_x, g_weight.astype(kind), g_bias.astype(kind)


def _or(array: Any, value: float, like: Any) -> Any:
    """Return the array, or one of a single value where there is none."""
    return np.full_like(like, value) if array is None else array


def _fits(x: Any, axes: tuple[int, ...]) -> bool:
    """Whether this kernel is for x: real, contiguous, channels along axis 1."""
    others = tuple(i for i in range(x.ndim) if i != 1)
    return x.ndim > 1 and axes == others and x.dtype in (np.float32, np.float64) and x.flags.c_contiguous and x.size > 0


def _as_rows(x: Any) -> Any:
    """View x as (batch, channels, values)."""
    return x.reshape(x.shape[0], x.shape[1], -1)


def _blocks(x3: Any) -> list[slice]:
    """Cut the channels into blocks; where they lie side by side (one value each), a block is all of them."""
    n, channels, length = x3.shape
    k = max(1, BLOCK // (n * length * x3.itemsize)) if length > 1 else channels
    return [slice(i, min(i + k, channels)) for i in range(0, channels, k)]


def _near_mean(x3: Any, y3: Any = None) -> Any:
    """Mean of each channel over the first eighth of the batch; where ``y3`` is given, of what it lets through."""
    eighth = -(-x3.shape[0] // 8)
    some = x3[:eighth] if y3 is None else x3[:eighth] * (y3[:eighth] > 0)
    return (_sums(some) / (some.shape[0] * some.shape[2])).astype(x3.dtype)


def _scratch(x3: Any, block: slice) -> Any:
    return buffers.empty((x3.shape[0], block.stop - block.start, x3.shape[2]), x3.dtype)


def _sums(x3: Any) -> Any:
    """Sum of each channel, in float64."""
    n, _, length = x3.shape
    if length == 1:
        return (np.ones(n, x3.dtype) @ x3[:, :, 0]).astype(np.float64)
    return (x3 @ np.ones(length, x3.dtype)).sum(axis=0, dtype=np.float64)


def _sums_of_products(a3: Any, b3: Any) -> Any:
    """Sum of a * b in each channel, in float64."""
    if a3.shape[2] == 1:
        return np.einsum("nc,nc->c", a3[:, :, 0], b3[:, :, 0]).astype(np.float64)
    return np.vecdot(a3, b3).sum(axis=0, dtype=np.float64)
