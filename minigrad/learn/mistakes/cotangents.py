"""How the gradient depends on the cotangent: it must be linear, and pass through zero."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.learn.mistakes.evidence import Evidence, Vector, same
from minigrad.learn.mistakes.mistake import Mistake


def not_finite(evidence: Evidence) -> Iterator[Mistake]:
    """NaN or infinity; whatever else is seen then follows from it."""
    for name, gradient in _gradients(evidence, 1.0):
        if not np.isfinite(gradient).all():
            at = [int(i) for i in np.argwhere(~np.isfinite(gradient))[0]]
            yield Mistake("not_finite", name, seen=f"your gradient for {name} is {gradient[tuple(at)]} at {at}")


def ignored(evidence: Evidence) -> Iterator[Mistake]:
    """The same gradient for every cotangent."""
    for (name, one), (_, other) in zip(_gradients(evidence, 1.0), _gradients(evidence, 1.0, seed=4), strict=True):
        if one.any() and same(one, other):
            yield Mistake("cotangent_ignored", name, seen=f"your gradient for {name} is the same whatever g is")


def added(evidence: Evidence) -> Iterator[Mistake]:
    """A term without the cotangent beside one that is linear in it."""
    for name, zero, one, two in _at_0_1_2(evidence):
        if zero.any() and same(two - zero, 2 * (one - zero)):
            yield Mistake("g_added", name, seen=f"your gradient for {name} is not zero where g is zero")


def twice(evidence: Evidence) -> Iterator[Mistake]:
    """Quadratic in the cotangent."""
    for name, _, one, two in _at_0_1_2(evidence):
        if one.any() and same(two, 4 * one):
            yield Mistake("g_twice", name, seen=f"when g doubles, your gradient for {name} becomes four times as large")


def _at_0_1_2(evidence: Evidence) -> Iterator[tuple[str, Vector, Vector, Vector]]:
    found = [list(_gradients(evidence, factor)) for factor in (0.0, 1.0, 2.0)]
    for (name, zero), (_, one), (_, two) in zip(*found, strict=True):
        yield name, zero, one, two


def _gradients(evidence: Evidence, factor: float, seed: int = 3) -> Iterator[tuple[str, Vector]]:
    if evidence.runs:
        vs = [factor * v for v in evidence.cotangents(seed)]
        yield from zip([evidence.problem.names[i] for i in evidence.problem.wrt], evidence.gradients(vs), strict=True)
