"""Every check of one problem, in the order in which a failure makes the rest meaningless."""

from __future__ import annotations

import traceback

import numpy as np

from minigrad.gradcheck.checks.backward import backward_rows
from minigrad.gradcheck.checks.derivative import Settings, derivative_rows, taylor_row
from minigrad.gradcheck.checks.finite import finite_rows
from minigrad.gradcheck.checks.forward import forward_rows
from minigrad.gradcheck.checks.precision import float32_rows
from minigrad.gradcheck.numerics.arguments import BadUse
from minigrad.gradcheck.numerics.linearization import Linearization
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.numerics.row import CANNOT_TELL, FAIL, PASS, Row


def check_problem(problem: Problem, rng: np.random.Generator, order: int, settings: Settings, float32: bool) -> tuple[list[Row], list[str]]:
    """Run every check on one problem, stopping where a failure makes the rest meaningless."""
    warnings: list[str] = []
    rows = list(forward_rows(problem))
    if any(row.verdict != PASS for row in rows):
        return rows, warnings
    for k in range(1, order + 1):
        try:
            found = Linearization.of(problem, rng, settings.cotangents)
            not_finite = finite_rows(problem, found, k)
            if not_finite:
                return [*rows, *not_finite], warnings
            if k == 1:
                rows += backward_rows(problem, found.outputs, found.pull, found.cotangents, k)
        except BadUse:
            raise
        except Exception as error:
            message = "; ".join([f"backward raised {type(error).__name__}: {error}", *getattr(error, "__notes__", [])])
            lines = tuple((frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__))
            return [*rows, Row("runs", k, "", (), FAIL, message=message, lines=lines)], warnings
        rows += derivative_rows(problem, found, rng, k, settings, warnings)
        if k == 1:
            derivatives = [row for row in rows if row.check == "derivative"]
            if not any(row.kinks or row.jumps or row.verdict == CANNOT_TELL for row in derivatives):
                by_element = all(row.verdict == PASS and np.shape(row.numeric) == row.shape for row in derivatives)
                rows.append(taylor_row(problem, found, rng, k, by_element))
            rows += float32_rows(problem, rng) if float32 else []
        if any(row.verdict == FAIL for row in rows):
            break
        if k < order:
            problem = problem.derivative(found.cotangents[0])
    return rows, warnings


def nudged(problem: Problem, rng: np.random.Generator) -> Problem:
    """Return the problem at a point a little away."""
    args = list(problem.args)
    for i in problem.wrt:
        x = args[i]
        scale = np.maximum(np.abs(x), np.sqrt((x * x).mean()) or 1.0) if x.size else x
        args[i] = x + 1e-3 * scale * rng.uniform(-1, 1, x.shape)
    return Problem(problem.function, args, problem.wrt, problem.names)
