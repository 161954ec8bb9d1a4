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
with eps = 1e-5 is off by up to 0.4 % at var = 1e-9 and 80 % at 1e-12; rstd from the variance is one operation for each
channel and loses nothing. The variance is never taken as <x^2> - <x>^2: in float32, at mean 1e4 and variance 1, that can be negative.
"""

from __future__ import annotations

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.elementwise import where
from minigrad.ops.shape import Axes
from minigrad.ops.standardization import (
    affine,
    check_affine,
    count,
    in_dtype_of,
    kept_shape,
    normalized_axes,
    per_channel,
    standardized,
    statistics,
    through_xhat,
)

__all__ = ["batch_norm", "batch_norm_relu", "batch_renorm", "fixed_batch_norm"]


@op(outputs=("y", "mean", "var"))
def batch_norm(
    xp: Namespace, x: Array, weight: Array | None = None, bias: Array | None = None, *, axis: Axes, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
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
        ``(y, mean, var)``, the statistics of the shape of x without ``axis``, and float32 where x is shorter. They are
        part of the graph: a loss may depend on them.

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
    centred, lost, mean, var = statistics(xp, x, axes)  # lost: what rounding left of the mean in centred
    scale = 1 / xp.sqrt(var + eps)
    if weight is not None:
        scale = scale * per_channel(weight, x, axes)
    shift = -lost * scale
    if bias is not None:
        shift = shift + per_channel(bias, x, axes)
    y = centred * scale.astype(mean.dtype) + shift.astype(mean.dtype)
    return in_dtype_of(x, y), mean.reshape(kept_shape(x, axes)), var.astype(mean.dtype).reshape(kept_shape(x, axes))


@batch_norm.vjp("x", "weight", "bias")
def batch_norm_gradients(
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
) -> tuple[Array, ...]:
    axes = normalized_axes("batch_norm", x, axis)
    m = count(x, axes)
    centred = x - per_channel(mean, x, axes)
    rstd = (per_channel(var, x, axes) + eps) ** -0.5
    xhat = centred * rstd
    scale = rstd if weight is None else rstd * per_channel(weight, x, axes)

    g_bias = g.sum(axis=axes, keepdims=True)  # (6)
    rest = g - g_bias / m  # g - <g>
    g_weight = (rest * xhat).sum(axis=axes, keepdims=True)  # (5): taking <g> away changes nothing, as xhat sums to 0
    g_x = scale * (rest - xhat * (g_weight / m))  # (7)

    if g_mean is not None:  # a loss that depends on the mean: dmean/dx_i = 1/m
        g_x = g_x + per_channel(g_mean, x, axes) / m
    if g_var is not None:  # and on the variance: dvar/dx_i = 2 (x_i - mean) / m
        g_x = g_x + centred * (per_channel(g_var, x, axes) * (2 / m))
    return g_x, g_weight.reshape(mean.shape), g_bias.reshape(mean.shape)


@op(outputs=("y", "mean", "var"))
def batch_norm_relu(
    xp: Namespace, x: Array, weight: Array | None = None, bias: Array | None = None, *, axis: Axes, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    """Batch norm and ReLU in one node: y = max(batch_norm(x), 0). Arguments and results are those of `batch_norm`.

    One kernel does both, on a GPU and on the CPU, and saves passes over memory; `minigrad.nn.Sequential` calls it. relu'(0) = 0.
    """
    y, mean, var = batch_norm(x, weight, bias, axis=axis, eps=eps)
    return xp.maximum(y, 0), mean, var


@batch_norm_relu.vjp("x", "weight", "bias")
def batch_norm_relu_gradients(
    g: Array, x: Array, weight: Array, y: Array, mean: Array, var: Array, g_mean: Array | None = None, g_var: Array | None = None,
    *, axis: Axes, eps: float,
) -> tuple[Array, ...]:  # fmt: skip
    return batch_norm_gradients(where(y > 0, g, 0), x, weight, mean, var, g_mean, g_var, axis=axis, eps=eps)


@op
def fixed_batch_norm(
    xp: Namespace,
    x: Array,
    mean: Array,
    var: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    *,
    axis: Axes,
    eps: float = 1e-5,
) -> Array:
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
    axes = normalized_axes("fixed_batch_norm", x, axis, eps, averages=False)
    check_affine("fixed_batch_norm", x, axes, mean=mean, var=var, weight=weight, bias=bias)
    scale = 1 / xp.sqrt(per_channel(var, x, axes) + eps)
    if weight is not None:
        scale = scale * per_channel(weight, x, axes)
    y = (x - per_channel(mean, x, axes)) * scale
    return in_dtype_of(x, y if bias is None else y + per_channel(bias, x, axes))


@fixed_batch_norm.vjp("x", "mean", "var", "weight", "bias")
def fixed_batch_norm_gradients(g: Array, x: Array, mean: Array, var: Array, weight: Array, *, axis: Axes, eps: float) -> tuple[Array, ...]:
    axes = normalized_axes("fixed_batch_norm", x, axis, averages=False)
    rstd = (var + eps) ** -0.5
    scale = rstd if weight is None else rstd * weight
    g_bias = g.sum(axis=axes)
    g_weight = (g * (x - per_channel(mean, x, axes))).sum(axis=axes) * rstd
    g_x = g * per_channel(scale, x, axes)
    return g_x, -g_bias * scale, g_weight * scale * rstd * -0.5, g_weight, g_bias


@op(outputs=("y", "mean", "var", "r", "d"))
def batch_renorm(
    xp: Namespace, x: Array, running_mean: Array, running_var: Array, weight: Array | None = None, bias: Array | None = None,
    *, axis: Axes, r_max: float, d_max: float,
    eps: float = 1e-5,
) -> tuple[Array, Array, Array, Array, Array]:  # fmt: skip
    """Batch norm, corrected towards the running statistics: y = weight (xhat r + d) + bias.

    With xhat and the batch statistics as in `batch_norm`, s = sqrt(var + eps) and
    S = sqrt(running_var + eps): r = s / S, clipped to [1 / r_max, r_max], and d = (mean - running_mean) / S, clipped to
    [-d_max, d_max]. Where nothing is clipped, y is the evaluation-mode output; with r_max = 1 and d_max = 0 it is batch norm.

    By definition r and d are constants for the backward pass, of every order, although they are computed from the
    batch (section 3 of the paper). The gradient is therefore not the derivative of y where r or d is not clipped.

    Parameters
    ----------
    running_mean, running_var
        Of the shape of x without ``axis``. They have no gradient.
    r_max, d_max
        How far the correction may go: at least 1 and at least 0.
    x, weight, bias, axis, eps
        As for `batch_norm`.

    Returns
    -------
    tuple
        ``(y, mean, var, r, d)``, all but y of the shape of x without ``axis``.

    References
    ----------
    Ioffe: "Batch renormalization", 2017.
    """
    axes = normalized_axes("batch_renorm", x, axis, eps)
    check_affine("batch_renorm", x, axes, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if not (r_max >= 1 and d_max >= 0):
        raise ValueError(f"batch_renorm: r_max={r_max} must be at least 1 and d_max={d_max} at least 0")
    xhat, mean, var = standardized(xp, x, axes, eps)
    running_std = xp.sqrt(running_var + eps)
    r = xp.clip(xp.sqrt(var + eps) / running_std, 1 / r_max, r_max)
    d = xp.clip((mean - running_mean) / running_std, -d_max, d_max)
    corrected = affine(xhat, per_channel(r, x, axes), per_channel(d, x, axes))
    y = affine(corrected, per_channel(weight, x, axes), per_channel(bias, x, axes))
    return in_dtype_of(x, y), mean, var, r, d


@batch_renorm.vjp("x", "weight", "bias")
def batch_renorm_gradients(
    g: Array,
    x: Array,
    weight: Array,
    mean: Array,
    var: Array,
    r: Array,
    d: Array,
    g_mean: Array | None = None,
    g_var: Array | None = None,
    *,
    axis: Axes,
    eps: float,
) -> tuple[Array, ...]:
    axes = normalized_axes("batch_renorm", x, axis)
    g_xhat = g * per_channel(r if weight is None else r * weight, x, axes)
    g_x, xhat = through_xhat(g_xhat, x, mean, var, g_mean, g_var, axes, eps)
    g_bias = g.sum(axis=axes)
    return g_x, (g * xhat).sum(axis=axes) * r + g_bias * d, g_bias


batch_renorm.nondiff(
    running_mean="it enters through r and d only, which are constants by definition",
    running_var="it enters through r and d only, which are constants by definition",
)
