"""How good a classifier is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.backends import Array, namespace
from minigrad.core._capturing import can_look
from minigrad.core.device import to_host
from minigrad.core.tensor import Tensor


class Tally:
    """Sums over the batches of an epoch: loss, right answers, items. They stay on the device until they are shown."""

    def __init__(self, loss: Any = 0.0, right: Any = 0, items: int = 0) -> None:
        self.loss, self.right, self.items = loss, right, items

    def add(self, loss: Array, right: Array, items: int) -> None:
        """Take a batch into account: its `sums` and its `count`."""
        self.loss = self.loss + loss
        self.right = self.right + right
        self.items += items

    def result(self) -> dict[str, float]:
        """Return the mean loss and, where the answers are classes, the accuracy; on a GPU this waits until they are known."""
        if not self.items:
            return {"loss": math.nan}  # of no answers
        n, right = self.items, _number(self.right)
        loss = {"loss": _number(self.loss) / n}
        return loss if math.isnan(right) else {**loss, "accuracy": right / n}

    def state_dict(self) -> dict[str, Any]:
        """Return the sums."""
        return {"loss": _number(self.loss), "right": _number(self.right), "items": self.items}


def sums(loss: Array, logits: Array, target: Array) -> tuple[Array, Array]:
    """Return the sum of a batch's losses, of which ``loss`` is the mean, and the number of right answers: NaN without classes.

    ``logits`` has shape (n, classes) or, for sequences, (n, length, classes); every position counts as an answer, but for negative
    labels, which losses ignore.
    """
    xp = namespace(logits)
    classes = target.dtype.kind in "iu" and target.shape == logits.shape[:-1]
    right = (xp.argmax(logits, axis=-1) == target).sum() if classes else xp.full((), math.nan)
    if target.dtype.kind not in "iu":
        return loss.astype(np.float64) * len(target), right
    asked = (target >= 0).sum()
    return xp.where(asked > 0, loss.astype(np.float64) * asked, 0.0), right


def count(target: Tensor) -> int:
    """Return how many answers a batch asks for; on a GPU, which would have to be waited for, ignored labels count, too."""
    if target.dtype.kind not in "iu":
        return len(target)
    return int((target.data >= 0).sum()) if can_look(target.data) else int(target.size)


def accuracy(output: Any, target: Any) -> float:
    """Return the share of right answers: where ``argmax(output, axis=-1) == target``.

    Parameters
    ----------
    output
        Logits or probabilities of shape (..., classes), a Tensor or an array. An answer with a NaN is wrong.
    target
        Classes, integers of shape (...); negative labels, which losses ignore, are not asked.

    Raises
    ------
    ValueError
        If the shapes do not belong together, or nothing is asked.
    """
    logits, labels = (to_host(v.data) if isinstance(v, Tensor) else np.asarray(v) for v in (output, target))
    if labels.dtype.kind not in "iu" or labels.shape != logits.shape[:-1]:
        raise ValueError(f"accuracy: expected integer targets of shape {logits.shape[:-1]}, got {labels.dtype} of shape {labels.shape}")
    asked = labels >= 0
    if not asked.any():
        raise ValueError("accuracy: no answer is asked for")
    right = (logits.argmax(axis=-1) == labels) & ~np.isnan(logits).any(axis=-1)
    return float(right[asked].mean())


def confusion_matrix(predicted: Any, target: Any, classes: int) -> np.ndarray[Any, Any]:
    """Count items: ``matrix[i, j]`` of class i were taken for class j."""
    pairs = np.asarray(target, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(pairs.ravel(), minlength=classes * classes).reshape(classes, classes)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else float(to_host(value))
