"""The derivative itself: analytic against numeric, kinks, the Taylor slope, and whether the check says anything at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.backends import Array
from minigrad.core.device import to_host
from minigrad.gradcheck.numerics.differentiation import EPS, Slopes, scale_of, taylor_slope
from minigrad.gradcheck.numerics.linearization import Linearization, cotangent, numeric_slopes
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.numerics.row import CANNOT_TELL, FAIL, PASS, Row, worst_element

Vector = np.ndarray[Any, Any]

COTANGENTS = 3
CANNOT_TELL_ABOVE = 1e-5  #: relative error estimate above which agreement proves nothing
ELEMENTWISE_UP_TO = 2000  #: elements of an input; along random directions beyond
DIRECTIONS = 8
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
        numeric = numeric_slopes(problem, k, directions, settings.method)
        analytic = found.analytic(k, x)
        if directions is None:
            along = analytic.reshape(len(analytic), -1)
        else:
            along = np.tensordot(analytic.reshape(len(analytic), -1), np.array(directions).reshape(len(directions), -1), (1, 1))
        reach = float(scale_of(to_host(x).ravel()).max()) if directions is None else 1.0
        row = compare(along, numeric, found.flat, settings.rtol, found.largest / reach)
        row.order, row.input, row.shape = order, name, shape
        if directions is None and row.numeric is not None:
            row.analytic, row.numeric = row.analytic.reshape(shape), row.numeric.reshape(shape)
            if row.verdict == FAIL:
                at = worst_element(row.analytic, row.numeric)
                row.message = f"at {list(at)}: analytic {row.analytic[at]:.10g}, numeric {row.numeric[at]:.10g}" + row.message
        rows.append(row)
        if order == 1:
            warnings += vacuity(name, x, numeric, found.flat)
    return rows


def compare(analytic: Vector, numeric: Slopes, cotangents: Vector, rtol: float, typical: float) -> Row:
    """Return the verdict on gradients along the directions of ``numeric``: (cotangents, directions) against each other.

    ``typical`` is how large a derivative of such a function usually is. Beside it, one that is zero is known to be zero.
    """
    n = cotangents @ numeric.slope.T
    estimate = np.sqrt(cotangents**2 @ (numeric.error**2).T)
    gap = np.abs(analytic - n)
    smooth = ~numeric.kinks
    estimate = np.where(smooth, estimate, 0.0)
    within = (gap <= np.maximum(rtol * np.abs(n).max(initial=0.0, where=smooth & np.isfinite(n)), 10 * estimate)) | ~smooth
    floor = max(float(np.abs(n).max(initial=0.0, where=smooth)), 1e-4 * typical, 1e-300)
    error = float(gap.max(initial=0.0, where=smooth)) / floor
    uncertain = float(estimate.max(initial=0.0)) / floor
    messages = []
    verdict = PASS if within.all() else FAIL
    if numeric.kinks.any():
        inside = _between(analytic, numeric, cotangents)
        verdict = verdict if inside else FAIL
        where = "lies between" if inside else "does not lie between"
        messages.append(f"{int(numeric.kinks.sum())} at a kink: the analytic value {where} the slopes from left and right")
    if verdict == PASS and (uncertain > CANNOT_TELL_ABOVE or not np.isfinite(n[:, smooth]).all()):
        verdict = CANNOT_TELL
        messages.append("the function is badly conditioned here, or not smooth: no step gives a numerical derivative to compare with")
    trial = int((gap * smooth).max(axis=1).argmax()) if gap.size else 0
    prefix = "; " if verdict == FAIL else ""
    text = prefix + "; ".join(messages) if messages else ""
    return Row(
        "derivative", 1, "", (), verdict, error, uncertain, text, analytic[trial], n[trial], numeric.method, int(numeric.kinks.sum())
    )


def _between(analytic: Vector, numeric: Slopes, cotangents: Vector) -> bool:
    """Tell whether the gradient at each kink is one that some choice between the one-sided slopes gives."""
    k = numeric.kinks
    left, right = (cotangents[:, None, :] * side[k] for side in (numeric.left, numeric.right))
    low, high = np.minimum(left, right).sum(axis=2), np.maximum(left, right).sum(axis=2)
    slack = 1e-5 * (np.abs(low) + np.abs(high) + np.abs(analytic).max())
    return bool(((analytic[:, k] >= low - slack) & (analytic[:, k] <= high + slack)).all())


def taylor_row(problem: Problem, found: Linearization, rng: np.random.Generator, order: int) -> Row | None:
    """Look how fast the Taylor remainder falls, which needs no tolerance; None where the function is not smooth there."""
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
    row = Row("Taylor slope", order, "", (), PASS, slope=slope)
    if slope is not None and slope < 2:
        row.verdict = FAIL
        row.message = f"the Taylor remainder falls like h^{slope:.2f}; with a right gradient it falls like h^3"
    return row


def vacuity(name: str, x: Array, numeric: Slopes, cotangents: Vector) -> list[str]:
    """Say why a check of this input would pass with many wrong formulas, if so."""
    found = []
    terms = float(np.abs(cotangents[:, None, :] * numeric.slope).sum(axis=2).max(initial=0.0))
    total = float(np.abs(cotangents @ numeric.slope.T).max(initial=0.0))
    spread = float(np.sqrt((numeric.error**2).max(initial=0.0)))
    if total <= max(VACUOUS * terms, 100 * spread * len(numeric.slope), 1e3 * EPS * float(np.abs(cotangents).max(initial=0.0))):
        found.append(
            f"vacuous: the true gradient for {name} is zero, so a backward that returns nothing passes too. "
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
