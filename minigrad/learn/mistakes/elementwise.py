"""Elementwise functions: the local slope beside the right one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.learn.mistakes.evidence import Evidence, Input, Vector, same
from minigrad.learn.mistakes.mistake import Mistake


def _slopes(evidence: Evidence) -> Iterator[tuple[Input, Vector, Vector]]:
    """Each elementwise input with its right and wrong slopes."""
    for i in evidence.inputs:
        if i.x.size > 2 and i.elementwise:
            yield i, i.right.diagonal(), i.wrong.diagonal()


def one_sided(evidence: Evidence) -> Iterator[Mistake]:
    """Right on one side of zero only."""
    for i, right, wrong in _slopes(evidence):
        for word, side in (("positive", i.x.ravel() > 0), ("negative", i.x.ravel() < 0)):
            if side.any() and not side.all() and same(wrong[side], right[side]) and not same(wrong[~side], right[~side]):
                yield Mistake("where_sign", i.name, seen=f"your gradient for {i.name} is right only where {i.name} is {word}")


def value_for_slope(evidence: Evidence) -> Iterator[Mistake]:
    """The function's value in the place of its slope."""
    for i, _, wrong in _slopes(evidence):
        if same(wrong, i.y.ravel()):
            yield Mistake("value", i.name, seen="your slope is the value of the function")


def power(evidence: Evidence) -> Iterator[Mistake]:
    """The right slope to a power, or a power of something at hand too much."""
    for i, right, wrong in _slopes(evidence):
        if not right.all() or not wrong.all():
            continue
        if same(wrong, np.ones(wrong.shape)):
            yield Mistake("cotangent_passed_on", i.name, seen=f"your gradient for {i.name} is g itself: a slope of 1")
            continue
        log_right, log_wrong = np.log(np.abs(right)), np.log(np.abs(wrong))
        p, c = _line(log_right, log_wrong)
        if p is not None and abs(p - 1) > 1e-6 and abs(c) < 1e-6:
            yield Mistake("power", i.name, seen=f"your slope is the right one to the power {round(p, 4):g}")
            continue
        x, y = i.x.ravel(), i.y.ravel()
        at_hand = {i.name: x, "y": y, f"1 + |{i.name}|": 1 + np.abs(x), "1 - y squared": 1 - y * y, f"1 + {i.name} squared": 1 + x * x}
        for name, t in at_hand.items():
            p = _line(np.log(np.abs(t)), log_wrong - log_right)[0] if t.all() else None
            if p is not None and abs(p) > 1e-6 and abs(p - round(2 * p) / 2) < 1e-6:
                yield Mistake("factor_power", i.name, seen=f"your slope has {name} to the power {p:+g} too much")


def _line(x: Vector, y: Vector) -> tuple[float | None, float]:
    """Slope and offset of the straight line through points, if they lie on one."""
    if np.ptp(x) < 1e-3:
        return None, 0.0
    p, c = np.polyfit(x, y, 1)
    return (float(p), float(c)) if np.abs(p * x + c - y).max() < 1e-6 else (None, 0.0)
