"""Losses whose targets are classes, labels or probabilities, with PyTorch's names and arguments. See `.loss`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.backends import namespace
from minigrad.core._capturing import can_look, recorded
from minigrad.core.tensor import Tensor, array_of, wrap
from minigrad.nn.functional.loss import check_arrays, check_floats, check_shapes, reduced
from minigrad.ops.indexing import check_labels

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "hinge_embedding_loss", "kl_div", "multi_margin_loss",
    "multilabel_margin_loss", "multilabel_soft_margin_loss", "nll_loss", "soft_margin_loss",
]  # fmt: skip


def cross_entropy(
    input: Any, target: Any, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
) -> Tensor:
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
    check_arrays("cross_entropy", input, target)
    check_floats("cross_entropy", input=input)
    logits = input if input.ndim <= 2 else ops.moveaxis(input, 1, -1)
    if target.shape == input.shape and array_of(target).dtype.kind == "f":
        probabilities = target if input.ndim <= 2 else ops.moveaxis(target, 1, -1)
        return _cross_entropy_with_probabilities(logits, probabilities, weight, reduction, label_smoothing)
    if weight is None and reduction == "mean":
        return ops.mean_cross_entropy(logits, target, ignore_index=ignore_index, label_smoothing=label_smoothing)[0]
    labels, counted = _labels("cross_entropy", target, logits, ignore_index)
    if counted is not None:
        logits = ops.where(counted[..., None], logits, 0)  # what does not count may be infinite or nan
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


def nll_loss(input: Any, target: Any, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean") -> Tensor:
    """Minus the entry of ``input``, log-probabilities of shape (N, C, ...) or (C,), at the label. See `cross_entropy`."""
    log_p = input if input.ndim <= 2 else ops.moveaxis(input, 1, -1)
    labels, counted = _labels("nll_loss", target, log_p, ignore_index)
    loss = -ops.take_along_axis(log_p, ops.expand_dims(labels, -1), axis=-1).squeeze(-1)
    return _weighted(loss, None if weight is None else ops.take(weight, labels, axis=0), counted, reduction)


def _labels(name: str, target: Any, scores: Any, ignore_index: int) -> tuple[Any, Any]:
    """Return the labels with those to ignore set to 0, and where they count: None for everywhere."""
    check_floats(name, input=scores)
    labels = recorded(array_of(target))
    if labels.shape != scores.shape[:-1]:
        raise ValueError(f"{name}: {scores.shape[:-1]} labels are needed, and the target has shape {labels.shape}")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name}: labels are numbers of classes and must be integers, not {labels.dtype}")
    counted = None
    if not can_look(labels) or (labels == ignore_index).any():
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


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, *, reduction: str = "mean") -> Tensor:
    """-target log p - (1 - target) log(1 - p) for probabilities p. Each logarithm is at least -100."""
    check_shapes("binary_cross_entropy", input, target)
    _check_probabilities("binary_cross_entropy: the input holds", input, ". For logits use binary_cross_entropy_with_logits")
    _check_probabilities("binary_cross_entropy: targets are", target)
    loss = ops.binary_cross_entropy(input, target)
    return reduced(loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None
) -> Tensor:
    """`binary_cross_entropy` of sigmoid(input), without overflow; ``pos_weight`` is a factor for the positive part."""
    check_shapes("binary_cross_entropy_with_logits", input, target)
    check_floats("binary_cross_entropy_with_logits", input=input)
    _check_probabilities("binary_cross_entropy_with_logits: targets are", target)
    loss = ops.sigmoid_cross_entropy(input, target)
    if pos_weight is not None:
        loss = loss + (pos_weight - 1) * target * ops.softplus(-input, threshold=math.inf)
    return reduced(loss if weight is None else loss * weight, reduction)


def _check_probabilities(what: str, values: Any, instead: str = "") -> None:
    """Refuse what is not from 0 to 1, where Python may look."""
    p = array_of(values)
    if can_look(p) and p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(f"{what} probabilities, from 0 to 1, and there are values from {p.min():.6g} to {p.max():.6g}{instead}")


def kl_div(input: Any, target: Any, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """target (log target - input), for log-probabilities ``input``; "batchmean" divides the sum by the batch."""
    check_floats("kl_div", input=input)
    loss = ops.exp(target) * (target - input) if log_target else ops.xlogy(target, target) - target * input
    return loss.sum() / (input.shape[0] if input.ndim else 1) if reduction == "batchmean" else reduced(loss, reduction)


def multi_margin_loss(input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, *, reduction: str = "mean") -> Tensor:
    """sum over the other classes j of max(0, margin - x_label + x_j)**p, over the number of classes; (N, C) or (C,)."""
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: p is 1 or 2, not {p}")
    labels, _ = _labels("multi_margin_loss", target, input, -1 - input.shape[-1])
    column = ops.expand_dims(labels, -1)
    others = 1 - ops.one_hot(labels, num_classes=input.shape[-1], dtype=input.dtype)
    gaps = ops.relu(margin - ops.take_along_axis(input, column, axis=-1) + input)
    loss = ((gaps if p == 1 else gaps * gaps) * others).sum(axis=-1) / input.shape[-1]
    return reduced(loss if weight is None else loss * ops.take(weight, labels, axis=0), reduction)


def multilabel_margin_loss(input: Any, target: Any, *, reduction: str = "mean") -> Tensor:
    """sum over labels i and classes j that are no label of max(0, 1 - (x_i - x_j)), over the number of classes.

    ``target`` has the shape of ``input``, (N, C) or (C,), and lists the labels of each sample; those from the first -1
    on do not count.
    """
    check_shapes("multilabel_margin_loss", input, target)
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


def multilabel_soft_margin_loss(input: Any, target: Any, weight: Any = None, *, reduction: str = "mean") -> Tensor:
    """The mean over classes of the cross-entropy between sigmoid(input) and ``target``."""
    check_floats("multilabel_soft_margin_loss", input=input)
    loss = ops.sigmoid_cross_entropy(input, target)
    return reduced((loss if weight is None else loss * weight).mean(axis=-1), reduction)


def soft_margin_loss(input: Any, target: Any, *, reduction: str = "mean") -> Tensor:
    """log(1 + e**(-target x)), for targets of 1 and -1."""
    check_shapes("soft_margin_loss", input, target)
    return reduced(ops.softplus(-(target * input), threshold=math.inf), reduction)


def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, *, reduction: str = "mean") -> Tensor:
    """x where the target is 1, max(0, margin - x) where it is -1."""
    check_floats("hinge_embedding_loss", input=input)
    loss = ops.where(target != 1, ops.relu(margin - input), 0.0) + ops.where(target != -1, input, 0.0)
    return reduced(loss, reduction)
