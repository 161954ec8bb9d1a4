"""Normalizations of any kind, taken apart: the gradient as a sum of three terms, each with a number of its own in every slice.

Whatever is centred and divided by its deviation along some axes has a gradient in the span of g (times a weight, if there is
one), the constant 1, and x - mean. The axes and the weight for which the right gradient lies there are found by trying; then
the learner's coefficients stand beside the right ones, and the ratio of each pair says what went wrong: Ioffe and Szegedy,
2015, section 3, the three ways from x to the loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import prod

import numpy as np

from minigrad.gradcheck.numerics.linearization import cotangent
from minigrad.learn.mistakes.evidence import Evidence, Input, Vector, same
from minigrad.learn.mistakes.mistake import Mistake
from minigrad.learn.mistakes.whole import NEAR_ONE

CLOSE = 1e-6
PATHS = ("direct_path", "path_through_mean", "path_through_var")


@dataclass
class Span:
    """Slices along some axes, and the factor that g has in the right gradient."""

    i: Input
    axes: tuple[int, ...]
    weight: str  #: name of the input that is the factor; empty if there is none
    factor: Vector

    @property
    def count(self) -> int:
        return prod(self.i.x.shape[a] for a in self.axes)

    def fit(self, gradient: Vector, v: Vector, factor: Vector | None = None) -> Vector | None:
        """The three coefficients in every slice, or None if the gradient does not lie in the span."""
        centred = self.i.x - self.i.x.mean(axis=self.axes, keepdims=True)
        basis = [self._slices(t) for t in (v * (self.factor if factor is None else factor), np.ones(self.i.x.shape), centred)]
        found, target = [], self._slices(gradient)
        for s, wanted in enumerate(target):
            columns = np.stack([b[s] for b in basis], axis=1)
            coefficients = np.linalg.lstsq(columns, wanted, rcond=None)[0]
            if np.abs(columns @ coefficients - wanted).max() > CLOSE * np.abs(target).max():
                return None
            found.append(coefficients)
        return np.array(found)

    def _slices(self, t: Vector) -> Vector:
        rest = [n for n in range(t.ndim) if n not in self.axes]
        return np.moveaxis(t, rest, range(len(rest))).reshape(-1, self.count)


def _spans(i: Input) -> Iterator[tuple[Span, list[Vector], list[Vector]]]:
    """Each span in which the right gradient lies, with cotangents and the coefficients of the right gradient."""
    if i.x.shape != i.y.shape or i.x.ndim == 0 or i.x.size < 4:
        return
    vs = [cotangent(np.random.default_rng(seed), i.y.shape) for seed in (11, 12, 13)]
    factors = {"": np.ones(i.x.shape)}
    for name, array in i.others.items():
        if array.size > 1 and array.ndim <= i.x.ndim and all(a in (1, b) for a, b in zip(array.shape[::-1], i.x.shape[::-1], strict=False)):
            factors[name] = np.broadcast_to(array, i.x.shape)
    for axes in (a for n in range(1, i.x.ndim + 1) for a in combinations(range(i.x.ndim), n)):
        for weight, factor in factors.items():
            span = Span(i, axes, weight, factor)
            fits = [span.fit(i.of_cotangent(i.right, v), v) for v in vs] if span.count > 3 else [None]
            right = [f for f in fits if f is not None]
            if len(right) == len(vs):
                yield span, vs, right


def weight_outside_the_mean(evidence: Evidence) -> Iterator[Mistake]:
    """The weight varies along the axis of the mean, and stands outside it."""
    for i in evidence.inputs:
        for span, vs, _ in _spans(i):
            if not span.weight or not span.factor.all() or np.ptp(span.factor) < CLOSE:
                continue
            wrong, ones = [i.of_cotangent(i.wrong, v) for v in vs], np.ones(i.x.shape)
            if all(span.fit(w, v) is not None for w, v in zip(wrong, vs, strict=True)):
                continue
            if all(span.fit(w / span.factor, v, ones) is not None for w, v in zip(wrong, vs, strict=True)):
                seen = f"{span.weight} varies along axis {span.axes[0]}, over which you take a mean: inside or outside is not the same"
                yield Mistake("weight_outside_the_mean", i.name, span.axes, seen=seen)
                return


def of_a_normalization(evidence: Evidence) -> Iterator[Mistake]:
    """Which of the three terms is wrong, and how."""
    for i in evidence.inputs:
        for span, vs, right in _spans(i):
            fits = [span.fit(i.of_cotangent(i.wrong, v), v) for v in vs]
            wrong = [f for f in fits if f is not None]
            if len(wrong) == len(vs):
                yield from _compare(span, np.array(right), np.array(wrong))
                return


def _compare(span: Span, right: Vector, wrong: Vector) -> Iterator[Mistake]:
    """Compare coefficients: (cotangents, slices, terms)."""
    found = [_about_term(span, t, right[..., t], wrong[..., t]) for t in range(3)]
    mistakes = [mistake for mistake in found if mistake is not None]
    if {m.id for m in mistakes} == set(PATHS[1:]):
        seen = f"your gradient for {span.i.name} has neither a term along the mean of g nor one along {span.i.name} - mean"
        yield Mistake("paths", span.i.name, span.axes, seen=seen)
    elif mistakes and all(_near_one(right[..., t], wrong[..., t]) for t in range(3)):
        yield Mistake("eps", span.i.name, span.axes, seen="every term is off by a factor very near 1: a small constant differs")
    else:
        yield from mistakes


def _about_term(span: Span, t: int, right: Vector, wrong: Vector) -> Mistake | None:
    scale, size = float(np.abs(right).max()), float(np.abs(wrong).max())
    if np.abs(right - wrong).max() <= CLOSE * max(scale, size, 1e-12) or max(scale, size) < 1e-9:
        return None
    name, axis = span.i.name, span.axes[0] if len(span.axes) == 1 else span.axes
    word = ("g itself", f"the mean of g over axis {axis}", f"{name} - mean")[t]
    seen = f"of the terms of your gradient for {name}, the one along {word}"
    if size <= CLOSE * scale:
        return Mistake(PATHS[t], name, span.axes, seen=f"{seen} is missing")
    used = np.abs(right) > 1e-6 * scale
    if not used.any():
        return Mistake(PATHS[t], name, span.axes, seen=f"{seen} is wrong")
    ratio = wrong[used] / right[used]
    if np.ptp(ratio) < 1e-5:
        id, how = _meaning(float(ratio.mean()), span.count)
        return Mistake(id, name, span.axes, seen=f"{seen} {how}")
    by_slice = wrong / np.where(used, right, np.nan)
    if np.nanmax(np.ptp(by_slice, axis=0), initial=0.0) < 1e-5:
        id = "power_in_var" if t == 2 else "factor_of_a_term"
        return Mistake(id, name, span.axes, seen=f"{seen} is off by a factor that differs from slice to slice")
    return Mistake(PATHS[t], name, span.axes, seen=f"{seen} is wrong")


def _meaning(ratio: float, m: int) -> tuple[str, str]:
    """What a factor of one term means, where m elements share in a statistic."""
    known = {
        -1.0: ("sign_of_a_term", "has the wrong sign"),
        0.5: ("factor_2", "is half of what it must be"),
        2.0: ("factor_2", "is twice what it must be"),
        float(m): ("sum_for_mean", f"is {m} times what it must be"),
        1 / m: ("mean_for_sum", f"is 1/{m} of what it must be"),
        m / (m - 1): ("bessel", f"is {m}/{m - 1} of what it must be"),
        (m - 1) / m: ("bessel", f"is {m - 1}/{m} of what it must be"),
    }
    for value, meaning in known.items():
        if abs(ratio - value) < 10 * CLOSE * abs(value):
            return meaning
    return "factor_of_a_term", f"is {ratio:.6g} times what it must be"


def _near_one(right: Vector, wrong: Vector) -> bool:
    return same(wrong, right, 3 * NEAR_ONE)
