# mypy: disable-error-code="untyped-decorator"
"""GELU's probability: the polynomial of `minigrad.kernels.activation` in registers."""

from __future__ import annotations

import numba
import numpy as np

from minigrad.backends import Array
from minigrad.kernels.activation import DENSITY_AT_0, STEEPNESS, TAIL
from minigrad.kernels.loops import OPTIONS

compiled = numba.njit(**OPTIONS)

ZERO, ONE, STEEP, AT_0 = np.float32(0), np.float32(1), np.float32(STEEPNESS), np.float32(DENSITY_AT_0)
B1, B2, B3, B4, B5, B6, B7, B8 = (np.float32(b) for b in TAIL)


@compiled
def normal(x: Array, bell: Array, probability: Array, rest: Array) -> None:
    """Fill the probability below x and x times its derivative, given exp(-x^2 / 2)."""
    for i in range(x.size):
        t = ONE / (ONE + STEEP * abs(x[i]))
        tail = bell[i] * t * (B1 + t * (B2 + t * (B3 + t * (B4 + t * (B5 + t * (B6 + t * (B7 + t * B8)))))))
        probability[i] = abs((ONE if x[i] >= ZERO else ZERO) - tail)
        rest[i] = AT_0 * x[i] * bell[i]
