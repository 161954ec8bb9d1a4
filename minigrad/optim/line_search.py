"""A line search for the strong Wolfe conditions (Nocedal, Wright: "Numerical optimization", 2006, algorithms 3.5 and 3.6)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

ARMIJO, CURVATURE = 1e-4, 0.9  #: a step must lower the loss by this share of what the slope promises; and flatten it so far


class Point(NamedTuple):
    """A place along the line."""

    t: float
    loss: float
    gradient: Any
    slope: float


def strong_wolfe(
    evaluate: Callable[[float], tuple[float, Any]], t: float, d: Any, loss: float, gradient: Any, slope: float, budget: int = 25
) -> tuple[float, Any, float, int]:
    """Search along the direction ``d`` for a step with sufficient decrease and a flat enough slope.

    Parameters
    ----------
    evaluate
        Gives loss and gradient at a step.
    t
        The step to try first.
    loss, gradient, slope
        At step 0; the slope is the product of ``gradient`` with ``d``.
    budget
        Iterations allowed.

    Returns
    -------
    tuple
        Loss, gradient and step of the point found, and the number of evaluations.
    """

    def at(t: float) -> Point:
        value, g = evaluate(t)
        return Point(t, value, g, float(g @ d))

    start = previous = Point(0.0, loss, gradient, slope)
    point, evaluations, iteration = at(t), 1, 0
    bracket: list[Point] = []
    while iteration < budget:
        too_far = not _enough(point, start) or (iteration > 1 and point.loss >= previous.loss)
        if not too_far and _flat(point, start):
            bracket = [point]
            break
        if too_far or point.slope >= 0:
            bracket = [previous, point]
            break
        guess = _minimum_of_cubic(previous, point, point.t + 0.01 * (point.t - previous.t), point.t * 10)
        previous, point = point, at(guess)
        evaluations, iteration = evaluations + 1, iteration + 1
    else:
        bracket = [start, point]
    if len(bracket) == 2:
        best, used = _zoom(at, bracket, start, float(abs(d).max()), budget - iteration)
        return best.loss, best.gradient, best.t, evaluations + used
    return point.loss, point.gradient, point.t, evaluations


def _zoom(at: Callable[[float], Point], bracket: list[Point], start: Point, d_max: float, budget: int) -> tuple[Point, int]:
    """Shrink a bracket around a point that fulfils the conditions. Returns its best point and the evaluations used."""
    low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
    stuck, used = False, 0
    while used < budget and abs(bracket[1].t - bracket[0].t) * d_max >= 1e-9:
        t = _minimum_of_cubic(bracket[0], bracket[1])
        left, right = min(p.t for p in bracket), max(p.t for p in bracket)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:  # near an end: allowed once, then pushed inwards
            if stuck or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = at(t)
        used += 1
        if not _enough(point, start) or point.loss >= bracket[low].loss:
            bracket[high] = point
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
            continue
        done = _flat(point, start)
        if not done and point.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
        if done:
            break
    return bracket[low], used


def _enough(point: Point, start: Point) -> bool:
    """The first condition: the loss fell by a share of what the slope at the start promised."""
    return point.loss <= start.loss + ARMIJO * point.t * start.slope


def _flat(point: Point, start: Point) -> bool:
    """The second condition: the slope is a good deal flatter than at the start."""
    return abs(point.slope) <= -CURVATURE * start.slope


def _minimum_of_cubic(a: Point, b: Point, low: float | None = None, high: float | None = None) -> float:
    """Return the minimum, within bounds, of the cubic through two points with their slopes."""
    if a.t > b.t:
        a, b = b, a
    low, high = (a.t if low is None else low), (b.t if high is None else high)
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if square < 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    if b.slope - a.slope + 2 * d2 == 0:
        return (low + high) / 2
    t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(t, low), high)
