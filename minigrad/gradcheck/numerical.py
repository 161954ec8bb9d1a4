"""Numerical derivatives with an estimate of their own error.

Along one direction, central differences at the steps h and h/2 share their points (t = ±2h, ±h, ±h/2)::

    D(h) = (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h              error O(h^4)
    R    = (16 D(h/2) - D(h)) / 15                                  error O(h^6)

``|R - D(h/2)|`` bounds the truncation error of R from above, and eps |f| / h is its rounding error. A step is right for
most elements when it is 2**-8 of the scale of the input; where the estimate says that it is too long (a small variance,
a singularity or a kink nearby), that element alone is repeated with steps 8 times shorter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Vector = np.ndarray[Any, Any]

EPS = float(np.finfo(np.float64).eps)
FIRST_STEP = 2.0**-8  #: of the scale of an input
SHORTENING = 8.0
RUNGS = 7  #: how many steps are tried before giving up
GOOD = 1e-10  #: relative estimate below which no shorter step is tried


@dataclass
class Line:
    """The derivative of a vector function of one variable at 0."""

    slope: Vector
    error: Vector  #: estimated, per output
    rounding: float  #: the part of the error that a shorter step would make worse
    left: Vector  #: one-sided slopes, from the innermost points
    right: Vector


def line(f: Callable[[float], Vector], at_zero: Vector, h: float, magnitude: float) -> Line:
    """Differentiate ``f`` at 0 with the step ``h``; ``magnitude`` is the size of the number that is stepped from."""
    with np.errstate(all="ignore"):
        a2, a1, a0 = f(2 * h), f(h), f(h / 2)
        b2, b1, b0 = f(-2 * h), f(-h), f(-h / 2)
        coarse = (8 * (a1 - b1) - (a2 - b2)) / (12 * h)
        fine = (8 * (a0 - b0) - (a1 - b1)) / (6 * h)
        slope = fine + (fine - coarse) / 15
        largest = float(np.abs(at_zero).max(initial=0.0))
        rounding = EPS * (largest + magnitude * float(np.abs(slope).max(initial=0.0))) / h
        error = np.abs(slope - fine) + rounding
        return Line(slope, error, rounding, (at_zero - b0) / (h / 2), (a0 - at_zero) / (h / 2))


def scale_of(x: Vector) -> Vector:
    """Return the scale of each element: how far it can move before the function changes much, as a first guess."""
    rms = float(np.sqrt(np.mean(x * x))) if x.size else 0.0
    return np.maximum(np.abs(x), rms if rms > 0 else 1.0)


@dataclass
class Jacobian:
    """The derivative of all outputs with respect to one input, a row for each element of the input."""

    slope: Vector
    error: Vector
    left: Vector
    right: Vector


def jacobian(value: Callable[[Vector], Vector], x: Vector) -> Jacobian:
    """Differentiate ``value`` (a vector function of an array) with respect to every element of ``x``.

    Parameters
    ----------
    value
        May raise or return NaN away from ``x``; a shorter step is tried then.
    x
        Where to differentiate; it is perturbed in a copy.
    """
    point = np.array(x, dtype=np.float64)
    flat = point.reshape(-1)
    y = value(point)
    steps = scale_of(flat) * FIRST_STEP

    def along(i: int, h: float) -> Line:
        origin = flat[i]

        def f(t: float) -> Vector:
            flat[i] = origin + t
            try:
                return value(point)
            except (ArithmeticError, ValueError):
                return np.full_like(y, np.nan)

        try:
            return line(f, y, h, abs(origin))
        finally:
            flat[i] = origin

    lines = [along(i, 2.0 ** np.round(np.log2(h))) for i, h in enumerate(steps)]
    top = max((float(np.abs(r.slope).max(initial=0.0)) for r in lines if np.isfinite(r.slope).all()), default=0.0)
    for i, found in enumerate(lines):
        h = 2.0 ** np.round(np.log2(steps[i]))
        for _ in range(RUNGS):
            worst = float(found.error.max(initial=0.0))
            if worst <= max(GOOD * top, 8 * found.rounding):
                break
            h /= SHORTENING
            finer = along(i, h)
            if not worst <= float(finer.error.max(initial=0.0)):
                lines[i] = finer
            found = finer
    shape = (len(lines), y.size)
    return Jacobian(*(np.array([getattr(r, name) for r in lines]).reshape(shape) for name in ("slope", "error", "left", "right")))
