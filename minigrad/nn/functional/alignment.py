"""Connectionist temporal classification: a loss for labels whose places in a longer sequence are not known.

(Graves, Fernandez, Gomez, Schmidhuber: "Connectionist temporal classification: labelling unsegmented sequence data with
recurrent neural networks", 2006.)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.backends import Array, Namespace, namespace
from minigrad.core._capturing import can_look, recorded
from minigrad.core.device import device_of, move
from minigrad.core.tensor import Tensor, array_of, as_array, wrap
from minigrad.nn.functional.loss import check_arrays, check_floats, reduced
from minigrad.ops.indexing import check_labels, positions

__all__ = ["ctc_loss"]


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the summed probabilities of all alignments of the steps with the target.

    An alignment names a class or the blank at each step. Without repetitions, and then without blanks, it is the target: equal
    labels one after the other need a blank between them.

    Parameters
    ----------
    log_probs : (T, N, C), or (T, C) without a batch
        Logarithms of probabilities, as from `log_softmax`.
    targets : (N, S), or (sum of the lengths,) end to end
        Classes other than the blank. What lies behind the length of a target is not looked at.
    input_lengths, target_lengths : (N,), or numbers without a batch
        How many steps and how many labels each sample has. A target may be empty.
    blank
        The class that stands for no label.
    reduction
        ``"mean"`` divides each loss by the length of its target (by 1 if that is empty) before it takes the mean.
    zero_infinity
        Whether infinite losses, of targets that are too long for their steps, count as 0.

    Returns
    -------
    loss : (), or (N,) for ``"none"``

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, lengths are too long or no integers, or a target holds the blank.
    IndexError
        If a label is not the number of a class.

    Notes
    -----
    There are derivatives of every order. The first one is minus the share of the alignments that name a class at a step.
    PyTorch's has the class's probability added, which makes no difference behind `log_softmax`. Where the loss is infinite
    it is 0; PyTorch's is nan.
    """
    check_arrays("ctc_loss", log_probs, targets)
    check_floats("ctc_loss", log_probs=log_probs)
    if log_probs.ndim not in (2, 3):
        raise ValueError(f"ctc_loss: log_probs has shape {log_probs.shape}; expected (T, N, C), or (T, C) without a batch")
    if not 0 <= blank < log_probs.shape[-1]:
        raise ValueError(f"ctc_loss: blank={blank} is none of the {log_probs.shape[-1]} classes")
    batched = log_probs.ndim == 3
    if not batched:
        log_probs, targets = ops.expand_dims(log_probs, 1), recorded(array_of(targets)).reshape(1, -1)
    steps = _lengths("input_lengths", input_lengths, log_probs, log_probs.shape[0])
    counts = _lengths("target_lengths", target_lengths, log_probs, targets.shape[-1])
    labels = _labels(targets, counts, log_probs, blank)
    losses = _losses(log_probs, labels, steps, counts, blank)
    losses = ops.where(losses == math.inf, 0.0 if zero_infinity else math.inf, losses)  # without a gradient
    if reduction == "mean":
        losses = losses / namespace(counts).maximum(counts, 1).astype(losses.dtype)
    return reduced(losses if batched else losses.squeeze(0), reduction)


def _losses(log_probs: Any, labels: Array, steps: Array, counts: Array, blank: int) -> Any:
    """Return the loss of each sample. The places of an alignment are the labels, and a blank before, between and after them."""
    (t, n, _), places, xp = log_probs.shape, 2 * labels.shape[1] + 1, namespace(labels)
    blanks = xp.full_like(labels, blank)
    classes = xp.concatenate([xp.stack([blanks, labels], axis=-1).reshape(n, places - 1), xp.full((n, 1), blank, labels.dtype)], axis=1)
    differs = (classes[:, 2:] != blank) & (classes[:, 2:] != classes[:, :-2])
    jump = xp.concatenate([xp.zeros((n, min(2, places)), dtype=bool), differs], axis=1)
    start = wrap(_start(xp, n, places, log_probs.dtype), None)  # at the first blank, before the first step

    x = ops.take_along_axis(log_probs, wrap(xp.broadcast_to(classes, (t, n, places)), None), axis=-1)
    alpha = ops.concat([ops.expand_dims(start, 0), ops.ctc_alpha(x, start, wrap(jump, None))])
    last = ops.take_along_axis(alpha, wrap(xp.broadcast_to(steps[:, None], (1, n, places)), None), axis=0)[0]
    ends = xp.stack([2 * counts, xp.maximum(2 * counts - 1, 0)], axis=-1)  # the last blank, and the last label
    at_ends = ops.take_along_axis(last, wrap(ends, None), axis=-1)
    return -ops.logaddexp(at_ends[:, 0], ops.where(counts > 0, at_ends[:, 1], -math.inf))


def _start(xp: Namespace, n: int, places: int, dtype: Any) -> Array:
    return xp.broadcast_to(xp.where(xp.arange(places) == 0, 0.0, -math.inf).astype(dtype), (n, places))


def _lengths(name: str, given: Any, log_probs: Any, longest: int) -> Array:
    """Return lengths as an array of N integers on the device of the probabilities."""
    n = log_probs.shape[1]
    array = move(as_array(given), device_of(array_of(log_probs)))
    if array.dtype.kind not in "iu":
        raise TypeError(f"ctc_loss: {name} must be integers, not {array.dtype}")
    if array.shape not in ((n,), () if n == 1 else (n,)):
        raise ValueError(f"ctc_loss: {name} has shape {array.shape}; expected ({n},), a number for each sample")
    if can_look(array) and array.size and not (array.min() >= 0 and array.max() <= longest):
        raise ValueError(f"ctc_loss: {name} are from {array.min()} to {array.max()}; expected numbers from 0 to {longest}")
    return recorded(array).reshape(n).astype(np.int64)


def _labels(targets: Any, counts: Array, log_probs: Any, blank: int) -> Array:
    """Return targets as (N, S), the blank behind their ends."""
    raw = move(array_of(targets), device_of(array_of(log_probs)))
    n, looks = counts.shape[0], can_look(raw)
    labels = recorded(raw)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"ctc_loss: targets are numbers of classes and must be integers, not {labels.dtype}")
    if labels.ndim != 1 and (labels.ndim != 2 or labels.shape[0] != n):
        raise ValueError(f"ctc_loss: targets have shape {labels.shape}; expected ({n}, S), or (sum of the lengths,)")
    xp = namespace(labels)
    if labels.ndim == 1:
        if looks and counts.sum() != labels.size:
            raise ValueError(f"ctc_loss: targets end to end are {labels.size}, and target_lengths add up to {counts.sum()}")
        longest = int(counts.max()) if looks and n else labels.size  # where nobody may look, no target is longer than all of them
        places = (xp.cumsum(counts) - counts)[:, None] + xp.arange(longest)
        places = positions(xp, xp.minimum(places, max(labels.size - 1, 0)))
        labels = xp.take(labels, places, axis=0) if labels.size else xp.zeros((n, 0), labels.dtype)
    inside = xp.arange(labels.shape[1]) < counts[:, None]
    if looks and (inside & (labels == blank)).any():
        raise ValueError(f"ctc_loss: a target holds {blank}, which is the blank")
    labels = xp.where(inside, labels, blank)
    check_labels("ctc_loss", labels, log_probs.shape[-1])
    return labels.astype(np.int64)
