"""Numerical derivatives with an estimate of their own error.

**Differences.** Along one direction, central differences at the steps h and h/2 share their points (t = ±2h, ±h, ±h/2)::

    D(h) = (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h              error O(h^4)
    R    = (16 D(h/2) - D(h)) / 15                                  error O(h^6)

``|D(h/2) - D(h)|`` bounds the error of R from above, be it truncation or noise in f, and eps |f| / h is the error of rounding. A
step is right for most elements when it is 2**-8 of the scale of the input; where the estimate says that it is too long (a
small variance, a singularity or a kink nearby), that element alone is repeated with steps 8 times shorter.

**Complex step.** Where f is analytic and written without abs, conj or comparisons of its argument, Im f(x + ih) / h with
h = 2**-100 is the derivative to the last digit, for one evaluation instead of six. Whether f is such a function is
found out, not declared: along a random direction the complex step must give, for every output, what differences give
(both are linear in the direction, so they then agree along every direction but for a set of measure zero).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.core.mode import changed_mode

Vector = np.ndarray[Any, Any]

EPS = float(np.finfo(np.float64).eps)
FIRST_STEP = 2.0**-8  #: of the scale of an input
SHORTENING = 8.0
RUNGS = 12  #: how many shorter steps are tried before giving up
KINK_RUNGS = 7  #: after how many the one-sided slopes must have met, if there is no kink
GOOD = 1e-9  #: relative estimate below which no shorter step is tried
KINK = 1e-6  #: relative difference of one-sided slopes that may be a kink
COMPLEX_STEP = 2.0**-100


@dataclass
class Line:
    """The derivative of a vector function of one variable at 0."""

    slope: Vector
    error: Vector  #: estimated, per output
    rounding: float  #: the part of the error that a shorter step would make worse
    left: Vector  #: one-sided slopes, from the innermost points
    right: Vector
    jump: Vector  #: right - left, and the same from the points twice as far away
    far_jump: Vector

    @property
    def worst(self) -> float:
        """The largest estimate; infinite if it is not a number."""
        worst = float(self.error.max(initial=0.0))
        return worst if worst == worst else np.inf


@dataclass
class Slopes:
    """Derivatives of all outputs along several directions: a row for each direction, a column for each output."""

    slope: Vector
    error: Vector
    left: Vector
    right: Vector
    kinks: Vector  #: the rows where the one-sided slopes differ
    method: str


def line(f: Callable[[float], Vector], at_zero: Vector, h: float, magnitude: float) -> Line:
    """Differentiate ``f`` at 0 with the step ``h``; ``magnitude`` is the size of the number that is stepped from."""
    a2, a1, a0 = f(2 * h), f(h), f(h / 2)
    b2, b1, b0 = f(-2 * h), f(-h), f(-h / 2)
    coarse = (8 * (a1 - b1) - (a2 - b2)) / (12 * h)
    fine = (8 * (a0 - b0) - (a1 - b1)) / (6 * h)
    slope = fine + (fine - coarse) / 15
    largest = float(np.abs(at_zero).max(initial=0.0))
    rounding = EPS * (largest + magnitude * float(np.abs(slope).max(initial=0.0))) / h
    error = np.abs(fine - coarse) + rounding
    left, right = (at_zero - b0) / (h / 2), (a0 - at_zero) / (h / 2)
    return Line(slope, error, rounding, left, right, right - left, (a1 - 2 * at_zero + b1) / h)


def refined(f: Callable[[float], Vector], at_zero: Vector, h: float, magnitude: float, first: Line, top: float) -> tuple[Line, bool]:
    """Shorten the step until the error is good beside ``top``; return the best line, and whether there is a kink.

    The one-sided slopes of a smooth function differ by an amount proportional to the step, those at a kink by one that is
    the same for every step. Differences at a kink can be consistent (those of max(x, 0) at 0 are), so it is looked for
    in any case.
    """
    best = first
    for rung in range(RUNGS):
        suspect = _may_be_a_kink(best, top)
        if suspect and rung >= KINK_RUNGS:
            return best, True
        if best.worst <= max(GOOD * top, 8 * best.rounding) and not suspect:
            return best, False
        h /= SHORTENING
        last = line(f, at_zero, h, magnitude)
        if suspect or not best.worst <= last.worst:
            best = last
    return best, False


def _may_be_a_kink(found: Line, top: float) -> bool:
    """Tell whether for some output the one-sided slopes differ, and by no more when they are taken over twice the step."""
    near, far = np.abs(found.jump), np.abs(found.far_jump)
    return bool(((near > max(KINK * top, 64 * found.rounding)) & (far < 1.5 * near)).any())


def scale_of(x: Vector) -> Vector:
    """Return the scale of each element: how far it can move before the function changes much, as a first guess."""
    rms = float(np.sqrt(np.mean(x * x))) if x.size else 0.0
    return np.maximum(np.abs(x), rms if rms > 0 else 1.0)


def slopes(value: Callable[[Vector], Vector], x: Vector, directions: Sequence[Vector] | None = None, method: str = "auto") -> Slopes:
    """Differentiate ``value``, a vector function of an array, at ``x``.

    Parameters
    ----------
    value
        May raise or return NaN away from ``x``; a shorter step is tried then.
    x
        Where to differentiate; it is perturbed in a copy.
    directions
        Along which directions; by default along every element of ``x``.
    method
        "differences", "complex", or "auto": complex where it proves itself against differences.
    """
    x = np.asarray(x)  # not a NumPy scalar, which could not be perturbed in place
    y = value(x)
    if not x.size or not y.size:
        empty = np.zeros((x.size if directions is None else len(directions), y.size))
        return Slopes(empty, empty, empty, empty, np.zeros(len(empty), bool), method)
    with np.errstate(all="ignore"):
        if method != "differences":
            found = _complex_slopes(value, x, y, directions, trusted=method == "complex")
            if found is not None:
                return found
        if method == "complex":
            raise ValueError("the function cannot be evaluated at complex arguments; use method='auto' or 'differences'")
        return _difference_slopes(value, x, y, directions)


def _difference_slopes(value: Callable[[Vector], Vector], x: Vector, y: Vector, directions: Sequence[Vector] | None) -> Slopes:
    point = np.array(x, dtype=np.float64, order="C")
    flat = point.reshape(-1)

    def guarded(at: Vector) -> Vector:
        try:
            result = value(at)
        except (ArithmeticError, ValueError):
            return np.full_like(y, np.nan)
        return result if result.shape == y.shape else np.full_like(y, np.nan)

    def along_element(i: int) -> Callable[[float], Vector]:
        origin = flat[i]

        def f(t: float) -> Vector:
            flat[i] = origin + t
            try:
                return guarded(point)
            finally:
                flat[i] = origin

        return f

    def along(direction: Vector) -> Callable[[float], Vector]:
        return lambda t: guarded(x + t * direction)

    if directions is None:
        scales = scale_of(flat)
        setups = [(along_element(i), _power_of_two(s * FIRST_STEP), abs(float(flat[i]))) for i, s in enumerate(scales)]
    else:
        setups = [(along(d), FIRST_STEP, 1.0) for d in directions]
    lines = [line(f, y, h, magnitude) for f, h, magnitude in setups]
    sizes = [float(np.abs(r.slope).max()) for r in lines if np.isfinite(r.slope).all()]
    top = max(sizes, default=0.0)
    results = [refined(f, y, h, magnitude, first, top) for (f, h, magnitude), first in zip(setups, lines, strict=True)]
    slope, error, left, right = (np.array([getattr(r, name) for r, _ in results]) for name in ("slope", "error", "left", "right"))
    return Slopes(slope, error, left, right, np.array([kinked for _, kinked in results]), "differences")


def _complex_slopes(
    value: Callable[[Vector], Vector], x: Vector, y: Vector, directions: Sequence[Vector] | None, trusted: bool
) -> Slopes | None:
    """Return the derivatives by the complex step, or None if the function is not fit for it."""
    with warnings.catch_warnings(), changed_mode(plain=True):
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        point = x.astype(np.complex128, order="C")
        flat = point.reshape(-1)

        def imaginary(at: Vector) -> Vector:
            result = value(at)
            if result.dtype.kind != "c":
                return np.zeros(y.shape)
            return np.asarray(result.imag / COMPLEX_STEP)

        try:
            real = value(point)
            if real.shape != y.shape or not np.abs(real.real - y).max() <= 1e-10 * np.abs(y).max():
                return None
            if not trusted and not _agrees(value, x, y, imaginary):
                return None
            rows = []
            if directions is None:
                for i in range(flat.size):
                    flat[i] += 1j * COMPLEX_STEP
                    rows.append(imaginary(point))
                    flat[i] = flat[i].real
            else:
                rows = [imaginary(x + 1j * COMPLEX_STEP * d) for d in directions]
        except Exception:  # whatever an op raises when it is given complex numbers
            return None
    slope = np.array(rows)
    error = np.full_like(slope, 2**10 * EPS * np.abs(slope).max())
    return Slopes(slope, error, slope, slope, np.zeros(len(slope), bool), "complex step")


def _agrees(value: Callable[[Vector], Vector], x: Vector, y: Vector, imaginary: Callable[[Vector], Vector]) -> bool:
    """Compare the complex step with differences along one direction in which every element moves."""
    direction = np.cos(1.0 + 3.0 * np.arange(x.size)).reshape(x.shape) * scale_of(x.ravel()).reshape(x.shape)
    exact = imaginary(x + 1j * COMPLEX_STEP * direction)

    def f(t: float) -> Vector:
        return value(x + t * direction)

    first = line(f, y, FIRST_STEP, 1.0)
    top = float(np.abs(exact).max())
    best, kinked = refined(f, y, FIRST_STEP, 1.0, first, top)
    return not kinked and bool((np.abs(best.slope - exact) <= np.maximum(1e-9 * top, 10 * best.error)).all()) and best.worst <= 1e-6 * top


def _power_of_two(h: float) -> float:
    """Return a power of two near ``h``: adding it to a number of that scale is exact, or nearly so."""
    return float(2.0 ** np.round(np.log2(h)))


def taylor_slope(f: Callable[[float], float], derivative: float) -> float | None:
    """Return how fast the central Taylor remainder |f(h) - f(-h) - 2 h f'| falls: as h**3 if f' is right, as h if not.

    None where it is no more than rounding at the shortest steps (f' is right to the last digits), or falls in no such way
    (f has noise, or a jump or a kink within the step, which a much shorter step shows).
    """
    steps = (2.0**-7, 2.0**-9, 2.0**-20)
    remainders = []
    for h in steps:
        ahead, behind = f(h), f(-h)
        remainder, noise = abs(ahead - behind - 2 * h * derivative), 1e3 * EPS * (abs(ahead) + abs(behind) + abs(2 * h * derivative))
        remainders.append(remainder)
        if not np.isfinite(remainder) or (remainder <= noise and h != steps[-1]):
            return None
    slope = float(np.log(remainders[0] / remainders[1]) / np.log(steps[0] / steps[1]))
    linear = remainders[1] * steps[2] / steps[1]
    if slope < 2 and not (0.8 < slope < 1.2 and linear / 2 < remainders[2] < 2 * linear):
        return None
    return slope
