"""How much of a function's value is rounding, found out from the function alone.

A value can be smaller than the numbers it was computed from: 1 - cos(x) at 1e-4 is 5e-9, and its rounding is that of 1. So the size of
the result says nothing. What does: third differences of f over points so close that a smooth function is a parabola there. What is left
is noise, and its standard deviation is that of the differences divided by sqrt(1 + 9 + 9 + 1) (R. W. Hamming, *Introduction to Applied
Numerical Analysis*, 1971, chapter 6; J. J. Moré and S. M. Wild, *Estimating computational noise*, SIAM J. Sci. Comput. 33, 2011).
That it is noise, and no curvature, shows in fifth differences: those of noise are larger, those of a smooth function smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Vector = np.ndarray[Any, Any]
Function = Callable[[float], Vector]

SPACINGS = (2.0**-40, 2.0**-24, 2.0**-8)  #: of the points, beside the size of the argument; the last one is that of the differences
FURTHER = 4  #: wider spacings, between the size of the argument and 1, for functions that are constant at all of these
POINTS = 8  #: on either side; 0 itself, where f may have a jump or a kink, is none of them
DISTINCT = 4  #: different values among them, before they say anything about noise
#: from this spacing on, what is no noise may look like it (a kink, the steps of floor), and only what is small beside the values that
#: the function has around is taken for noise
WIDE, SMALL = 2.0**-20, 2.0**-30


def noise_of(f: Function, y: Vector, unit: float, reach: float) -> Vector:
    """Return the noise of each output of ``f`` at 0, where it is ``y``; zero where it does not vary.

    Parameters
    ----------
    unit
        How far to go to move the argument by its own size. The points are close to 0 beside that.
    reach
        How far to go to move it by about 1.
    """
    span = max(1.0, reach / unit)
    around = np.array([f(side * span * unit) for side in (-2.0, -1.0, 1.0, 2.0)])
    range_ = np.nan_to_num(np.abs(around), nan=0.0, posinf=0.0).max(axis=0)
    found = np.where((around == y).all(axis=0), 0.0, np.nan)
    for spacing in _spacings(span):
        if spacing > SPACINGS[-1] and not np.isnan(found).any():
            break
        noise = _on_one_side(f, spacing * unit)
        if not (noise < SMALL * range_).all():  # on that side there may be a kink, or the end of the domain
            noise = np.fmin(noise, _on_one_side(f, -spacing * unit))
        told = (spacing < WIDE) | (noise < SMALL * range_)
        found = np.where(told & ((spacing <= SPACINGS[-1]) | np.isnan(found)), np.fmax(found, noise), found)
    return np.asarray(np.nan_to_num(found, nan=0.0))


def noise_around(value: Callable[[Vector], Vector], x: Vector, y: Vector) -> Vector:
    """Return the noise of a function of an array. All elements move together, each in proportion to itself: none leaves its domain."""
    size = np.abs(x)
    largest = float(size.max(initial=0.0)) or 1.0
    direction = np.where(size > 0, size, largest) * np.cos(1.0 + 3.0 * np.arange(x.size)).reshape(x.shape)
    return noise_of(lambda t: value(x + t * direction), y, 1.0, 1 / largest)


def _spacings(span: float) -> Iterator[float]:
    """Yield the spacings: close ones, and then, up to ``span``, wider ones."""
    yield from SPACINGS
    yield 1.0
    for n in range(1, FURTHER + 1) if span > 1 else ():
        yield float(span ** (n / FURTHER))


def _on_one_side(f: Function, step: float) -> Vector:
    """Return the noise of each output at points on one side of 0; NaN where they do not tell it."""
    values = np.array([f(k * step) for k in range(1, POINTS + 1)])
    third, fifth = (np.abs(np.diff(values, n, axis=0)).max(axis=0) for n in (3, 5))
    distinct = 1 + (np.diff(np.sort(values, axis=0), axis=0) != 0).sum(axis=0)
    told = np.isfinite(fifth) & (fifth >= third) & (distinct >= DISTINCT)
    return np.asarray(np.where(told, third / np.sqrt(20.0), np.nan))
