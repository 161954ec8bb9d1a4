"""LSTM steps written into place: per step one product with the weight, one tanh, and a few passes over the cache.

sigmoid(a) = tanh(a / 2) / 2 + 1 / 2, so one tanh serves all four gates: the columns of i, f and o are halved before it
(once for all steps, in the inputs and in the weight) and brought to (0, 1) after it.

With Numba all steps in float32 are one call of a compiled loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.backends import Array, DType, Namespace
from minigrad.kernels import buffers, loops
from minigrad.ops.recurrent import check_shapes, lstm


@lstm.kernel()
def forward(xp: Namespace, x: Array, h0: Array, c0: Array, w: Array, w_proj: Array | None = None) -> Array:
    if not _fits(x, h0, c0, w) or w_proj is not None:
        return NotImplemented
    check_shapes("lstm", x, h0, w, 4, c0=c0)
    steps, n, width = x.shape
    h, c, gates = (buffers.empty((steps, n, k), x.dtype) for k in (width // 4, width // 4, width))
    fast = _compiled(x.dtype)
    if fast is not None:
        fast.lstm_forward(*_plain(x, h0, c0), fast.pack(w.T), h, c, gates)
    else:
        _forward(x, h0, c0, w, h, c, gates)
    return h, c, gates


def _forward(x: Array, h0: Array, c0: Array, w: Array, h: Array, c: Array, gates: Array) -> None:
    """Fill h, c and gates."""
    steps, n, hidden = h.shape
    halved = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], x.dtype), hidden)
    shift = 1 - halved
    np.multiply(x, halved, out=gates)
    weight = np.ascontiguousarray(w.T) * halved
    a, product = np.empty((n, 4 * hidden), x.dtype), np.empty((n, hidden), x.dtype)
    h_t, c_t = h0, c0
    for t in range(steps):
        gate = gates[t]
        np.matmul(h_t, weight, out=a)
        a += gate
        np.tanh(a, out=a)
        np.multiply(a, halved, out=gate)
        gate += shift
        i, f, u, o = (gate[:, k * hidden : (k + 1) * hidden] for k in range(4))
        np.multiply(i, u, out=product)
        c_t = np.multiply(f, c_t, out=c[t])
        c_t += product
        np.tanh(c_t, out=product)
        h_t = np.multiply(o, product, out=h[t])


@lstm.kernel("x", "h0", "c0", "w", "w_proj")
def backward(
    g_h: Array,
    h0: Array,
    c0: Array,
    w: Array,
    w_proj: Array,
    h: Array,
    c: Array,
    gates: Array,
    g_c: Array | None = None,
    g_gates: Array | None = None,
) -> Any:
    if not _fits(g_h, h0, c0, w, h) or w_proj is not None or g_gates is not None:
        return NotImplemented
    n, hidden = h0.shape
    da, dh, dc = buffers.empty(gates.shape, h.dtype), np.zeros((n, hidden), h.dtype), np.zeros((n, hidden), h.dtype)
    fast = _compiled(h.dtype)
    if fast is not None:
        g_c = h[:0] if g_c is None else g_c
        fast.lstm_backward(*_plain(g_h, g_c, c0, c, gates), fast.pack(w), da, dh, dc)
    else:
        _backward(g_h, g_c, c0, c, gates, w, da, dh, dc)
    rows = da.reshape((-1, 4 * hidden))
    dw = rows[n:].T @ h[:-1].reshape((-1, hidden))
    dw += da[0].T @ h0
    return da, dh, dc, dw, None


def _backward(g_h: Array, g_c: Array, c0: Array, c: Array, gates: Array, w: Array, da: Array, dh: Array, dc: Array) -> None:
    """Fill da, the cotangent of what the gates are activations of, and bring dh and dc from zero to those of h0 and c0."""
    steps, n, hidden = c.shape
    tanh_c, part, slope = np.empty_like(dh), np.empty_like(dh), np.empty((n, 4 * hidden), c.dtype)
    slope_of_u = slope[:, 2 * hidden : 3 * hidden]
    for t in range(steps - 1, -1, -1):
        gate, d = gates[t], da[t]
        i, f, u, o = (gate[:, k * hidden : (k + 1) * hidden] for k in range(4))
        d_i, d_f, d_u, d_o = (d[:, k * hidden : (k + 1) * hidden] for k in range(4))
        dh += g_h[t]
        np.tanh(c[t], out=tanh_c)
        np.multiply(dh, tanh_c, out=d_o)
        np.multiply(tanh_c, tanh_c, out=part)  # dc += dh o (1 - tanh(c)^2)
        np.subtract(1, part, out=part)
        part *= o
        part *= dh
        dc += part
        if g_c is not None:
            dc += g_c[t]
        np.multiply(dc, u, out=d_i)
        np.multiply(dc, c[t - 1] if t else c0, out=d_f)
        np.multiply(dc, i, out=d_u)
        np.multiply(gate, gate, out=slope)  # s - s^2 for the sigmoids, 1 - u^2 for the tanh
        np.subtract(1, slope_of_u, out=part)
        np.subtract(gate, slope, out=slope)
        slope_of_u[...] = part
        d *= slope
        np.matmul(d, w, out=dh)
        dc *= f


def _compiled(dtype: DType) -> Array:
    """Return the compiled loops for arrays of this dtype, or None."""
    return loops.find("recurrent") if dtype == np.float32 else None


def _plain(*arrays: Array) -> list[Array]:
    """Return the arrays, or copies of those that are not contiguous or may not be written to: loops are compiled for one kind."""
    return [np.require(a, requirements=["C", "W"]) for a in arrays]


def _fits(*arrays: Array) -> bool:
    """Tell whether all arrays are of one floating-point dtype that BLAS knows."""
    return len({a.dtype for a in arrays}) == 1 and arrays[0].dtype.char in "fd"
