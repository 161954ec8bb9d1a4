"""The first node of a composite at which a wrong gradient goes wrong, and the line that made it.

The backward pass visits the applications of ops newest first. Each is checked by itself, at the values it had: the first whose own
gradient is wrong is where the whole one goes wrong; those before it on the walk are right.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from minigrad.backends import is_array
from minigrad.core._source import Place, current_call, place_of
from minigrad.core.graph import Node
from minigrad.core.mode import Observer, changed_mode
from minigrad.core.op import Op
from minigrad.gradcheck.causes.diagnosis import Diagnosis
from minigrad.gradcheck.checks.all import check_problem
from minigrad.gradcheck.checks.derivative import Settings
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.numerics.row import FAIL

SECONDS = 2.0  #: at most, for one failure
MOST = 2000  #: elements of an argument, beyond which an application is not looked at


class _Application(NamedTuple):
    """A call of an op that left a node."""

    op: Op
    args: tuple[Any, ...]
    params: dict[str, Any]
    node: Node
    place: Place


class _Applications(Observer):
    """All of them, in the order of the forward pass."""

    def __init__(self) -> None:
        self.all: list[_Application] = []

    def on_forward(self, op: Op, args: tuple[Any, ...], params: dict[str, Any], out: Any, node: Node | None) -> None:
        if node is not None:
            copies = tuple([a.copy() if is_array(a) else a for a in args])
            self.all.append(_Application(op, copies, params, node, place_of(current_call().user)))


def bisected(problem: Problem, seed: int, smooth: bool = True) -> list[Diagnosis]:
    """Return the first application whose own gradient is wrong, or that none is; nothing for a single op, or after two seconds.

    That none is wrong says something only where the function is ``smooth``: at a jump, the numerical derivative is no derivative.
    """
    seen, stop = _Applications(), perf_counter() + SECONDS
    with changed_mode(observers=(seen,)):
        problem.pullback(problem.inputs)
    if len(seen.all) < 2:
        return []
    passed_over = not smooth
    for after, application in enumerate(reversed(seen.all)):
        if perf_counter() > stop:
            return []
        if any(is_array(a) and a.size > MOST for a in application.args):
            passed_over = True
            continue
        for name in _wrong_inputs(application, seed):
            right = f"; of {len(seen.all)} nodes the {after} behind it are right" if after else f"; it is the last of {len(seen.all)} nodes"
            text = f"the gradient goes wrong in {application.op.name}, for its input {name}, {application.place}{right}"
            return [Diagnosis("node", text, line=str(application.place))]
    text = (
        f"each of the {len(seen.all)} nodes has the right gradient, so the graph is not the whole computation: a value that depends on "
        "the inputs was detached, or computed by NumPy (.detach(), .data, .item(), mg.no_grad())"
    )
    return [] if passed_over else [Diagnosis("detached", text)]


def _wrong_inputs(application: _Application, seed: int) -> Iterator[str]:
    """Check an application by itself; yield the inputs whose gradient is wrong."""
    op, args = application.op, application.args
    live = [i for i, parent in enumerate(application.node.parents) if parent is not None and args[i].dtype.kind == "f"]
    if not live:
        return
    names = [op.input_name(i) for i in range(len(args))]
    alone = Problem(partial(op, **application.params), args, live, names)
    rows, _ = check_problem(alone, np.random.default_rng(seed), 1, Settings(directions=2, cotangents=2), False)
    yield from (row.input for row in rows if row.verdict == FAIL and row.check == "derivative")
