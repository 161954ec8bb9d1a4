"""Right at order 1 and wrong at order 2: a value is a constant for the graph, and it changes when the input changes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.core import graph
from minigrad.core.mode import Observer, changed_mode
from minigrad.core.tensor import wrap
from minigrad.gradcheck.numerics.linearization import cotangent
from minigrad.gradcheck.numerics.problem import pull
from minigrad.learn.mistakes.evidence import Evidence, Vector
from minigrad.learn.mistakes.mistake import Mistake


class _Constants(Observer):
    """Notes each operand that has no node, with the line of the learner's file that it was used in."""

    def __init__(self, filename: str) -> None:
        self.filename = filename
        self.seen: list[tuple[str, int, int, Vector]] = []

    def on_forward(self, op: Any, args: tuple[Any, ...], params: dict[str, Any], out: Any, node: Any) -> None:
        frame: Any = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename != self.filename:
            frame = frame.f_back
        if frame is None:
            return
        parents = node.parents if node is not None else (None,) * len(args)
        for position, (array, parent) in enumerate(zip(args, parents, strict=False)):
            if parent is None and hasattr(array, "shape"):
                self.seen.append((op.name, position, frame.f_lineno, np.array(array)))


def detached(evidence: Evidence) -> Iterator[Mistake]:
    """Run the backward pass at two points that differ a little, and compare what it takes for constants."""
    if not evidence.runs or evidence.order < 2:
        return
    rng = np.random.default_rng(4)
    inputs = evidence.problem.inputs
    moved = [x * (1 + 1e-3 * rng.standard_normal(x.shape)) for x in inputs]
    cotangents = [cotangent(rng, y.shape) for y in evidence.problem.pullback(inputs)[0]]
    here, there = (_constants(evidence, point, cotangents) for point in (inputs, moved))
    for (op, position, line, a), (other, place, _, b) in zip(here, there, strict=False):
        if (op, position) == (other, place) and a.shape == b.shape and not np.array_equal(a, b):
            yield Mistake(
                "detached", line=line, seen=f"an operand of {op} is a constant for the graph, and it changes when the input changes"
            )
            return


def _constants(evidence: Evidence, point: list[Any], cotangents: list[Vector]) -> list[tuple[str, int, int, Vector]]:
    xs = [wrap(x, graph.leaf(x.shape, x.dtype)) for x in point]
    outputs = evidence.problem.outputs(xs)
    observer = _Constants(evidence.filename)
    with changed_mode(observers=(observer,)):
        pull(outputs, xs, [wrap(v, graph.leaf(v.shape, v.dtype)) for v in cotangents], create_graph=True)
    return observer.seen
