"""The relatives of batch norm that look at one sample at a time: layer, RMS, group and instance normalization.

They differ from batch norm only in which values share a mean and a variance, and in how the weight lies. What they have
in common is the step from x to xhat = (x - mean) rstd; `through_xhat` is the backward pass of that step, equation (7)
of `minigrad.ops.batch_normalization` without the weight. Each op returns its statistics, and they are part of the graph.
"""

from __future__ import annotations

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.shape import Axes
from minigrad.ops.standardization import (
    affine,
    check_affine,
    complement,
    count,
    in_dtype_of,
    kept_shape,
    normalized_axes,
    per_channel,
    standardized,
    through_xhat,
)

__all__ = ["group_norm", "instance_norm", "layer_norm", "rms_norm"]

# --------------------------------------------------------------------------------------------------------- layer norm


@op(outputs=("y", "mean", "var"))
def layer_norm(
    xp: Namespace, x: Array, weight: Array | None = None, bias: Array | None = None, *, axis: Axes = -1, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    """Normalize each sample over its features: y = weight (x - mean) / sqrt(var + eps) + bias.

    Parameters
    ----------
    x
        Floating-point values of any shape.
    weight, bias
        Scale and shift of each feature: of the shape that x has along ``axis``. None for 1 and 0.
    axis
        The axis or axes of the features, over which mean and (biased) variance are taken.
    eps
        Added to the variance.

    Returns
    -------
    tuple
        ``(y, mean, var)``, the statistics of the shape of x without ``axis``.

    Raises
    ------
    TypeError, ValueError
        As for `minigrad.ops.batch_normalization.batch_norm`.

    References
    ----------
    Ba, Kiros, Hinton: "Layer normalization", 2016.
    """
    axes = normalized_axes("layer_norm", x, axis, eps)
    others = complement(x, axes)
    check_affine("layer_norm", x, others, weight=weight, bias=bias)
    xhat, mean, var = standardized(xp, x, axes, eps)
    y = affine(xhat, per_channel(weight, x, others), per_channel(bias, x, others))
    return in_dtype_of(x, y), mean, var


@layer_norm.vjp("x", "weight", "bias")
def layer_norm_gradients(
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
    axes = normalized_axes("layer_norm", x, axis)
    others = complement(x, axes)
    g_xhat = g if weight is None else g * per_channel(weight, x, others)
    g_x, xhat = through_xhat(g_xhat, x, mean, var, g_mean, g_var, axes, eps)
    return g_x, (g * xhat).sum(axis=others), g.sum(axis=others)


# ---------------------------------------------------------------------------------------------------------- rms norm


@op(outputs=("y", "mean_square"))
def rms_norm(xp: Namespace, x: Array, weight: Array | None = None, *, axis: Axes = -1, eps: float = 1e-6) -> tuple[Array, Array]:
    """Scale each sample to root mean square 1 over its features: y = weight x / sqrt(<x^2> + eps). Nothing is subtracted.

    Parameters
    ----------
    x, weight, axis, eps
        As for `layer_norm`.

    Returns
    -------
    tuple
        ``(y, mean_square)``, the second of the shape of x without ``axis``.

    References
    ----------
    Zhang, Sennrich: "Root mean square layer normalization", 2019.
    """
    axes = normalized_axes("rms_norm", x, axis, eps)
    check_affine("rms_norm", x, complement(x, axes), weight=weight)
    long = x.astype(xp.promote_types(x.dtype, xp.float32), copy=False)
    mean_square = (long * long).mean(axis=axes, keepdims=True, dtype=xp.promote_types(x.dtype, xp.float64))
    y = affine(long * (1 / xp.sqrt(mean_square + eps)).astype(long.dtype), per_channel(weight, x, complement(x, axes)), None)
    return in_dtype_of(x, y), mean_square.astype(long.dtype).reshape(kept_shape(x, axes))


@rms_norm.vjp("x", "weight")
def rms_norm_gradients(
    g: Array, x: Array, weight: Array, mean_square: Array, g_mean_square: Array | None = None, *, axis: Axes, eps: float
) -> tuple[Array, ...]:
    axes = normalized_axes("rms_norm", x, axis)
    others = complement(x, axes)
    rrms = (per_channel(mean_square, x, axes) + eps) ** -0.5
    g_xhat = g if weight is None else g * per_channel(weight, x, others)
    g_x = rrms * (g_xhat - x * ((g_xhat * x).mean(axis=axes, keepdims=True) * rrms * rrms))
    if g_mean_square is not None:
        g_x = g_x + x * (per_channel(g_mean_square, x, axes) * (2 / count(x, axes)))
    return g_x, (g * (x * rrms)).sum(axis=others)


# ----------------------------------------------------------------------------------------- group norm, instance norm


@op(outputs=("y", "mean", "var"))
def group_norm(
    xp: Namespace, x: Array, weight: Array | None = None, bias: Array | None = None, *, groups: int, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    """Normalize each sample over groups of channels: y = weight (x - mean) / sqrt(var + eps) + bias.

    One group is layer norm over channels and positions, a group for each channel is instance norm.

    Parameters
    ----------
    x
        Floating-point values of shape (N, C, ...).
    weight, bias
        Scale and shift of each channel, of shape (C,); None for 1 and 0.
    groups
        Into how many groups the channels are divided; a divisor of C.
    eps
        Added to the variance.

    Returns
    -------
    tuple
        ``(y, mean, var)``, the statistics of shape (N, groups).

    Raises
    ------
    TypeError
        If x is not of floating point.
    ValueError
        If x has fewer than two axes, ``groups`` does not divide C, the shape of weight or bias is wrong, there is no value
        to average, or eps is negative.

    References
    ----------
    Wu, He: "Group normalization", 2018.
    """
    channels = x.shape[1] if len(x.shape) > 1 else 0
    if not isinstance(groups, int) or groups < 1 or not channels or channels % groups:
        raise ValueError(f"group_norm: groups={groups!r} must divide the number of channels, the second axis of x, which is {x.shape}")
    grouped = x.reshape(in_groups(x, groups))
    axes = normalized_axes("group_norm", grouped, tuple(range(2, len(grouped.shape))), eps)
    others = complement(x, (1,))
    check_affine("group_norm", x, others, weight=weight, bias=bias)
    xhat, mean, var = standardized(xp, grouped, axes, eps)
    y = affine(xhat.reshape(x.shape), per_channel(weight, x, others), per_channel(bias, x, others))
    return in_dtype_of(x, y), mean, var


@group_norm.vjp("x", "weight", "bias")
def group_norm_gradients(
    g: Array,
    x: Array,
    weight: Array,
    mean: Array,
    var: Array,
    g_mean: Array | None = None,
    g_var: Array | None = None,
    *,
    groups: int,
    eps: float,
) -> tuple[Array, ...]:
    grouped = x.reshape(in_groups(x, groups))
    axes, others = tuple(range(2, len(grouped.shape))), complement(x, (1,))
    g_xhat = g if weight is None else g * per_channel(weight, x, others)
    g_x, xhat = through_xhat(g_xhat.reshape(grouped.shape), grouped, mean, var, g_mean, g_var, axes, eps)
    return g_x.reshape(x.shape), (g * xhat.reshape(x.shape)).sum(axis=others), g.sum(axis=others)


@op(outputs=("y", "mean", "var"))
def instance_norm(
    xp: Namespace, x: Array, weight: Array | None = None, bias: Array | None = None, *, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    """Normalize each channel of each sample over its positions: y = weight (x - mean) / sqrt(var + eps) + bias.

    Parameters
    ----------
    x
        Floating-point values of shape (N, C, ...), with at least one axis of positions.
    weight, bias, eps
        As for `group_norm`.

    Returns
    -------
    tuple
        ``(y, mean, var)``, the statistics of shape (N, C).

    References
    ----------
    Ulyanov, Vedaldi, Lempitsky: "Instance normalization", 2016.
    """
    axes = positions("instance_norm", x, eps)
    check_affine("instance_norm", x, complement(x, (1,)), weight=weight, bias=bias)
    xhat, mean, var = standardized(xp, x, axes, eps)
    y = affine(xhat, per_channel(weight, x, complement(x, (1,))), per_channel(bias, x, complement(x, (1,))))
    return in_dtype_of(x, y), mean, var


@instance_norm.vjp("x", "weight", "bias")
def instance_norm_gradients(
    g: Array, x: Array, weight: Array, mean: Array, var: Array, g_mean: Array | None = None, g_var: Array | None = None, *, eps: float
) -> tuple[Array, ...]:
    axes, others = positions("instance_norm", x), complement(x, (1,))
    g_xhat = g if weight is None else g * per_channel(weight, x, others)
    g_x, xhat = through_xhat(g_xhat, x, mean, var, g_mean, g_var, axes, eps)
    return g_x, (g * xhat).sum(axis=others), g.sum(axis=others)


# ---------------------------------------------------------------------------------------------------------- the parts


def in_groups(x: Array, groups: int) -> tuple[int, ...]:
    """Shape of x with its channels in groups: (N, groups, C / groups, ...)."""
    return (x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])


def positions(name: str, x: Array, eps: float = 0.0) -> tuple[int, ...]:
    """The axes of x behind those of samples and channels."""
    if len(x.shape) < 3:
        raise ValueError(f"{name}: x needs an axis of positions behind samples and channels, and has shape {x.shape}")
    return normalized_axes(name, x, tuple(range(2, len(x.shape))), eps)
