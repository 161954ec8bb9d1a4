"""The derivative itself: analytic against numeric, kinks, the Taylor slope, and whether the check says anything at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.backends import Array
from minigrad.core.device import to_host
from minigrad.gradcheck.numerics.differentiation import Slopes, scale_of, slopes, taylor_slope
from minigrad.gradcheck.numerics.linearization import Linearization, cotangent, numeric_slopes
from minigrad.gradcheck.numerics.lines import EPS
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.numerics.row import CANNOT_TELL, FAIL, PASS, Row

Vector = np.ndarray[Any, Any]

COTANGENTS = 3
BETWEEN = 1e-5  #: relative: how far beside both one-sided slopes a gradient at a kink may lie
CANNOT_TELL_ABOVE = 1e-5  #: relative error estimate above which agreement proves nothing
ELEMENTWISE_UP_TO = 2000  #: elements of an input; along random directions beyond
DIRECTIONS = 8
ODD = 0.7310585  #: of the steps that are powers of two: the stairs of a function, or its period, fit into those and not into these
VACUOUS = 1e-9  #: a gradient this small beside what its terms add up to is zero by an invariance


@dataclass
class Settings:
    """How derivatives are compared; see `minigrad.gradcheck.check.gradcheck`."""

    method: str = "auto"
    directions: int | None = None
    rtol: float = 1e-8
    cotangents: int = COTANGENTS


def derivative_rows(
    problem: Problem, found: Linearization, rng: np.random.Generator, order: int, settings: Settings, warnings: list[str]
) -> list[Row]:
    """Compare the gradient with respect to each input with the numerical derivative."""
    rows = []
    for k, x in enumerate(problem.inputs):
        name, shape = problem.names[problem.wrt[k]], tuple(x.shape)
        if not x.size or not found.flat.size:
            rows.append(Row("derivative", order, name, shape, PASS, message="empty"))
            continue
        directions = _directions(rng, to_host(x), settings)
        analytic = found.analytic(k, x).reshape(len(found.gradients), -1)
        if directions is not None:
            analytic = np.tensordot(analytic, np.array(directions).reshape(len(directions), -1), (1, 1))
        typical = found.largest / (float(scale_of(to_host(x).ravel()).max()) if directions is None else 1.0)
        row, at, numeric = _looked_at(problem, k, directions, settings, lambda n: compare(analytic, n, found.flat, settings.rtol, typical))
        row.order, row.input, row.shape = order, name, shape
        if directions is None:
            row.analytic, row.numeric = row.analytic.reshape(shape), row.numeric.reshape(shape)
        if row.verdict == FAIL:
            place = f"at {[int(i) for i in np.unravel_index(at, shape)]}" if directions is None else "along a random direction"
            row.message = f"{place}: {row.message}"
        rows.append(row)
        if order == 1 and not numeric.singular.any():
            warnings += vacuity(name, x, numeric, found.flat)
    return rows


def _looked_at(
    problem: Problem, k: int, directions: list[Vector] | None, settings: Settings, judge: Callable[[Slopes], tuple[Row, int]]
) -> tuple[Row, int, Slopes]:
    """Judge by numerical slopes. Nothing is called wrong before the function was looked at closely.

    That is with its noise measured, and with steps into which neither stairs nor a period fit as a whole; those are of differences, as
    a complex step may cancel where differences do not (sin(z) / z near 0), but they take back what it says only if they agree. Where
    two looks give two slopes, neither is one, and the steps were too long.
    """
    other = "differences" if settings.method == "auto" else settings.method
    looks = ((settings.method, False, 1.0), (settings.method, True, 1.0), (other, True, ODD), (other, True, ODD / 64))
    best: tuple[Row, int, Slopes] | None = None
    for method, careful, stretch in looks:
        numeric = numeric_slopes(problem, k, directions, method, careful=careful, stretch=stretch)
        row, at = judge(numeric)
        doubts = row.verdict == CANNOT_TELL and best is not None and best[2].method == "complex step"
        if best is None or (row.verdict != FAIL and not doubts):
            best = row, at, numeric
        if best[0].verdict != FAIL or (stretch != 1 and _agree(numeric, best[2], settings.rtol)):
            break
    assert best is not None
    return best


def _agree(a: Slopes, b: Slopes, rtol: float) -> bool:
    """Tell whether two looks at a function gave one result, as far as each knows its own error."""
    allowed = 10 * (a.error + b.error) + rtol * np.abs(b.slope).max(initial=0.0)
    return bool((np.abs(a.slope - b.slope) <= allowed).all())


def compare(analytic: Vector, numeric: Slopes, cotangents: Vector, rtol: float, typical: float) -> tuple[Row, int]:
    """Return the verdict on gradients along the directions of ``numeric``: (cotangents, directions) against each other.

    ``typical`` is how large a derivative of such a function usually is. Beside it, and beside the slopes from the single sides, one that
    is zero is known to be zero.
    With the verdict comes the number of the worst direction, which its message is about if it is a failure.
    """
    n = cotangents @ numeric.slope.T
    known = np.isfinite(n) & ~numeric.singular
    estimate = np.where(known, _error_of_sums(numeric.error, cotangents), 0.0)
    top = float(np.abs(n).max(initial=0.0, where=known))
    low, high = _sides(numeric, cotangents)
    slack = BETWEEN * (np.abs(low) + np.abs(high) + np.abs(analytic).max(initial=0.0))
    outside = np.maximum(np.maximum(low - analytic, analytic - high) - slack, 0.0)
    gap = np.where(known, np.abs(analytic - n), np.where(numeric.singular, outside, 0.0))
    wrong = ~(gap <= np.where(known, np.maximum(rtol * top, 10 * estimate), 0.0))
    sides = np.maximum(np.abs(numeric.left), np.abs(numeric.right))
    usual = max(typical, float(np.max(np.abs(cotangents) @ sides.T, initial=0.0, where=np.isfinite(n))))
    floor = max(top, 1e-4 * usual, 1e-300)
    uncertain = float(estimate.max(initial=0.0)) / floor if (known | numeric.singular).all() else np.inf
    verdict = FAIL if wrong.any() else CANNOT_TELL if not uncertain <= CANNOT_TELL_ABOVE else PASS
    trial, at = np.unravel_index(int(np.where(wrong, gap, -1.0).argmax()), gap.shape)
    kinks, jumps = int(numeric.kinks.sum()), int(numeric.jumps.sum())
    if verdict == FAIL:
        what = "jumps" if numeric.jumps[at] else "has a kink" if numeric.kinks[at] else ""
        beside = f"the function {what} there, and the slopes beside it reach from {low[trial, at]:.10g} to {high[trial, at]:.10g}"
        text = f"analytic {analytic[trial, at]:.10g}, " + (beside if what else f"numeric {n[trial, at]:.10g}")
    elif verdict == CANNOT_TELL:
        text = "the function is badly conditioned here, or not smooth: no step gives a numerical derivative to compare with"
    else:
        there = [f"{count} at a {kind}" for count, kind in ((kinks, "kink"), (jumps, "jump")) if count]
        text = f"{', '.join(there)}: the analytic value lies between the slopes from left and right" if there else ""
    error = float(gap.max(initial=0.0)) / floor
    method = numeric.method
    return Row("derivative", 1, "", (), verdict, error, uncertain, text, analytic[trial], n[trial], method, kinks, jumps), int(at)


def _error_of_sums(error: Vector, cotangents: Vector) -> Vector:
    """Return the errors of the gradients from those of the slopes, which are independent of each other."""
    largest = float(np.abs(error).max(initial=0.0, where=np.isfinite(error))) or 1.0  # the square of a large error is infinite
    return np.asarray(largest * np.sqrt(cotangents**2 @ ((error / largest) ** 2).T))


def _sides(numeric: Slopes, cotangents: Vector) -> tuple[Vector, Vector]:
    """Return the least and the largest gradient that some choice between the one-sided slopes gives, where there is a choice."""
    low = np.zeros((len(cotangents), len(numeric.slope)))
    high, k = low.copy(), numeric.singular
    left, right = (cotangents[:, None, :] * side[k] for side in (numeric.left, numeric.right))
    low[:, k], high[:, k] = np.minimum(left, right).sum(axis=2), np.maximum(left, right).sum(axis=2)
    return low, high


def taylor_row(problem: Problem, found: Linearization, rng: np.random.Generator, order: int, by_element: bool) -> Row:
    """Look how fast the Taylor remainder falls, which needs no tolerance.

    It says nothing against a gradient that is right ``by_element``: those steps are chosen to fit the function, these are not.
    """
    inputs = problem.inputs
    directions = [np.asarray(rng.standard_normal(x.shape)) * scale_of(to_host(x).ravel()).reshape(x.shape) for x in inputs]
    weights = found.flat[0]
    exact = sum(float((found.analytic(k, x)[0] * d).sum()) for k, (x, d) in enumerate(zip(inputs, directions, strict=True)))

    def f(t: float) -> float:
        with np.errstate(all="ignore"):
            try:
                return float(weights @ problem.value([x + t * d for x, d in zip(inputs, directions, strict=True)]))
            except (ArithmeticError, ValueError):
                return float("nan")

    slope = taylor_slope(f, float(exact))
    if slope is not None and slope < 2 and (by_element or _explained(f, float(exact))):
        slope = None
    row = Row("Taylor slope", order, "", (), PASS, slope=slope)
    if slope is not None and slope < 2:
        row.verdict = FAIL
        row.message = f"the Taylor remainder falls like h^{slope:.2f}; with a right gradient it falls like h^3"
    return row


def _explained(f: Callable[[float], float], derivative: float) -> bool:
    """Tell whether the noise of ``f``, a kink or a jump explains that its remainders do not fall as they should."""
    numeric = slopes(lambda t: np.array([f(float(t[0]))]), np.zeros(1), None, "differences", careful=True)
    return bool(numeric.singular.any()) or not abs(derivative - numeric.slope[0, 0]) > 10 * numeric.error[0, 0]


def vacuity(name: str, x: Array, numeric: Slopes, cotangents: Vector) -> list[str]:
    """Say why a check of this input would pass with many wrong formulas, if so."""
    found = []
    terms = float(np.abs(cotangents[:, None, :] * numeric.slope).sum(axis=2).max(initial=0.0))
    total = float(np.abs(cotangents @ numeric.slope.T).max(initial=0.0))
    spread = float(numeric.error.max(initial=0.0))
    if np.isfinite(spread) and total <= max(
        VACUOUS * terms, 100 * spread * len(numeric.slope), 1e3 * EPS * float(np.abs(cotangents).max(initial=0.0))
    ):
        found.append(
            f"vacuous: the true gradient for {name} is zero, or lost in rounding, so a backward that returns nothing passes too. "
            "Does a sum or a mean cancel what the function does? Check it without"
        )
    values = to_host(x)
    if values.ndim and values.size > 2 and (values == values.flat[0]).all():
        found.append(f"vacuous: all elements of {name} are equal, so formulas that mix them up pass too; use random ones")
    return found


def _directions(rng: np.random.Generator, x: Vector, settings: Settings) -> list[Vector] | None:
    """Return random signed directions, none of whose entries is small; None to go along every element."""
    count = settings.directions
    if count is None:
        if x.size <= ELEMENTWISE_UP_TO:
            return None
        count = DIRECTIONS
    if count >= x.size:
        return None
    scale = scale_of(x.ravel()).reshape(x.shape)
    return [cotangent(rng, x.shape) * scale for _ in range(count)]
