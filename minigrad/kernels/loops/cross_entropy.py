# mypy: disable-error-code="untyped-decorator"
"""Softmax cross-entropy of rows of float32: a row stays in the first cache, and its exponentials fit vector registers.

NumPy's exponential is about as quick as this one; what is saved are the passes around it. For float64 there is no loop here.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from minigrad.backends import Array
from minigrad.kernels.loops import OPTIONS

compiled = numba.njit(**OPTIONS)
in_order = numba.njit(**{**OPTIONS, "fastmath": {"contract"}})  #: where rounding is made use of

LOG2_E = np.float32(1.4426950408889634)
LN2, LN2_REST = np.float32(0.693359375), np.float32(-2.12194440e-4)  #: their sum is ln 2; the first has so few digits that n LN2 is exact
_COEFFICIENTS = 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1
POLYNOMIAL = tuple(np.float32(c) for c in _COEFFICIENTS)
LOWEST = np.float32(-104)  #: from here on down, e**x is 0 in float32


@in_order
def _power_of_two(n: Any) -> Array:
    """2**n, made of its bits."""
    return np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)


@in_order
def _exp(x: Array) -> Array:
    """e**x for x <= 0 = 2**n e**r with abs(r) <= ln 2 / 2, to 1.5 units in the last place.

    Source: Cephes, ``expf`` (Moshier, 1989), for the polynomial: e**r = 1 + r + r**2 P(r).
    """
    x = LOWEST if x < LOWEST else x  # NaN stays
    n = np.floor(x * LOG2_E + np.float32(0.5))
    r = (x - n * LN2) - n * LN2_REST
    a, b, c, d, e, f = POLYNOMIAL
    y = (((((a * r + b) * r + c) * r + d) * r + e) * r + f) * r * r + r + np.float32(1)
    whole = np.int32(n)
    half = np.int32(whole >> np.int32(1))
    return y * _power_of_two(half) * _power_of_two(np.int32(whole - half))  # in two steps, as 2**n may be too small for its bits


@in_order
def _loss(total: Array, logit: Array, shift: Array) -> Array:
    return np.log(total) - (logit - shift)


@compiled
def _order(bits: Array) -> Array:
    """Turn the bits of a float into an integer of the same order, and back: integers have a maximum that vectorizes, NaN or not."""
    return np.int32(bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@compiled
def softmax_cross_entropy(x: Array, bits: Array, labels: Array, p: Array, losses: Array) -> None:
    """Softmax of each row of x, whose ``bits`` are given as integers, and its cross-entropy; fills p and losses."""
    for k in range(len(x)):
        row, integers, e = x[k], bits[k], p[k]
        largest = _order(np.float32(-np.inf).view(np.int32))
        for i in range(row.size):
            largest = max(largest, _order(integers[i]))
        shift, total = np.int32(_order(largest)).view(np.float32), np.float32(0)
        for i in range(row.size):
            e[i] = _exp(row[i] - shift)
            total += e[i]
        scale = np.float32(1) / total
        for i in range(row.size):
            e[i] *= scale
        losses[k] = _loss(total, row[labels[k]], shift)
