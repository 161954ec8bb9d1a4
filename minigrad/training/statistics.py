"""What a few runs say together: mean, spread, and the interval of a difference between two arms of an experiment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval.

    Attributes
    ----------
    mean : of the values
    low, high : ends of the interval
    std : standard deviation of the values, with n - 1
    n : number of values
    """

    mean: float
    low: float
    high: float
    std: float
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside."""
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        return f"{self.mean:+.4g} [{self.low:+.4g}, {self.high:+.4g}]"


def t_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the mean of independent values and its interval by Student's t.

    mean -+ t s / sqrt(n), where s is their standard deviation and t the quantile of Student's distribution with n - 1 degrees of
    freedom that leaves (1 - confidence) / 2 on either side. (Student, Biometrika 6, 1908.)

    Parameters
    ----------
    values
        At least two numbers, such as the result of a run for each seed.
    confidence
        How often such an interval holds the true mean, if the values are normal.

    Raises
    ------
    ValueError
        If there are fewer than two values, or ``confidence`` is no share between 0 and 1.
    """
    v = np.asarray(values, dtype=np.float64)
    if v.ndim != 1 or len(v) < 2:
        raise ValueError(f"t_interval: an interval needs at least two values, and there are {v.size}")
    if not 0 < confidence < 1:
        raise ValueError(f"t_interval: confidence must be between 0 and 1, not {confidence}")
    mean, std = float(v.mean()), float(v.std(ddof=1))
    half = t_quantile((1 + confidence) / 2, len(v) - 1) * std / math.sqrt(len(v))
    return Interval(mean, mean - half, mean + half, std, len(v))


def paired_difference(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the interval of the mean of a - b, value by value: of two arms that were run with the same seeds.

    Raises
    ------
    ValueError
        If there are not as many values in one as in the other, or fewer than two.
    """
    if len(a) != len(b):
        raise ValueError(f"paired_difference: there are {len(a)} values of one arm and {len(b)} of the other, which make no pairs")
    return t_interval([float(x) - float(y) for x, y in zip(a, b, strict=True)], confidence)


def t_quantile(p: float, freedom: int) -> float:
    """Return the t below which Student's distribution with so many degrees of freedom has the share p, 0.5 <= p < 1."""
    low, high = 0.0, 1.0
    while _t_share(high, freedom) < p:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_share(middle, freedom) < p else (low, middle)
    return (low + high) / 2


def _t_share(t: float, freedom: int) -> float:
    """Return the share below t >= 0, by the finite sums for whole degrees of freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    angle = math.atan2(t, math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    total, term = 0.0, cosine if freedom % 2 else 1.0
    for k in range(2 + freedom % 2, freedom + 1, 2):
        total += term
        term *= cosine**2 * (k - 1) / k
    within = 2 / math.pi * (angle + sine * total) if freedom % 2 else sine * total
    return 0.5 + within / 2
