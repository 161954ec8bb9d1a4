"""Which op made a gradient infinite or not a number, and in which line."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.anomaly import AnomalyError, detect_anomaly
from minigrad.core.graph import Node
from minigrad.core.mode import Observer, changed_mode
from minigrad.core.op import Op
from minigrad.gradcheck.numerics.linearization import cotangent
from minigrad.gradcheck.numerics.problem import Problem

TRAP = (
    "; where() does not help: what it did not choose gets a cotangent of zero, and zero times infinity is nan, "
    "so give that branch an argument at which it is finite: where(c, f(where(c, x, 1)), other)"
)


class _Names(Observer):
    """The names of the ops that are called."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def on_forward(self, op: Op, args: tuple[Any, ...], params: dict[str, Any], out: Any, node: Node | None) -> None:
        self.seen.add(op.name)


def origin(problem: Problem, seed: int) -> str:
    """Return a sentence on what made the first NaN or infinity on the way to the gradient; empty if it is not made by an op."""
    names = _Names()
    with changed_mode(observers=(names,)):
        problem.pullback(problem.inputs)
    trap = TRAP if "where" in names.seen else ""
    rng = np.random.default_rng(seed + 1)
    try:
        with detect_anomaly():
            outputs, pull = problem.pullback(problem.inputs)
            pull([cotangent(rng, y.shape) for y in outputs])
    except AnomalyError as error:
        return f"{error}{trap}"
    return ""
