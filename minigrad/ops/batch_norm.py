"""Batch normalization: each channel shifted and scaled to mean 0 and variance 1 over the batch, in one node of the graph.

With x_i the m values of one channel (Ioffe and Szegedy, 2015, algorithm 1; https://arxiv.org/abs/1502.03167)::

    mean = 1/m sum x_i      var = 1/m sum (x_i - mean)^2      xhat_i = (x_i - mean) / sqrt(var + eps)      y_i = weight xhat_i + bias

**The backward pass.** Let g = dL/dy and rstd = 1 / sqrt(var + eps). The paper (section 3, unnumbered equations) gives

    dL/dxhat_i = g_i weight                                                                                           (1)
    dL/dvar    = sum dL/dxhat_i (x_i - mean) (-1/2) rstd^3                                                            (2)
    dL/dmean   = -rstd sum dL/dxhat_i + dL/dvar (-2/m) sum (x_i - mean)                                               (3)
    dL/dx_i    = dL/dxhat_i rstd + dL/dvar 2 (x_i - mean) / m + dL/dmean / m                                          (4)
    dL/dweight = sum g_i xhat_i                                                                                       (5)
    dL/dbias   = sum g_i                                                                                              (6)

The last sum of (3) is zero. Put (1), (2) and (3) into (4), with <t> for the mean of t over the batch::

    dL/dx = weight rstd (g - <g> - xhat <g xhat>)                                                                     (7)

In words: remove from g its component along the constant 1, then along xhat, the two directions in which a change of x
changes nothing (1 and xhat are orthogonal, and <xhat xhat> = 1 but for eps); then scale. The formula below does it in
this order, each component taken from what the last step left (modified Gram-Schmidt), which in float32 keeps the
rounding of the mean out of the result. The mean and the variance are outputs of the node. They are therefore variables
when the formula is itself differentiated, and (7) holds the second derivative, and the third, without another line.

Which statistic to return was decided by numbers: from rstd the variance comes back as 1/rstd^2 - eps, which in float32
with eps = 1e-5 has lost every digit at var = 1e-12; rstd from the variance is one operation for each channel and loses
none. The variance is never taken as <x^2> - <x>^2: in float32, at mean 1e4 and variance 1, that is negative.
"""

from __future__ import annotations

from math import prod
from typing import Any

from minigrad.op import op

__all__ = ["batch_norm", "fixed_batch_norm"]


@op(outputs=("y", "mean", "var"))
def batch_norm(xp: Any, x: Any, weight: Any = None, bias: Any = None, *, axis: Any, eps: float = 1e-5) -> Any:
    """Normalize ``x`` to mean 0 and variance 1 over the axes ``axis``, then scale by ``weight`` and shift by ``bias``.

    y = weight (x - mean) / sqrt(var + eps) + bias, with the mean and the biased variance (divided by the number of
    values) over ``axis``. Every other axis counts as a channel: for an image batch (N, C, H, W) ``axis=(0, 2, 3)``.

    Parameters
    ----------
    x
        Floating-point values of any shape.
    weight, bias
        Scale and shift of each channel, of the shape of x without ``axis``; None for 1 and 0.
    axis
        The axis or axes to normalize over.
    eps
        Added to the variance, so that a constant channel gives ``bias`` and not NaN. Zero is allowed.

    Returns
    -------
    tuple
        ``(y, mean, var)``, the statistics of the shape of x without ``axis``. They are part of the graph: a loss may
        depend on them.

    Raises
    ------
    TypeError
        If x is not of floating point.
    ValueError
        If an axis is out of range or repeated, the shape of weight or bias is wrong, there is no value to average, or
        eps is negative.

    References
    ----------
    Ioffe, Szegedy: "Batch normalization", 2015, algorithm 1. The derivation opens this file.
    """
    axes = normalized_axes("batch_norm", x, axis, eps)
    check_affine("batch_norm", x, axes, weight=weight, bias=bias)
    centred, lost, mean, var = statistics(xp, x, axes)
    scale = 1 / xp.sqrt(var + eps)
    if weight is not None:
        scale = scale * per_channel(weight, x, axes)
    shift = -lost * scale
    if bias is not None:
        shift = shift + per_channel(bias, x, axes)
    y = centred * scale.astype(x.dtype) + shift.astype(x.dtype)
    return y, mean.reshape(kept_shape(x, axes)), var.astype(x.dtype).reshape(kept_shape(x, axes))


@batch_norm.vjp("x", "weight", "bias")
def _(g: Any, x: Any, weight: Any, mean: Any, var: Any, g_mean: Any = None, g_var: Any = None, *, axis: Any, eps: float) -> Any:
    axes = normalized_axes("batch_norm", x, axis)
    m = prod(x.shape[i] for i in axes)
    centred = x - per_channel(mean, x, axes)
    rstd = (per_channel(var, x, axes) + eps) ** -0.5
    scale = rstd if weight is None else rstd * per_channel(weight, x, axes)

    g_bias = g.sum(axis=axes, keepdims=True)
    rest = g - g_bias / m
    g_weight = (rest * centred).sum(axis=axes, keepdims=True) * rstd
    g_x = scale * (rest - centred * (g_weight * rstd / m))

    if g_mean is not None:
        g_x = g_x + per_channel(g_mean, x, axes) / m
    if g_var is not None:
        g_x = g_x + centred * (per_channel(g_var, x, axes) * (2 / m))
    return g_x, g_weight.reshape(mean.shape), g_bias.reshape(mean.shape)


@op
def fixed_batch_norm(xp: Any, x: Any, mean: Any, var: Any, weight: Any = None, bias: Any = None, *, axis: Any, eps: float = 1e-5) -> Any:
    """Batch normalization with given statistics: what the layer does in evaluation, and in training when frozen.

    y = weight (x - mean) / sqrt(var + eps) + bias. Nothing is averaged, so no value of y depends on another of x.

    Parameters
    ----------
    x
        Floating-point values of any shape.
    mean, var
        The statistics of each channel, of the shape of x without ``axis``. They have gradients like any other input.
    weight, bias, axis, eps
        As for `batch_norm`.

    Raises
    ------
    TypeError, ValueError
        As for `batch_norm`.
    """
    axes = normalized_axes("fixed_batch_norm", x, axis, eps)
    check_affine("fixed_batch_norm", x, axes, mean=mean, var=var, weight=weight, bias=bias)
    scale = 1 / xp.sqrt(per_channel(var, x, axes) + eps)
    if weight is not None:
        scale = scale * per_channel(weight, x, axes)
    y = (x - per_channel(mean, x, axes)) * scale
    return y if bias is None else y + per_channel(bias, x, axes)


@fixed_batch_norm.vjp("x", "mean", "var", "weight", "bias")
def _(g: Any, x: Any, mean: Any, var: Any, weight: Any, *, axis: Any, eps: float) -> Any:
    axes = normalized_axes("fixed_batch_norm", x, axis)
    rstd = (var + eps) ** -0.5
    scale = rstd if weight is None else rstd * weight
    g_bias = g.sum(axis=axes)
    g_weight = (g * (x - per_channel(mean, x, axes))).sum(axis=axes) * rstd
    g_x = g * per_channel(scale, x, axes)
    return g_x, -g_bias * scale, g_weight * scale * rstd * -0.5, g_weight, g_bias


# ---------------------------------------------------------------------------------------------------------- the parts


def statistics(xp: Any, x: Any, axes: tuple[int, ...]) -> tuple[Any, Any, Any, Any]:
    """Return x - mean, what the rounding of the mean leaves in it, the mean and the biased variance over ``axes``.

    Sums are taken in float64 where x has fewer digits. The mean is then rounded to the dtype of x, so that
    x - mean is exact wherever it is small; the rest, ``lost``, is of the size of that rounding: exactly,
    the centred values are ``x - mean - lost`` and the variance is ``<(x - mean)^2> - lost^2``. The second term is tiny,
    so nothing cancels. The statistics keep their axes, with length 1; ``lost`` and the variance are not yet rounded.
    """
    wide = xp.promote_types(x.dtype, xp.float64)
    exact = x.mean(axis=axes, keepdims=True, dtype=wide)
    mean = exact.astype(x.dtype)
    lost = exact - mean
    centred = x - mean
    var = (centred * centred).mean(axis=axes, keepdims=True, dtype=wide) - lost * lost
    return centred, lost, mean, var


def normalized_axes(name: str, x: Any, axis: Any, eps: float = 0.0) -> tuple[int, ...]:
    """Return the axes as sorted non-negative numbers, after checking what op ``name`` was given."""
    ndim = len(x.shape)
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    if x.dtype.kind not in "fc":
        raise TypeError(f"{name}: x must be of floating point, not {x.dtype}; convert it with x.astype('float32')")
    if not all(isinstance(a, int) and -ndim <= a < ndim for a in axes) or len({a % ndim for a in axes}) != len(axes) or not axes:
        raise ValueError(f"{name}: axis={axis!r} does not name different axes of x, which has shape {x.shape}")
    if not eps >= 0:
        raise ValueError(f"{name}: eps={eps} must not be negative, as it is added to a variance")
    if not all(x.shape[a] for a in axes):
        raise ValueError(f"{name}: x of shape {x.shape} has no values to average over axis={axis!r}")
    return tuple(sorted(a % ndim for a in axes))


def kept_shape(x: Any, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of x without ``axes``: that of whatever there is one of for each channel."""
    return tuple(n for i, n in enumerate(x.shape) if i not in axes)


def per_channel(value: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """Give a value for each channel the axes of x, those of ``axes`` with length 1, so that it broadcasts against x."""
    return value.reshape(tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def check_affine(name: str, x: Any, axes: tuple[int, ...], **values: Any) -> None:
    """Check that each of ``values`` is None or has one element for each channel."""
    expected = kept_shape(x, axes)
    for what, value in values.items():
        if value is not None and getattr(value, "shape", None) != expected:
            raise ValueError(
                f"{name}: {what} has shape {getattr(value, 'shape', ())}, expected {expected}, "
                f"which is the shape of x, {x.shape}, without axis {axes}"
            )
