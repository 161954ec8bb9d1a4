"""Batch norm over everything but axis 1, forward and backward: compiled loops where Numba is installed, else blocks in NumPy.

With the ReLU that mostly follows (`batch_norm_relu`) only what is done to a block in the cache grows: the two passes over
memory that a ReLU takes forward and backward, and its array, are saved.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.backends import Array, Namespace
from minigrad.kernels import batch_norm_blocks, buffers, loops
from minigrad.ops.batch_normalization import batch_norm, batch_norm_relu
from minigrad.ops.shape import Axes
from minigrad.ops.standardization import normalized_axes


@batch_norm.kernel()
def forward(xp: Namespace, x: Array, weight: Array | None = None, bias: Array | None = None, *, axis: Axes, eps: float = 1e-5) -> Array:
    return _forward(x, weight, bias, axis, eps, rectified=False)


@batch_norm_relu.kernel()
def forward_with_relu(
    xp: Namespace, x: Array, weight: Array | None = None, bias: Array | None = None, *, axis: Axes, eps: float = 1e-5
) -> Array:
    return _forward(x, weight, bias, axis, eps, rectified=True)


def _forward(x: Array, weight: Array, bias: Array, axis: Axes, eps: float, rectified: bool) -> Array:
    if not fits(x, axis, weight, bias) or not eps >= 0:
        return NotImplemented
    y, mean, var = buffers.empty_like(x), np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
    forms, columns = _forms(x)
    run, view = (forms.batch_norm_columns_forward, as_columns) if columns else (forms.batch_norm_forward, as_rows)
    run(view(x), filled(weight, 1, mean), filled(bias, 0, mean), eps, rectified, view(y), mean, var)
    return y, mean, var


@batch_norm.kernel("x", "weight", "bias")
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
    return _backward(g, None, x, weight, mean, var, g_mean, g_var, axis, eps)


@batch_norm_relu.kernel("x", "weight", "bias")
def backward_with_relu(
    g: Array, x: Array, weight: Array, y: Array, mean: Array, var: Array, g_mean: Array | None = None, g_var: Array | None = None,
    *, axis: Axes, eps: float,
) -> Any:  # fmt: skip
    return _backward(g, y, x, weight, mean, var, g_mean, g_var, axis, eps)


def _backward(
    g: Array, y: Array, x: Array, weight: Array, mean: Array, var: Array, g_mean: Array, g_var: Array, axis: Axes, eps: float
) -> Array:
    """Gradients; ``y``, if given, is the result of the ReLU after the batch norm, and lets through g where it is positive."""
    if g_mean is not None or g_var is not None or g.dtype != x.dtype or not fits(x, axis):
        return NotImplemented
    g, g_x, g_weight, g_bias = np.ascontiguousarray(g), buffers.empty_like(x), np.empty_like(mean), np.empty_like(mean)
    forms, columns = _forms(x)
    run, view = (forms.batch_norm_columns_backward, as_columns) if columns else (forms.batch_norm_backward, as_rows)
    masked = y is not None
    run(view(g), view(y if masked else g), view(x), filled(weight, 1, mean), mean, var, eps, masked, view(g_x), g_weight, g_bias)
    return g_x, g_weight, g_bias


def filled(array: Array, value: float, like: Array) -> Array:
    """Return the array, or one of a single value where there is none."""
    return np.full_like(like, value) if array is None else array


def fits(x: Array, axis: Axes, *affine: Array) -> bool:
    """Whether this kernel is for x: real, contiguous, channels along axis 1. What is wrong with the rest is for the op to say."""
    if x.ndim < 2 or x.dtype.char not in "fd" or not x.size or not x.flags.c_contiguous:
        return False
    others = (0, *range(2, x.ndim))
    if axis != others and normalized_axes("batch_norm", x, axis) != others:
        return False
    return all(a is None or getattr(a, "shape", None) == x.shape[1:2] for a in affine)


def _forms(x: Array) -> tuple[Any, bool]:
    """The module to use, and whether rows are so short in x that it is better seen as columns."""
    forms = loops.find("batch_norm") or batch_norm_blocks
    return forms, x.size <= forms.SHORT * x.shape[0] * x.shape[1]


def as_rows(x: Array) -> Array:
    """View x as (batch, channels, values)."""
    return x.reshape(x.shape[0], x.shape[1], -1)


def as_columns(x: Array) -> Array:
    """View x as (batch, channels and values)."""
    return x.reshape(x.shape[0], -1)
