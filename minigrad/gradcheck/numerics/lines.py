"""The derivative of a vector function of one variable at 0 by differences, and what stands in its way: noise, kinks, jumps.

Central differences at the steps h and h/2 share their points (t = ±2h, ±h, ±h/2)::

    D(h) = (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h              error O(h^4)
    R    = (16 D(h/2) - D(h)) / 15                                  error O(h^6)

``|D(h/2) - D(h)|`` bounds the error of R from above; to it comes rounding, eps |f| / h and the noise of f over h. Where that is too
much, other steps are tried, shorter ones (a small variance, a singularity or a kink nearby) or, if rounding is most of it, longer ones.

The slopes from left and right of a smooth function differ by an amount proportional to the step. At a *kink* they differ by the same
amount for every step, at a *jump* by one that grows as the step shrinks, and f itself differs from its values beside 0, however near.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from minigrad.gradcheck.numerics.noise import noise_of

Vector = np.ndarray[Any, Any]
Function = Callable[[float], Vector]

EPS = float(np.finfo(np.float64).eps)
SMALLEST = float(np.finfo(np.float64).smallest_subnormal)  #: what is lost of a result that is nearly zero
FIRST_STEP = 2.0**-8  #: of the scale of an input
SHORTENING = 8.0
RUNGS = 12  #: how many shorter steps are tried before giving up
KINK_RUNGS = 7  #: after how many the one-sided slopes must have met, if there is no kink
SIDE_RUNGS = 4  #: after how many the slopes on both sides of a jump are measured
LENGTHENING = 4.0
LONGER = 4  #: how many longer steps are tried
GOOD = 1e-9  #: relative estimate below which no other step is tried
USABLE = 1e-6  #: relative estimate above which an element is looked at with steps of its own size
KINK = 1e-6  #: relative difference of one-sided slopes that may be a kink
GROWTH = 1.5  #: by how much the one-sided slopes of no kink come apart from one step to the next shorter one
NOISE_IN_SLOPE = 2.0  #: noise of R times h, for noise of 1 in f
SMOOTH, KINKED, JUMPS = "smooth", "kink", "jump"


@dataclass
class Line:
    """The derivative of a vector function of one variable at 0."""

    slope: Vector
    truncation: Vector  #: estimated error per output: the part that a shorter step makes smaller, until f is all noise
    rounding: Vector  #: and the part that it makes larger
    left: Vector  #: one-sided slopes, from the innermost points
    right: Vector
    far: Vector  #: right - left from the points twice as far away

    @property
    def error(self) -> Vector:
        """The estimated error of each output."""
        return np.asarray(self.truncation + self.rounding)

    @property
    def worst(self) -> float:
        """The largest estimate; infinite if it is not a number."""
        worst = float(self.error.max(initial=0.0))
        return worst if worst == worst else np.inf

    @property
    def near(self) -> Vector:
        """How far the one-sided slopes are apart."""
        return np.asarray(np.abs(self.right - self.left))

    def suspects(self, top: float) -> Vector:
        """Tell for each output whether the one-sided slopes differ, and by no more when they are taken over twice the step."""
        visible = max(KINK * top, 64 * float(self.rounding.max(initial=0.0)))
        return np.asarray((self.near > visible) & (self.far < GROWTH * self.near))

    def good(self, top: float) -> bool:
        """Tell whether a shorter step would be no better, and nothing looks like a kink."""
        rounding = float(self.rounding.max(initial=0.0))
        return self.worst <= max(GOOD * top, 8 * rounding) and not self.suspects(top).any()


@dataclass
class Setup:
    """A function along a line, and how it is stepped along."""

    f: Function
    at_zero: Vector
    h: float  #: first step
    magnitude: float  #: of the number that is stepped from
    unit: float  #: how far to go to move the argument by its own size
    reach: float  #: how far to go to move it by about 1

    @property
    def finest(self) -> float:
        """The shortest step that is one."""
        return 8 * EPS * self.unit

    @cached_property
    def noise(self) -> Vector:
        """The noise of each output along this line."""
        return noise_of(self.f, self.at_zero, self.unit, self.reach)

    @cached_property
    def constant(self) -> Vector:
        """The outputs that do not vary within the first step: no slope of theirs can be steeper than their rounding over that."""
        return np.asarray((self.f(2 * self.h) == self.at_zero) & (self.f(-2 * self.h) == self.at_zero))

    def line(self, h: float, noise: Vector | None = None) -> Line:
        """Differentiate at 0 with the step ``h``."""
        f, y = self.f, self.at_zero
        a2, a1, a0 = f(2 * h), f(h), f(h / 2)
        b2, b1, b0 = f(-2 * h), f(-h), f(-h / 2)
        coarse = (8 * (a1 - b1) - (a2 - b2)) / (12 * h)
        fine = (8 * (a0 - b0) - (a1 - b1)) / (6 * h)
        slope = fine + (fine - coarse) / 15
        size = float(np.abs(y).max(initial=0.0)) + self.magnitude * float(np.abs(slope).max(initial=0.0))
        rounding = np.full(y.shape, EPS * size / h)
        left, right = (y - b0) / (h / 2), (a0 - y) / (h / 2)
        found = Line(slope, np.abs(fine - coarse), rounding, left, right, np.abs((a1 - 2 * y + b1) / h))
        return found if noise is None else self.known(found, h, noise)

    def known(self, found: Line, h: float, noise: Vector) -> Line:
        """Return a line with the rounding that each output has, where the noise of each is known, and not that of the largest."""
        size = EPS * (np.abs(self.at_zero) + self.magnitude * np.abs(found.slope)) + SMALLEST
        return replace(found, rounding=size / np.where(self.constant, max(h, self.h), h) + NOISE_IN_SLOPE * noise / h)

    def refined(self, first: Line, h: float, top: float) -> tuple[Line, str]:
        """Change the step ``h`` of ``first`` until the error is good beside ``top``; return the best line, and what f does at 0.

        Differences at a kink can be consistent (those of max(x, 0) at 0 are), so kinks are looked for in any case.
        """
        noise = self.noise
        best = before = self.known(first, h, noise)
        if not best.suspects(top).any():
            best = before = self._longer(best, h, top)
        lowest, kinky = best, False
        for rung in range(RUNGS):
            suspects = best.suspects(top)
            if rung >= KINK_RUNGS and suspects.any() and (best.near <= GROWTH * before.near)[suspects].all():
                return best, KINKED
            if best.good(top):
                return best if kinky else lowest, SMOOTH
            h /= SHORTENING
            last = self.line(h, noise)
            kinky = kinky or bool((last.near > best.near / 2)[suspects].any())  # of a parabola it is an eighth
            lowest = last if suspects.any() or not lowest.worst <= last.worst else lowest
            if suspects.any() or not best.worst <= last.worst:
                best, before = last, best
        if self._jumps():
            return self._beside_the_jump(), JUMPS
        if best.suspects(top).any():  # one-sided slopes that grow without bound
            best = replace(best, truncation=np.full(best.slope.shape, np.inf))
        return best, SMOOTH

    def _longer(self, best: Line, h: float, top: float) -> Line:
        """Lengthen the step as long as rounding is most of the error, and that helps."""
        for _ in range(LONGER):
            if best.worst <= GOOD * top or float(best.rounding.max(initial=0.0)) < best.worst / 2:
                break
            h *= LENGTHENING
            longer = self.line(h, self.noise)
            if not longer.worst < best.worst:
                break
            best = longer
        return best

    def _jumps(self) -> bool:
        """Tell whether the value at 0 is not the one beside it, or those on both sides differ, where f hardly varies on either side."""
        t, y = self.finest, self.at_zero
        a1, a2, b1, b2 = self.f(t), self.f(2 * t), self.f(-t), self.f(-2 * t)
        gap = np.maximum(np.abs(a1 - y), np.abs(b1 - y))
        varies = np.maximum(np.abs(a2 - a1), np.abs(b2 - b1))
        return bool((gap > np.maximum(1e3 * varies, 1e2 * self.noise + 64 * EPS * np.abs(y))).any())

    def _beside_the_jump(self) -> Line:
        """Return the slopes on both sides, by a parabola through three points of each side."""
        u = self.h / SHORTENING**SIDE_RUNGS
        left, right = ((-2.0 * self.f(s * u) + 2.5 * self.f(2 * s * u) - 0.5 * self.f(4 * s * u)) / (s * u) for s in (-1, 1))
        middle = (left + right) / 2
        return Line(middle, np.abs(right - left), np.zeros(middle.shape), left, right, np.abs(right - left))
