"""Batch norm over the batches of all ranks, in one node: the numbers of one process that has them all.

With n_r the number of values of a channel on rank r, m their sum over the ranks, and sums over i and r for all of them::

    mean = 1/m sum x_i      var = 1/m sum (x_i - mean)^2      y_i = w_r (x_i - mean) rstd + b_r      rstd = 1 / sqrt(var + eps)

**Forward.** Each rank sends (n_r, mean_r, var_r) in one all-gather, in float64. They are merged in the order of the ranks (Chan, Golub,
LeVeque, 1979), so every rank has the same bits, and running statistics stay equal without a message. A rank without
values takes part with n_r = 0::

    mean = 1/m sum n_r mean_r           m var = sum n_r var_r + sum n_r (mean_r - mean)^2

**Backward.** Let L be the sum of the ranks' losses and g = dL/dy. Each rank scales with a copy of the weight that is its own, so put
h = w_r g for the cotangent of xhat. Then (7) of `minigrad.ops.batch_normalization` holds with averages <t> = 1/m sum t over all
ranks, and so do the terms of the statistics, which are outputs on every rank::

    dL/dx_i = rstd (h_i - <h> - xhat_i <h xhat>) + (sum_r g_mean) / m + 2 (x_i - mean) (sum_r g_var) / m              (8)

What the ranks must tell one another are two sums for each channel, and those of g_mean and g_var: one all-reduce. Because h and not g
is sent, (8) also holds while the copies of the weight differ. dL/dw_r and dL/db_r are those of the rank's own copy, local sums;
data parallel training adds them up like all others.

**Why a third sum.** In float32 the mean is rounded, so that sum (x_i - mean) = s is not zero, and sum h (x_i - mean) holds
<h> s beside what is wanted. At mean 1e4 with <h> = 100 that leaves two correct digits, and it is no help to add in float64. With s
in the same message it is taken out: x_i - mean - s/m in place of x_i - mean, and <h (x - mean)> - <h> s/m. To keep sum h (x - mean)
itself from losing digits, each rank first takes its own mean out of g, and puts it back times its own share of s in float64.

**Higher orders.** The formula is made of ops, `all_reduce` among them, and mean, var and m are outputs of the node: it is differentiated
like any other.
"""

from __future__ import annotations

from typing import Any

from minigrad.backends import namespace
from minigrad.core._capturing import boxed, can_look
from minigrad.core.op import op
from minigrad.core.tensor import array_of
from minigrad.distributed.collectives import all_reduce
from minigrad.ops.elementwise import where
from minigrad.ops.joining import stack
from minigrad.ops.standardization import check_affine, count, in_dtype_of, kept_shape, normalized_axes, per_channel, statistics

__all__ = ["sync_batch_norm", "sync_batch_norm_relu"]


@op(outputs=("y", "mean", "var", "m"))
def sync_batch_norm(xp: Any, x: Any, weight: Any = None, bias: Any = None, *, axis: Any, group: Any, eps: float = 1e-5) -> Any:
    """Normalize ``x`` to mean 0 and variance 1 over the axes ``axis`` and over all ranks, then scale and shift.

    Parameters
    ----------
    x
        This rank's values, of floating point. Ranks may have batches of different length, and none at all.
    weight, bias, axis, eps
        As for `minigrad.ops.batch_norm`.
    group
        The `minigrad.distributed.Group` whose ranks all make this call.

    Returns
    -------
    tuple
        ``(y, mean, var, m)``: as for `minigrad.ops.batch_norm`, the statistics those of all ranks together, and how many
        values they are taken over: for each channel, in the dtype of the statistics.

    Raises
    ------
    TypeError, ValueError
        As for `minigrad.ops.batch_norm`; also if no rank has a value.

    References
    ----------
    The derivation opens this file. Chan, Golub, LeVeque: "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
    """
    axes = normalized_axes("sync_batch_norm", x, axis, eps, averages=False)
    check_affine("sync_batch_norm", x, axes, weight=weight, bias=bias)
    exact, variance, m = merged(xp, boxed(group.all_gather, effect=True)(moments(xp, x, axes)), count(x, axes))
    mean = exact.astype(xp.promote_types(x.dtype, xp.float32))
    lost = exact - mean
    scale = 1 / xp.sqrt(variance + eps)
    if weight is not None:
        scale = scale * weight
    shift = -lost * scale if bias is None else bias - lost * scale
    scale, shift = (per_channel(value.astype(mean.dtype), x, axes) for value in (scale, shift))
    y = (x - per_channel(mean, x, axes)) * scale + shift
    return in_dtype_of(x, y), mean, variance.astype(mean.dtype), m.astype(mean.real.dtype)


def moments(xp: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """Return this rank's number of values, mean and variance of each channel, along a first axis, in float64."""
    channels, wide = kept_shape(x, axes), xp.promote_types(x.dtype, xp.float64)
    n = count(x, axes)
    if not n:
        return xp.zeros((3, *channels), wide)
    _, lost, mean, var = statistics(xp, x, axes)
    return xp.stack([xp.full(channels, n, wide), (mean + lost).reshape(channels), var.reshape(channels)])


def merged(xp: Any, gathered: Any, n: int) -> tuple[Any, Any, Any]:
    """Return mean, variance and number of values over all ranks, from the `moments` of each along the first axis.

    ``n`` is this rank's number of values: where it is 0, there may be none on any rank.
    """
    ns, means, variances = gathered[:, 0], gathered[:, 1], gathered[:, 2]
    m = ns.sum(axis=0).real
    if not n and m.size and can_look(m) and not m.any():
        raise ValueError("sync_batch_norm: no rank has a value to average over")
    mean = (ns * means).sum(axis=0) / m
    variance = (ns * variances + ns * (means - mean) ** 2).sum(axis=0) / m
    return mean, variance, m


@sync_batch_norm.vjp("x", "weight", "bias")
def sync_batch_norm_gradients(
    g: Any, x: Any, weight: Any, mean: Any, var: Any, m: Any, g_mean: Any = None, g_var: Any = None, *, axis: Any, group: Any, eps: float
) -> Any:
    axes = normalized_axes("sync_batch_norm", x, axis, averages=False)
    centred = x - per_channel(mean, x, axes)
    g_bias = _wide(g).sum(axis=axes)
    own = (g_bias / max(count(x, axes), 1)).astype(mean.dtype)
    left = _wide(centred).sum(axis=axes)
    product = _wide((g - per_channel(own, x, axes)) * centred).sum(axis=axes) + own * left

    to_xhat = (g_bias, product) if weight is None else (weight * g_bias, weight * product)
    sums = all_reduce(stack([*to_xhat, left, _or_zeros(g_mean, left), _or_zeros(g_var, left)]), group=group) / m
    h, h_centred, rest, to_mean, to_var = [sums[k] for k in range(5)]  # <h>, <h (x - mean)>, s/m, and those of the statistics
    rstd = (var + eps) ** -0.5
    slope = (h_centred - h * rest) * rstd**3 - 2 * to_var
    offset = h * rstd - to_mean
    scale = rstd if weight is None else rstd * weight
    g_weight = (product - g_bias * rest) * rstd
    slope, offset, rest, scale = (per_channel(value.astype(mean.dtype), x, axes) for value in (slope, offset, rest, scale))
    g_x = g * scale - offset - (centred - rest) * slope
    return g_x, g_weight, g_bias


def _wide(value: Any) -> Any:
    return value.astype(namespace(array_of(value)).promote_types(value.dtype, "float64"))


def _or_zeros(value: Any, like: Any) -> Any:
    """Return the cotangent of a statistic, or zeros where there is none: the message has one layout on every rank."""
    return namespace(array_of(like)).zeros(like.shape, like.dtype) if value is None else value.astype(like.dtype)


@op(outputs=("y", "mean", "var", "m"))
def sync_batch_norm_relu(xp: Any, x: Any, weight: Any = None, bias: Any = None, *, axis: Any, group: Any, eps: float = 1e-5) -> Any:
    """Batch norm over all ranks and ReLU in one node: y = max(sync_batch_norm(x), 0). Arguments and results are those of `sync_batch_norm`.

    As `minigrad.ops.batch_normalization.batch_norm_relu`, it saves passes over memory. relu'(0) = 0.
    """
    y, mean, var, m = sync_batch_norm(x, weight, bias, axis=axis, group=group, eps=eps)
    return xp.maximum(y, 0), mean, var, m


@sync_batch_norm_relu.vjp("x", "weight", "bias")
def sync_batch_norm_relu_gradients(
    g: Any, x: Any, weight: Any, y: Any, mean: Any, var: Any, m: Any, g_mean: Any = None, g_var: Any = None, *, axis: Any, group: Any,
    eps: float,
) -> Any:  # fmt: skip
    return sync_batch_norm_gradients(where(y > 0, g, 0), x, weight, mean, var, m, g_mean, g_var, axis=axis, group=group, eps=eps)
