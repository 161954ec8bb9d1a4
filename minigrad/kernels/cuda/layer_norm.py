"""Layer norm on a GPU: one launch forward, two backward."""

from __future__ import annotations

from math import prod
from typing import Any

from minigrad.backends import BACKENDS, Array, Namespace
from minigrad.kernels.cuda.launch import REALS, blocks_for, contiguous, launch
from minigrad.ops.normalization import layer_norm
from minigrad.ops.shape import Axes
from minigrad.ops.standardization import normalized_axes


def rows(x: Array, axis: Axes, eps: float, *others: Array | None) -> tuple[int, int] | None:
    """Return the numbers of rows and of features, or None unless the axes are the last ones."""
    axes = normalized_axes("layer_norm", x, axis, eps)
    first = x.ndim - len(axes)
    features, kept = prod(x.shape[first:]), x.shape[first:]
    fits = axes == tuple(range(first, x.ndim)) and x.dtype.name in REALS and x.size
    return (x.size // features, features) if fits and all(a is None or (a.dtype, a.shape) == (x.dtype, kept) for a in others) else None


@layer_norm.kernel(device="cuda")
def layer_norm_forward(
    xp: Namespace, x: Array, weight: Array | None = None, bias: Array | None = None, *, axis: Axes = -1, eps: float = 1e-5
) -> Array:
    dims = rows(x, axis, eps, weight, bias)
    if dims is None:
        return NotImplemented
    first = x.ndim - len(normalized_axes("layer_norm", x, axis))
    x = contiguous(x)
    weight, bias = (None if a is None else contiguous(a) for a in (weight, bias))
    y, mean, var = xp.empty_like(x), xp.empty(x.shape[:first], dtype=x.dtype), xp.empty(x.shape[:first], dtype=x.dtype)
    launch("mg_layer_norm", blocks_for(32 * dims[0]), (256,), (x, weight, bias, y, mean, var, *dims, eps), like=x)
    return y, mean, var


@layer_norm.kernel("x", "weight", "bias", device="cuda")
def layer_norm_gradients(
    g: Array, x: Array, weight: Array | None, mean: Array, var: Array, g_mean: Array | None = None, g_var: Array | None = None, *,
    axis: Axes, eps: float,
) -> Any:  # fmt: skip
    dims = rows(x, axis, eps, weight)
    if dims is None or g_mean is not None or g_var is not None or g.dtype != x.dtype:
        return NotImplemented
    xp = BACKENDS[x.__class__].xp
    g, x = contiguous(g), contiguous(x)
    weight = None if weight is None else contiguous(weight)
    g_x = xp.empty_like(x)
    launch("mg_layer_norm_gradient", blocks_for(32 * dims[0]), (256,), (g, x, weight, mean, var, g_x, *dims, eps), like=x)
    kept = x.shape[mean.ndim :]
    g_weight, g_bias = xp.empty(kept, dtype=x.dtype), xp.empty(kept, dtype=x.dtype)
    args = (g, x, mean, var, g_weight, g_bias, *dims, eps)
    launch("mg_layer_norm_parameters", (-(-dims[1] // 32),), (32, 16), args, like=x, shared=8 * 32 * 16)
    return g_x, g_weight, g_bias
