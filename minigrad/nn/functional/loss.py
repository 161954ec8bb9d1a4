"""Losses, with PyTorch's names and arguments.

``reduction`` is "mean" (over elements; weighted where there are class weights), "sum" or "none" everywhere. Each loss
is a line or two of ops; those that would lose digits or time that way are ops of their own, in `minigrad.ops.loss`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.backends import kind_of, namespace
from minigrad.nn.functional.distance import pairwise_distance
from minigrad.ops.loss import check_labels
from minigrad.tensor import Tensor, array_of, wrap

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "cross_entropy", "gaussian_nll_loss",
    "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss", "margin_ranking_loss", "mse_loss", "multi_margin_loss",
    "multilabel_margin_loss", "multilabel_soft_margin_loss", "nll_loss", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss",
    "triplet_margin_loss", "triplet_margin_with_distance_loss",
]  # fmt: skip


def reduced(loss: Any, reduction: str) -> Any:
    """Return the mean, the sum, or the losses as they are."""
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f"unknown reduction {reduction!r}: expected 'mean', 'sum' or 'none'")


# ---------------------------------------------------------------------------------------------------- classification


def cross_entropy(
    input: Any, target: Any, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
) -> Any:
    """Cross-entropy between the softmax of ``input`` over the classes and ``target``.

    Parameters
    ----------
    input : (N, C, ...) or (C,), logits
    target
        Numbers of classes, of the shape of ``input`` without the classes; or probabilities, of the shape of ``input``.
    weight : (C,)
        A factor for each class. The mean is then the weighted one (over N, where ``target`` holds probabilities).
    ignore_index
        Labels of this number do not count.
    label_smoothing
        The part of the target, from 0 to 1, that is spread evenly over the classes.

    Raises
    ------
    IndexError
        If a label is not the number of a class (on the CPU).
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing is from 0 to 1, not {label_smoothing}")
    logits = input if input.ndim <= 2 else ops.moveaxis(input, 1, -1)
    if target.shape == input.shape and array_of(target).dtype.kind == "f":
        probabilities = target if input.ndim <= 2 else ops.moveaxis(target, 1, -1)
        return _cross_entropy_with_probabilities(logits, probabilities, weight, reduction, label_smoothing)
    if weight is None and reduction == "mean":
        return ops.mean_cross_entropy(logits, target, ignore_index=ignore_index, label_smoothing=label_smoothing)[0]
    labels, counted = _labels("cross_entropy", target, logits, ignore_index)
    if weight is None:
        return _weighted(ops.softmax_cross_entropy(logits, labels, label_smoothing=label_smoothing)[0], None, counted, reduction)
    of_label = ops.take(weight, labels, axis=0)
    if not label_smoothing:
        return _weighted(ops.softmax_cross_entropy(logits, labels)[0], of_label, counted, reduction)
    log_p = ops.log_softmax(logits, axis=-1)
    at_label = of_label * ops.take_along_axis(log_p, ops.expand_dims(labels, -1), axis=-1).squeeze(-1)
    even = (weight * log_p).mean(axis=-1)
    loss = (label_smoothing - 1) * at_label - label_smoothing * even
    return _mean_by(_where_counted(loss, counted), _where_counted(of_label, counted), reduction)


def _cross_entropy_with_probabilities(logits: Any, target: Any, weight: Any, reduction: str, label_smoothing: float) -> Any:
    if label_smoothing:
        target = (1 - label_smoothing) * target + label_smoothing / target.shape[-1]
    log_p = ops.log_softmax(logits, axis=-1)
    loss = -(target * (log_p if weight is None else weight * log_p)).sum(axis=-1)
    return reduced(loss, reduction)


def nll_loss(input: Any, target: Any, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """Minus the entry of ``input``, log-probabilities of shape (N, C, ...) or (C,), at the label. See `cross_entropy`."""
    log_p = input if input.ndim <= 2 else ops.moveaxis(input, 1, -1)
    labels, counted = _labels("nll_loss", target, log_p, ignore_index)
    loss = -ops.take_along_axis(log_p, ops.expand_dims(labels, -1), axis=-1).squeeze(-1)
    return _weighted(loss, None if weight is None else ops.take(weight, labels, axis=0), counted, reduction)


def _labels(name: str, target: Any, scores: Any, ignore_index: int) -> tuple[Any, Any]:
    """Return the labels with those to ignore set to 0, and where they count: None for everywhere."""
    labels = array_of(target)
    if labels.shape != scores.shape[:-1]:
        raise ValueError(f"{name}: {scores.shape[:-1]} labels are needed, and the target has shape {labels.shape}")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name}: labels are numbers of classes and must be integers, not {labels.dtype}")
    counted = None
    if kind_of(labels) != "cpu" or (labels == ignore_index).any():  # a GPU is not waited for
        counted = labels != ignore_index
        labels = namespace(labels).where(counted, labels, 0)
    check_labels(name, labels, scores.shape[-1])
    return wrap(labels, None), counted


def _where_counted(values: Any, counted: Any) -> Any:
    return values if counted is None else ops.where(counted, values, 0)


def _weighted(loss: Any, weights: Any, counted: Any, reduction: str) -> Any:
    """Reduce the losses of the samples that count, by the mean with these weights."""
    if weights is None:
        if counted is None:
            return reduced(loss, reduction)
        ones = wrap(counted.astype(loss.dtype), None)
        return _mean_by(_where_counted(loss, counted), ones, reduction)
    return _mean_by(_where_counted(loss * weights, counted), _where_counted(weights, counted), reduction)


def _mean_by(loss: Any, weights: Any, reduction: str) -> Any:
    return loss.sum() / weights.sum() if reduction == "mean" else reduced(loss, reduction)


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, *, reduction: str = "mean") -> Any:
    """-target log p - (1 - target) log(1 - p) for probabilities p. Each logarithm is at least -100."""
    _same_shape("binary_cross_entropy", input, target)
    p = array_of(input)
    if kind_of(p) == "cpu" and p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(
            f"binary_cross_entropy: the input holds probabilities, from 0 to 1, and there are values from {p.min():.6g} to "
            f"{p.max():.6g}. For logits use binary_cross_entropy_with_logits"
        )
    loss = ops.binary_cross_entropy(input, target)
    return reduced(loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """`binary_cross_entropy` of sigmoid(input), without overflow; ``pos_weight`` is a factor for the positive part."""
    _same_shape("binary_cross_entropy_with_logits", input, target)
    loss = ops.sigmoid_cross_entropy(input, target)
    if pos_weight is not None:
        loss = loss + (pos_weight - 1) * target * ops.softplus(-input, threshold=math.inf)
    return reduced(loss if weight is None else loss * weight, reduction)


def kl_div(input: Any, target: Any, *, reduction: str = "mean", log_target: bool = False) -> Any:
    """target (log target - input), for log-probabilities ``input``; "batchmean" divides the sum by the batch."""
    loss = ops.exp(target) * (target - input) if log_target else ops.xlogy(target, target) - target * input
    return loss.sum() / (input.shape[0] if input.ndim else 1) if reduction == "batchmean" else reduced(loss, reduction)


def multi_margin_loss(
    input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, *, reduction: str = "mean"
) -> Any:
    """sum over the other classes j of max(0, margin - x_label + x_j)**p, over the number of classes; (N, C) or (C,)."""
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: p is 1 or 2, not {p}")
    labels, _ = _labels("multi_margin_loss", target, input, -1 - input.shape[-1])
    column = ops.expand_dims(labels, -1)
    others = 1 - ops.one_hot(labels, num_classes=input.shape[-1], dtype=input.dtype)
    gaps = ops.relu(margin - ops.take_along_axis(input, column, axis=-1) + input)
    loss = ((gaps if p == 1 else gaps * gaps) * others).sum(axis=-1) / input.shape[-1]
    return reduced(loss if weight is None else loss * ops.take(weight, labels, axis=0), reduction)


def multilabel_margin_loss(input: Any, target: Any, *, reduction: str = "mean") -> Any:
    """sum over labels i and classes j that are no label of max(0, 1 - (x_i - x_j)), over the number of classes.

    ``target`` has the shape of ``input``, (N, C) or (C,), and lists the labels of each sample; those from the first -1
    on do not count.
    """
    _same_shape("multilabel_margin_loss", input, target)
    labels = array_of(target)
    xp, classes = namespace(labels), input.shape[-1]
    counted = xp.cumprod((labels >= 0).astype(np.int64), axis=-1).astype(bool)
    labels = xp.where(counted, labels, 0)
    check_labels("multilabel_margin_loss", labels, classes)
    chosen = xp.eye(classes, dtype=bool)[labels] & counted[..., None]
    is_label = chosen.any(axis=-2)
    pairs = wrap((counted[..., :, None] & ~is_label[..., None, :]).astype(input.dtype), None)
    at_labels = ops.take_along_axis(input, wrap(labels, None), axis=-1)
    gaps = ops.relu(1 - (ops.expand_dims(at_labels, -1) - ops.expand_dims(input, -2)))
    return reduced((gaps * pairs).sum(axis=(-2, -1)) / classes, reduction)


def multilabel_soft_margin_loss(input: Any, target: Any, weight: Any = None, *, reduction: str = "mean") -> Any:
    """The mean over classes of the cross-entropy between sigmoid(input) and ``target``."""
    loss = ops.sigmoid_cross_entropy(input, target)
    return reduced((loss if weight is None else loss * weight).mean(axis=-1), reduction)


def soft_margin_loss(input: Any, target: Any, *, reduction: str = "mean") -> Any:
    """log(1 + e**(-target x)), for targets of 1 and -1."""
    _same_shape("soft_margin_loss", input, target)
    return reduced(ops.softplus(-target * input, threshold=math.inf), reduction)


def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, *, reduction: str = "mean") -> Any:
    """x where the target is 1, max(0, margin - x) where it is -1."""
    loss = ops.where(target != 1, ops.relu(margin - input), 0.0) + ops.where(target != -1, input, 0.0)
    return reduced(loss, reduction)


# -------------------------------------------------------------------------------------------------------- regression


def mse_loss(input: Any, target: Any, *, reduction: str = "mean") -> Any:
    """(x - target)**2"""
    _same_shape("mse_loss", input, target)
    return reduced(ops.square(input - target), reduction)


def l1_loss(input: Any, target: Any, *, reduction: str = "mean") -> Any:
    """abs(x - target)"""
    _same_shape("l1_loss", input, target)
    return reduced(ops.abs(input - target), reduction)


def huber_loss(input: Any, target: Any, *, reduction: str = "mean", delta: float = 1.0) -> Any:
    """d**2 / 2 where d = x - target is within ``delta`` of 0, delta (abs(d) - delta / 2) further out."""
    _same_shape("huber_loss", input, target)
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, and it is {delta}")
    return reduced(ops.huber(input, target, delta=delta), reduction)


def smooth_l1_loss(input: Any, target: Any, *, reduction: str = "mean", beta: float = 1.0) -> Any:
    """`huber_loss` with delta = beta, divided by beta; `l1_loss` where beta is 0."""
    _same_shape("smooth_l1_loss", input, target)
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, and it is {beta}")
    return reduced(ops.huber(input, target, delta=beta) / beta if beta else ops.abs(input - target), reduction)


def poisson_nll_loss(
    input: Any, target: Any, *, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Any:
    """rate - target log rate, for the rate e**x, or x itself where ``log_input`` is false (eps is added in the logarithm).

    ``full`` adds Stirling's approximation to log(target!), target log target - target + log(2 pi target) / 2, for
    targets above 1.
    """
    loss = ops.exp(input) - target * input if log_input else input - target * ops.log(input + eps)
    if full:
        above_1 = ops.where(target > 1, target, 1.0)
        stirling = above_1 * ops.log(above_1) - above_1 + 0.5 * ops.log(2 * math.pi * above_1)
        loss = loss + ops.where(target > 1, stirling, 0.0)
    return reduced(loss, reduction)


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """(log var + (x - target)**2 / var) / 2, plus log(2 pi) / 2 where ``full`` is set.

    ``var`` has the shape of x, or 1 instead along some axes, or lacks the last axis; it may be a number. It counts as at
    least ``eps``, with the gradient of what it is.
    """
    if not isinstance(var, Tensor):
        var = wrap(namespace(array_of(input)).full(input.shape, var, input.dtype), None)
    if var.shape != input.shape:
        if var.shape == input.shape[:-1]:
            var = ops.expand_dims(var, -1)
        elif len(var.shape) != len(input.shape) or any(m not in (1, n) for m, n in zip(var.shape, input.shape, strict=True)):
            raise ValueError(f"gaussian_nll_loss: var has shape {var.shape}; the input, of shape {input.shape}, does not fit it")
    if kind_of(var.data) == "cpu" and var.size and var.data.min() < 0:
        raise ValueError(f"gaussian_nll_loss: a variance is not negative, and there is {var.data.min():.6g}")
    var = var + ops.relu(eps - var.detach())
    loss = 0.5 * (ops.log(var) + ops.square(input - target) / var)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


# --------------------------------------------------------------------------------------------------------- embedding


def margin_ranking_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, *, reduction: str = "mean") -> Any:
    """max(0, margin - target (x1 - x2)): x1 is to be larger where the target is 1, smaller where it is -1."""
    return reduced(ops.relu(margin - target * (input1 - input2)), reduction)


def cosine_embedding_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, *, reduction: str = "mean") -> Any:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1, for the angle between x1 and x2; (N, D) or (D,)."""
    tiny = 1e-12
    squares = (ops.square(input1).sum(axis=-1) + tiny) * (ops.square(input2).sum(axis=-1) + tiny)
    cosine = (input1 * input2).sum(axis=-1) / ops.sqrt(squares)
    loss = ops.where(target == 1, 1 - cosine, 0.0) + ops.where(target == -1, ops.relu(cosine - margin), 0.0)
    return reduced(loss, reduction)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Any:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) with the p-norm for d.

    With ``swap`` the distance of positive and negative counts where it is the smaller one.
    """

    def distance(a: Any, b: Any) -> Any:
        return pairwise_distance(a, b, p, eps)

    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=distance, margin=margin, swap=swap, reduction=reduction
    )


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] = pairwise_distance,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """`triplet_margin_loss` with any function for the distance."""
    if margin <= 0:
        raise ValueError(f"triplet_margin_loss: margin must be positive, and it is {margin}")
    to_negative = distance_function(anchor, negative)
    if swap:
        to_negative = ops.minimum(to_negative, distance_function(positive, negative))
    return reduced(ops.relu(distance_function(anchor, positive) - to_negative + margin), reduction)


def _same_shape(name: str, x: Any, target: Any) -> None:
    """Refuse shapes that would broadcast: (N, 1) against (N,) makes N x N losses, and is hardly ever meant."""
    if x.shape != target.shape:
        raise ValueError(f"{name}: the input has shape {x.shape} and the target {target.shape}; they must be equal")
