"""Softmax, log-softmax and cross-entropy, and the mistakes in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from minigrad.gradcheck.causes.mistakes.function import Gradient, RecognisedFunction, Vector, same


def _softmax(x: Vector, axis: int = -1) -> Vector:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def cross_entropies(args: list[Any], y: Vector, v: Vector) -> Iterator[RecognisedFunction]:
    x, target = args[0], args[1]
    if x.ndim != 2 or np.shape(target) not in ((x.shape[0],), x.shape):
        return
    labels = np.asarray(target)
    onehot = labels if labels.shape == x.shape else np.eye(x.shape[1])[labels.astype(int)]
    p = _softmax(x)
    losses = -(onehot * np.log(p)).sum(axis=1)
    n = len(x)
    for name, value, scale in (("mean", losses.mean(), v / n), ("sum", losses.sum(), v), ("none", losses, None)):
        if not same(value, y):
            continue
        s = v[:, None] if scale is None else np.asarray(scale)
        d = p - onehot
        mistakes: dict[str, Gradient] = {
            "the softmax alone: the one at the label was not subtracted": lambda: s * p,
            "minus one at the label alone: the softmax was not added": lambda: -s * onehot,
            "the logits minus the one-hot labels: the softmax was not taken": lambda: s * (x - onehot),
            "the right one with the opposite sign (labels minus softmax)": lambda: -s * d,
            "the right one times the derivative of the softmax once more": lambda: s * p * (d - (d * p).sum(axis=1, keepdims=True)),
            "the right one times p (1 - p), as if each logit had a sigmoid": lambda: s * d * p * (1 - p),
            "the right one with the softmax over the batch and not over the classes": lambda: s * (_softmax(x, 0) - onehot),
            "the right one without the cotangent: the loss is taken for the last step": lambda: d / n if name == "mean" else d,
        }
        if name == "mean":
            mistakes["the right one without the division by the batch size"] = lambda: v * d
            mistakes["the right one divided by the number of classes and not by the batch size"] = lambda: v * d / x.shape[1]
        yield RecognisedFunction(f"softmax cross-entropy (reduction {name})", {0: mistakes})
        return


def _softmax_with_sum_over(axis: int, p: Vector, v: Vector) -> Vector:
    return np.asarray(p * (v - (v * p).sum(axis=axis, keepdims=True)))


def _log_softmax_with_sum_over(axis: int, p: Vector, v: Vector) -> Vector:
    return np.asarray(v - p * v.sum(axis=axis, keepdims=True))


def _over_other_axes(of: Callable[[int, Vector, Vector], Vector], axis: int, p: Vector, v: Vector) -> dict[str, Gradient]:
    """The gradients that a sum over each other axis gives."""
    others = [other for other in range(p.ndim) if other != axis]
    return {f"the right one with the sum over axis {other} and not over {axis}": partial(of, other, p, v) for other in others}


def softmaxes(args: list[Any], y: Vector, v: Vector) -> Iterator[RecognisedFunction]:
    x = args[0]
    for axis in range(x.ndim):
        p = _softmax(x, axis)

        def total(t: Vector, axis: int = axis) -> Vector:
            return np.asarray(t.sum(axis=axis, keepdims=True))

        if same(p, y):
            yield RecognisedFunction(
                f"softmax over axis {axis}",
                {
                    0: {
                        "y (1 - y) v, the diagonal of the Jacobian: elements of one row act on each other": lambda: p * (1 - p) * v,
                        "y v: the sum over the row is missing": lambda: p * v,
                        "the right one without the factor y": lambda: v - total(v * p),
                        "y (v - sum v): the sum is not weighted with y": lambda: p * (v - total(v)),
                        "y (v + sum y v): the sign of the sum is wrong": lambda: p * (v + total(v * p)),
                        **_over_other_axes(_softmax_with_sum_over, axis, p, v),
                    }
                },
            )
        if same(np.log(p), y):
            yield RecognisedFunction(
                f"log-softmax over axis {axis}",
                {
                    0: {
                        "v - softmax v: the sum over the row is missing": lambda: v - p * v,
                        "v - sum v: the factor softmax is missing": lambda: v - total(v),
                        "v - y sum v: log-probabilities where probabilities belong": lambda: v - y * total(v),
                        "that of the softmax": lambda: p * (v - total(v * p)),
                        **_over_other_axes(_log_softmax_with_sum_over, axis, p, v),
                    }
                },
            )
