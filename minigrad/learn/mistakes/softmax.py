"""Softmax cross-entropy: the slips that its gradient, softmax minus one at the label, invites."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.learn.mistakes.evidence import Evidence, Input, Vector, same
from minigrad.learn.mistakes.mistake import Mistake


def cross_entropy(evidence: Evidence) -> Iterator[Mistake]:
    """Compare with known slips, if the right gradient is a number times softmax minus one-hot."""
    for i in evidence.inputs:
        for labels in i.integers.values():
            if i.x.ndim == 2 and i.y.size == 1 and labels.shape == i.x.shape[:1]:
                yield from _slips(i, labels)


def _slips(i: Input, labels: Vector) -> Iterator[Mistake]:
    right, wrong = i.right[:, 0].reshape(i.x.shape), i.wrong[:, 0].reshape(i.x.shape)
    p, one_hot = _softmax(i.x, 1), np.eye(i.x.shape[1])[labels]
    scale = float((right * (p - one_hot)).sum() / ((p - one_hot) ** 2).sum())
    if not same(right, scale * (p - one_hot)):
        return
    columns = np.zeros(i.x.shape)
    columns[:, labels] = 1
    name = f"your gradient for {i.name}"
    other_axis = f"the softmax in {name} sums over axis 0; each row is a distribution"
    slips = [
        ("one_at_label", p, f"{name} is the softmax alone"),
        ("whole_columns", p - columns, f"{name} is changed in every row at every label that occurs, not in each row at its own"),
        ("softmax_twice", _through_softmax(p, p - one_hot), f"{name} has gone through the derivative of the softmax once too often"),
        ("wrong_axis", _softmax(i.x, 0) - one_hot, other_axis),
        ("wrong_axis", _softmax(i.x - i.x.max(axis=1, keepdims=True), 0) - one_hot, other_axis),
    ]
    for id, candidate, seen in slips:
        if same(wrong, scale * candidate):
            yield Mistake(id, i.name, (1,) if id == "wrong_axis" else (), seen=seen)


def _softmax(x: Vector, axis: int) -> Vector:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def _through_softmax(p: Vector, g: Vector) -> Vector:
    return np.asarray(p * (g - (p * g).sum(axis=1, keepdims=True)))
