# mypy: disable-error-code="untyped-decorator"
"""All steps of an LSTM in one call, in float32: a step is a product in registers and one pass over its gates.

tanh is a ratio of polynomials, which the compiler computes for a vector at a time.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from minigrad.backends import Array
from minigrad.kernels.loops import OPTIONS
from minigrad.kernels.loops.products import multiply_add, pack

__all__ = ["lstm_backward", "lstm_forward", "pack"]
compiled = numba.njit(**OPTIONS)

ONE, HALF, LARGEST = np.float32(1), np.float32(0.5), np.float32(9.01)  #: from ``LARGEST`` on tanh is 1 in float32
#: tanh(x) = x p(x^2) / q(x^2) up to a relative 2.3e-8: fitted by least squares, weighted where the error was largest
P0, P1, P2, P3, P4 = (np.float32(p) for p in (0.999999977, 0.133744817, 0.00348781873, 2.0481308e-05, 1.3177679e-08))
Q1, Q2, Q3, Q4 = (np.float32(q) for q in (0.467077955, 0.0258474181, 0.000327293255, 7.70411275e-07))


@compiled
def _clamp(x: Array, limit: Any) -> Array:
    """Bring x to +-limit; NaN stays NaN."""
    return limit if x > limit else (-limit if x < -limit else x)


@compiled
def tanh(x: Array) -> Array:
    """tanh of a number in float32, up to seven units in the last place."""
    x = _clamp(x, LARGEST)
    s = x * x
    ratio = (P0 + s * (P1 + s * (P2 + s * (P3 + s * P4)))) / (ONE + s * (Q1 + s * (Q2 + s * (Q3 + s * Q4))))
    return _clamp(x * ratio, ONE)


@compiled
def _sigmoid(x: Array) -> Array:
    return HALF * tanh(HALF * x) + HALF


@compiled
def lstm_forward(x: Array, h0: Array, c0: Array, w: Array, h: Array, c: Array, gates: Array) -> None:
    """Fill h, c and gates. ``w`` is the panels of the transposed weight."""
    steps, n, hidden = h.shape
    h_before, c_before = h0, c0
    for t in range(steps):
        multiply_add(h_before, w, x[t], gates[t])
        for k in range(n):
            row, before, c_k, h_k = gates[t, k], c_before[k], c[t, k], h[t, k]
            i, f, u, o = row[:hidden], row[hidden : 2 * hidden], row[2 * hidden : 3 * hidden], row[3 * hidden :]
            for j in range(hidden):
                i[j], f[j], u[j], o[j] = _sigmoid(i[j]), _sigmoid(f[j]), tanh(u[j]), _sigmoid(o[j])
                c_k[j] = f[j] * before[j] + i[j] * u[j]
                h_k[j] = o[j] * tanh(c_k[j])
        h_before, c_before = h[t], c[t]


@compiled
def lstm_backward(g_h: Array, g_c: Array, c0: Array, c: Array, gates: Array, w: Array, da: Array, dh: Array, dc: Array) -> None:
    """Fill da, the cotangent of what the gates are activations of, and bring dh and dc from zero to those of h0 and c0.

    ``w`` is the panels of the weight; ``g_c`` has no steps where nothing depends on c.
    """
    steps, n, hidden = c.shape
    dh += g_h[steps - 1]
    for t in range(steps - 1, -1, -1):
        c_before = c[t - 1] if t else c0
        if g_c.shape[0]:
            dc += g_c[t]
        for k in range(n):
            row, d, before, c_k, dh_k, dc_k = gates[t, k], da[t, k], c_before[k], c[t, k], dh[k], dc[k]
            i, f, u, o = row[:hidden], row[hidden : 2 * hidden], row[2 * hidden : 3 * hidden], row[3 * hidden :]
            d_i, d_f, d_u, d_o = d[:hidden], d[hidden : 2 * hidden], d[2 * hidden : 3 * hidden], d[3 * hidden :]
            for j in range(hidden):
                tanh_c = tanh(c_k[j])
                g = dc_k[j] + dh_k[j] * o[j] * (ONE - tanh_c * tanh_c)
                d_i[j] = g * u[j] * i[j] * (ONE - i[j])
                d_f[j] = g * before[j] * f[j] * (ONE - f[j])
                d_u[j] = g * i[j] * (ONE - u[j] * u[j])
                d_o[j] = dh_k[j] * tanh_c * o[j] * (ONE - o[j])
                dc_k[j] = g * f[j]
        if t:
            dh[:] = g_h[t - 1]
        else:
            dh[:] = 0
        multiply_add(da[t], w, dh, dh)
