"""Numerical derivatives with an estimate of their own error.

**Differences** along a line, with a step of 2**-8 of the scale of the input, which is right for most elements; where it is not, for that
line alone others are tried (`minigrad.gradcheck.numerics.lines`). What the rounding of f is, is then found out from f
(`minigrad.gradcheck.numerics.noise`): not before, as most functions never need it.

**Complex step.** Where f is analytic and written without abs, conj or comparisons of its argument, Im f(x + ih) / h with
h = 2**-100 of the scale of x is the derivative to the last digit, for one evaluation instead of six. Whether f is such a function is
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
from minigrad.gradcheck.numerics.lines import EPS, FIRST_STEP, JUMPS, KINKED, SMOOTH, USABLE, Line, Setup
from minigrad.gradcheck.numerics.noise import noise_around
from minigrad.gradcheck.numerics.patience import along_elements

Vector = np.ndarray[Any, Any]

COMPLEX_STEP = 2.0**-100  #: of the scale of an input


@dataclass
class Slopes:
    """Derivatives of all outputs along several directions: a row for each direction, a column for each output."""

    slope: Vector
    error: Vector
    left: Vector
    right: Vector
    kinks: Vector  #: the rows where the one-sided slopes differ
    jumps: Vector  #: the rows where the function jumps
    method: str

    @property
    def singular(self) -> Vector:
        """The rows without a derivative."""
        return np.asarray(self.kinks | self.jumps)


def scale_of(x: Vector) -> Vector:
    """Return the scale of each element: how far it can move before the function changes much, as a first guess."""
    largest = float(np.abs(x).max(initial=0.0))
    rms = largest * float(np.sqrt(np.mean((x / largest) ** 2))) if largest > 0 else 0.0  # the square of a small number is zero
    return np.maximum(np.abs(x), rms if rms > 0 else 1.0)


def slopes(
    value: Callable[[Vector], Vector],
    x: Vector,
    directions: Sequence[Vector] | None = None,
    method: str = "auto",
    *,
    careful: bool = False,
    stretch: float = 1.0,
) -> Slopes:
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
    careful
        Measure the noise of the function even if all seems well: before anything is said to be wrong.
    stretch
        A factor of the steps, which are powers of two otherwise: with another, what fits into the steps as a whole shows.
    """
    x = np.asarray(x)  # not a NumPy scalar, which could not be perturbed in place
    y = value(x)
    if not x.size or not y.size:
        empty = np.zeros((x.size if directions is None else len(directions), y.size))
        none = np.zeros(len(empty), bool)
        return Slopes(empty, empty, empty, empty, none, none, method)
    with np.errstate(all="ignore"):
        if method != "differences":
            found = _complex_slopes(value, x, y, directions, trusted=method == "complex")
            if found is not None:
                return found
        if method == "complex":
            raise ValueError("the function cannot be evaluated at complex arguments; use method='auto' or 'differences'")
        return _difference_slopes(value, x, y, directions, careful, stretch)


def _difference_slopes(
    value: Callable[[Vector], Vector], x: Vector, y: Vector, directions: Sequence[Vector] | None, careful: bool, stretch: float
) -> Slopes:
    def guarded(at: Vector) -> Vector:
        try:
            result = value(at)
        except (ArithmeticError, ValueError):
            return np.full_like(y, np.nan)
        return result if result.shape == y.shape else np.full_like(y, np.nan)

    setups = _along_elements(guarded, x, y) if directions is None else [_along(guarded, x, y, d) for d in directions]
    for setup in setups:
        setup.h *= stretch
    watched = along_elements(setups, setups) if directions is None else setups
    firsts = [setup.line(setup.h) for setup in watched]
    top = max((float(np.abs(first.slope).max()) for first in firsts if np.isfinite(first.slope).all()), default=0.0)
    if careful or not top:
        noise = noise_around(guarded, x, y)
        firsts = [setup.known(first, setup.h, noise) for first, setup in zip(firsts, setups, strict=True)]
    results = [(first, SMOOTH) if first.good(top) else _best_line(setup, first, top) for setup, first in zip(setups, firsts, strict=True)]
    slope, error, left, right = (np.array([getattr(r, name) for r, _ in results]) for name in ("slope", "error", "left", "right"))
    kinks, jumps = (np.array([what == kind for _, what in results]) for kind in (KINKED, JUMPS))
    return Slopes(slope, error, left, right, kinks, jumps, "differences")


def _best_line(setup: Setup, first: Line, top: float) -> tuple[Line, str]:
    """Refine a line; one from an element that is small beside the others also with steps that are small beside the element."""
    best, what = setup.refined(first, setup.h, top)
    own = _power_of_two(setup.unit * FIRST_STEP)
    if (what == SMOOTH and best.worst <= USABLE * float(np.abs(best.slope).max(initial=0.0))) or own >= setup.h:
        return best, what
    other, whether = setup.refined(setup.line(own), own, top)
    return (other, whether) if not best.worst <= other.worst or what != SMOOTH else (best, what)


def _along_elements(value: Callable[[Vector], Vector], x: Vector, y: Vector) -> list[Setup]:
    """Return the function along each element of ``x``."""
    point = np.array(x, dtype=np.float64, order="C")
    flat = point.reshape(-1)

    def along(i: int) -> Callable[[float], Vector]:
        origin = flat[i]

        def f(t: float) -> Vector:
            try:
                flat[i] = origin + t
                return value(point)
            finally:
                flat[i] = origin

        return f

    steps = [_power_of_two(scale * FIRST_STEP) for scale in scale_of(flat)]
    sizes = [abs(float(element)) for element in flat]
    return [Setup(along(i), y, h, size, size or h / FIRST_STEP, 1.0) for i, (h, size) in enumerate(zip(steps, sizes, strict=True))]


def _along(value: Callable[[Vector], Vector], x: Vector, y: Vector, direction: Vector) -> Setup:
    """Return the function along a direction that is scaled to ``x``."""
    size = float(np.abs(x).max(initial=0.0)) or 1.0
    return Setup(lambda t: value(x + t * direction), y, FIRST_STEP, 1.0, 1.0, 1 / size)


def _complex_slopes(
    value: Callable[[Vector], Vector], x: Vector, y: Vector, directions: Sequence[Vector] | None, trusted: bool
) -> Slopes | None:
    """Return the derivatives by the complex step, or None if the function is not fit for it."""
    with warnings.catch_warnings(), changed_mode(plain=True):
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        point = x.astype(np.complex128, order="C")
        flat = point.reshape(-1)

        def imaginary(at: Vector, step: float = COMPLEX_STEP) -> Vector:
            result = value(at)
            if result.dtype.kind != "c":
                return np.zeros(y.shape)
            return np.asarray(result.imag / step)

        try:
            real = value(point)
            if real.shape != y.shape or not np.abs(real.real - y).max() <= 1e-10 * np.abs(y).max():
                return None
            if not trusted and not _agrees(value, x, y, imaginary):
                return None
            rows = []
            if directions is None:
                scales = scale_of(x.ravel())
                for i, scale in along_elements(enumerate(scales), scales):
                    flat[i] += 1j * COMPLEX_STEP * scale
                    rows.append(imaginary(point, COMPLEX_STEP * scale))
                    flat[i] = flat[i].real
            else:
                rows = [imaginary(x + 1j * COMPLEX_STEP * d) for d in directions]
        except Exception:  # whatever an op raises when it is given complex numbers
            return None
    slope = np.array(rows)
    error = np.full_like(slope, 2**10 * EPS * np.abs(slope).max())
    none = np.zeros(len(slope), bool)
    return Slopes(slope, error, slope, slope, none, none, "complex step")


def _agrees(value: Callable[[Vector], Vector], x: Vector, y: Vector, imaginary: Callable[[Vector], Vector]) -> bool:
    """Compare the complex step with differences along one direction in which every element moves."""
    direction = np.cos(1.0 + 3.0 * np.arange(x.size)).reshape(x.shape) * scale_of(x.ravel()).reshape(x.shape)
    exact = imaginary(x + 1j * COMPLEX_STEP * direction)

    setup = _along(value, x, y, direction)
    first, top = setup.line(FIRST_STEP), float(np.abs(exact).max())
    if not top:
        return False  # nothing to compare
    best, what = (first, SMOOTH) if first.good(top) else _best_line(setup, first, top)
    close = np.abs(best.slope - exact) <= np.maximum(1e-9 * top, 10 * best.error)
    return what == SMOOTH and bool(close.all()) and best.worst <= USABLE * top


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
