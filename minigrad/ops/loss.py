"""Losses that deserve a formula of their own: composed of other ops they would overflow, or take needless passes.

Each gives one loss for each sample or element; means, sums, class weights and ignored labels are the business of
`minigrad.nn.functional`, where the other losses are composed of ops.
"""

from __future__ import annotations

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.activation import softmax_d_x
from minigrad.ops.elementwise import clip, log, maximum, sigmoid, where
from minigrad.ops.indexing import check_labels, scatter_add
from minigrad.ops.shape import expand_dims

__all__ = ["binary_cross_entropy", "huber", "mean_cross_entropy", "sigmoid_cross_entropy", "softmax_cross_entropy"]


@op(outputs=("loss", "p"))
def softmax_cross_entropy(xp: Namespace, x: Array, labels: Array, *, label_smoothing: float = 0.0) -> tuple[Array, Array]:
    """Cross-entropy between labels and the softmax of ``x`` along the last axis.

    loss = logsumexp(x) - sum_k q_k x_k, where q is 1 for the label and 0 elsewhere, mixed with the even distribution:
    q_k = (1 - s) [k = label] + s / K for K classes and the smoothing s. The largest x is subtracted first, so that
    nothing overflows.

    Parameters
    ----------
    x : (..., K), floating-point logits
    labels : (...), integers from 0 to K - 1
    label_smoothing
        s, from 0 to 1 (Szegedy et al., "Rethinking the Inception architecture", 2016, section 7).

    Returns
    -------
    loss : (...)
    p : (..., K), softmax(x)

    Raises
    ------
    IndexError
        If a label is not the number of a class (on a GPU, which would have to be waited for, this is not noticed).
    ValueError
        If the shapes do not fit, or the smoothing is not from 0 to 1.
    """
    if x.shape[:-1] != labels.shape or not x.shape:
        raise ValueError(f"softmax_cross_entropy: x of shape {x.shape} needs labels of shape {x.shape[:-1]}, not {labels.shape}")
    check_labels("softmax_cross_entropy", labels, x.shape[-1])
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"softmax_cross_entropy: label_smoothing is {label_smoothing}; expected a share, from 0 to 1")
    p = x - x.max(axis=-1, keepdims=True)
    at_label = xp.take_along_axis(p, labels[..., None], axis=-1)[..., 0]
    target = at_label if not label_smoothing else (1 - label_smoothing) * at_label + label_smoothing * p.mean(axis=-1)
    xp.exp(p, out=p)
    total = p.sum(axis=-1, keepdims=True)
    p /= total
    return xp.log(total[..., 0]) - target, p


@softmax_cross_entropy.vjp("x")
def softmax_cross_entropy_gradient(g: Array, labels: Array, p: Array, g_p: Array | None = None, *, label_smoothing: float) -> Array:
    along = expand_dims(g, -1)
    dx = scatter_add(along * p, expand_dims(labels, -1), -(1 - label_smoothing) * along, axis=-1)
    if label_smoothing:
        dx = dx - along * (label_smoothing / p.shape[-1])
    return dx if g_p is None else dx + softmax_d_x(g_p, p, axis=-1)


softmax_cross_entropy.nondiff(labels="labels are integers")


@op(outputs=("loss", "p"))
def mean_cross_entropy(
    xp: Namespace, x: Array, labels: Array, *, ignore_index: int = -100, label_smoothing: float = 0.0
) -> tuple[Array, Array]:
    """Mean of `softmax_cross_entropy` over the samples whose label is not ``ignore_index``.

    One node for what ends nearly every classifier, so that a GPU can compute the loss in one launch and its gradient in
    another. If no sample counts, the loss is NaN, and the gradient 0.

    Parameters
    ----------
    x : (..., K), floating-point logits
    labels : (...), integers from 0 to K - 1, or ``ignore_index``
    label_smoothing
        As for `softmax_cross_entropy`.

    Returns
    -------
    loss : ()
    p : (..., K), softmax(x)
    """
    counted = labels != ignore_index
    losses, p = softmax_cross_entropy(x, xp.where(counted, labels, 0), label_smoothing=label_smoothing)
    return xp.where(counted, losses, 0).sum() / counted.sum().astype(x.dtype), p


@mean_cross_entropy.vjp("x")
def mean_cross_entropy_d_x(
    g: Array, labels: Array, p: Array, g_p: Array | None = None, *, ignore_index: int, label_smoothing: float
) -> Array:
    counted = labels != ignore_index
    labels = where(counted, labels, 0)
    share = where(counted, g / maximum(counted.astype(p.dtype).sum(), 1), 0)
    dx = softmax_cross_entropy_gradient(share, labels, p, label_smoothing=label_smoothing)
    dx = where(expand_dims(counted, -1), dx, 0)  # what does not count may be infinite or nan
    return dx if g_p is None else dx + softmax_d_x(g_p, p, axis=-1)


mean_cross_entropy.nondiff(labels="labels are integers")


@op(broadcasts=True)
def sigmoid_cross_entropy(xp: Namespace, x: Array, target: Array) -> Array:
    """Cross-entropy between a probability ``target`` and sigmoid(x): log(1 + e**x) - x target, without overflow."""
    return xp.maximum(x, 0) - x * target + xp.log1p(xp.exp(-xp.abs(x)))


sigmoid_cross_entropy.vjp(x=lambda g, x, target: g * (sigmoid(x) - target), target=lambda g, x: -g * x)


@op(broadcasts=True)
def binary_cross_entropy(xp: Namespace, p: Array, target: Array) -> Array:
    """Cross-entropy between two probabilities: -target log p - (1 - target) log(1 - p).

    Each logarithm is at least -100, and the derivative's denominator p (1 - p) at least 1e-12, so that loss and
    gradient stay finite where p is 0 or 1 (as in PyTorch). `sigmoid_cross_entropy` needs no such help.
    """
    dtype = xp.result_type(p, target)
    at_least = dtype.type(1e-44 if dtype.itemsize >= 4 else 6e-8)
    log_p = xp.maximum(xp.log(xp.maximum(p, at_least)), -100)
    log_q = xp.maximum(xp.log(xp.maximum(1 - p, at_least)), -100)
    return -target * log_p - (1 - target) * log_q


binary_cross_entropy.vjp(
    p=lambda g, p, target: g * (p - target) / maximum(p * (1 - p), 1e-12),
    target=lambda g, p: g * (maximum(log(1 - p), -100) - maximum(log(p), -100)),
)


@op(broadcasts=True)
def huber(xp: Namespace, x: Array, target: Array, *, delta: float = 1.0) -> Array:
    """d**2 / 2 where d = x - target is at most ``delta`` away from 0, and delta (abs(d) - delta / 2) further out.

    The gradient is d clipped to +-delta. Source: Huber, "Robust estimation of a location parameter", 1964.
    """
    if not delta > 0:
        raise ValueError(f"huber: delta is {delta}; expected a positive number")
    distance = xp.abs(x - target)
    inner = xp.minimum(distance, delta)
    return inner * (distance - 0.5 * inner)


huber.vjp(
    x=lambda g, x, target, *, delta: g * clip(x - target, -delta, delta),
    target=lambda g, x, target, *, delta: -g * clip(x - target, -delta, delta),
)
