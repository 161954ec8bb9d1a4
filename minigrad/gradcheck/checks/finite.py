"""Gradients that are not finite: nothing else can be said of those, and what other checks would say of NaN is false."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.device import to_host
from minigrad.gradcheck.numerics.differentiation import scale_of
from minigrad.gradcheck.numerics.linearization import Linearization
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.numerics.row import CANNOT_TELL, FAIL, Row

Vector = np.ndarray[Any, Any]

STEPS = (2.0**-16, 2.0**-26)  #: of the scale of the input
GROWTH = 1.5  #: of a slope from the longer step to the shorter one, from which on it has no bound


def finite_rows(problem: Problem, found: Linearization, order: int) -> list[Row]:
    """Return a row for each input with a gradient that is infinite or not a number; none if all are finite.

    It is a failure where the function has finite slopes from both sides (from the one side that it is defined on). Where it has not,
    or for a higher order has two different ones, there is nothing that the gradient should be.
    """
    rows = []
    for k, x in enumerate(problem.inputs):
        name, analytic = problem.names[problem.wrt[k]], found.analytic(k, x)
        if np.isfinite(analytic).all():
            continue
        first = np.argwhere(~np.isfinite(analytic))[0]
        at = tuple(int(i) for i in first[1:])
        slopes = _slopes(problem, k, at)
        finite = slopes is not None and (order == 1 or bool(np.allclose(*slopes, rtol=1e-3, atol=1e-6)))
        where = "the function has a finite slope" if finite else "the function itself has no finite derivative"
        message = f"the gradient is {analytic[tuple(first)]} at {list(at)}, where {where}"
        rows.append(Row("finite gradient", order, name, tuple(x.shape), FAIL if finite else CANNOT_TELL, np.inf, message=message))
    return rows


def _slopes(problem: Problem, k: int, at: tuple[int, ...]) -> tuple[Vector, Vector] | None:
    """Return the slopes from left and right along one element, twice the same if the function is defined on one side; None if unbounded."""
    x = np.array(to_host(problem.inputs[k]), dtype=np.float64)
    scale = float(scale_of(x.ravel()).reshape(x.shape)[at])
    y = problem.value(problem.inputs)

    def value(t: float) -> Vector:
        moved = x.copy()
        moved[at] += t
        try:
            return problem.value([*problem.inputs[:k], moved, *problem.inputs[k + 1 :]])
        except (ArithmeticError, ValueError):
            return np.full(y.shape, np.nan)

    found = []
    for side in (-scale, scale):
        far, near = ((value(side * step) - y) / (side * step) for step in STEPS)
        if np.isfinite(near).all():
            if (np.abs(near) > GROWTH * np.abs(far) + 1e-6 * np.abs(far).max(initial=0.0)).any():
                return None
            found.append(near)
    return (found[0], found[-1]) if found else None
