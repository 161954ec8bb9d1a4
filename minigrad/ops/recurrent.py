"""Recurrent ops: a whole sequence of steps is one op, whose formula walks the steps backward.

A graph of one node for each elementary step would spend its time on nodes. As one op, the products with the weights
are gathered: the gradient for the recurrent weight is a single product over all steps. What the formulas need of the
forward pass are outputs of the op (the activated gates), and so citizens of the graph.

Time is the first axis; N is the batch, H the number of hidden values. ``x`` holds what the inputs contribute to each
step, W_ih x_t + b, computed for all steps at once by `minigrad.ops.linear`. Products are the op `matmul`, also of plain
arrays, as a GPU has a form of it that can be captured. `minigrad.nn.LSTM`, `GRU` and `RNN` add
layers, directions and biases.
"""

from __future__ import annotations

from typing import Any

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.contraction import tensordot
from minigrad.ops.elementwise import tanh
from minigrad.ops.joining import concat, split, stack
from minigrad.ops.linalg import matmul
from minigrad.ops.shape import expand_dims

__all__ = ["gru", "lstm", "rnn"]


@op(outputs=("h", "c", "gates"))
def lstm(xp: Namespace, x: Array, h0: Array, c0: Array, w: Array, w_proj: Array | None = None) -> tuple[Array, Array, Array]:
    """Long short-term memory (Hochreiter and Schmidhuber, 1997, with the forget gate of Gers et al., 2000).

    With a_t = x_t + W h_{t-1} cut into four along the last axis:
    i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o);  u = tanh(a_u);  c_t = f c_{t-1} + i u;  h_t = o tanh(c_t),
    which is multiplied by ``w_proj`` if that is given.

    Parameters
    ----------
    x : (T, N, 4 H), in the order i, f, u, o
    h0 : (N, H), or (N, P) where there is a projection
    c0 : (N, H)
    w : (4 H, H), or (4 H, P)
    w_proj : (P, H)

    Returns
    -------
    h : (T, N, H) or (T, N, P)
    c : (T, N, H)
    gates : (T, N, 4 H), i, f, u and o
    """
    check_shapes("lstm", x, h0, w, 4, c0=c0, w_proj=w_proj)
    hidden = c0.shape[-1]
    h = xp.empty((*x.shape[:2], h0.shape[-1]), x.dtype)
    c = xp.empty((*x.shape[:2], hidden), x.dtype)
    gates = xp.empty_like(x)
    h_t, c_t = h0, c0
    for t in range(x.shape[0]):
        a = x[t] + matmul(h_t, w.T)
        i, f, o = (_sigmoid(xp, a[:, k * hidden : (k + 1) * hidden]) for k in (0, 1, 3))
        u = xp.tanh(a[:, 2 * hidden : 3 * hidden])
        gates[t] = xp.concatenate([i, f, u, o], axis=-1)
        c[t] = c_t = f * c_t + i * u
        h_t = o * xp.tanh(c_t)
        h[t] = h_t = h_t if w_proj is None else matmul(h_t, w_proj.T)
    return h, c, gates


@lstm.vjp("x", "h0", "c0", "w", "w_proj")
def lstm_gradients(
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
) -> tuple[Array, ...]:
    dh: Any = 0  # what later steps contribute to the cotangents of h_t and c_t
    dc: Any = 0
    da, before_projection, d_projected = [], [], []
    for t in reversed(range(h.shape[0])):
        i, f, u, o = split(gates[t], 4, axis=-1)
        tanh_c = tanh(c[t])
        dh = g_h[t] + dh
        if w_proj is not None:
            before_projection.append(o * tanh_c)
            d_projected.append(dh)
            dh = matmul(dh, w_proj)
        dc = dh * o * (1 - tanh_c * tanh_c) + dc
        if g_c is not None:
            dc = dc + g_c[t]
        d_gates = concat([dc * u, dc * (c[t - 1] if t else c0), dc * i, dh * tanh_c], axis=-1)
        if g_gates is not None:
            d_gates = d_gates + g_gates[t]
        da.append(d_gates * concat([i * (1 - i), f * (1 - f), 1 - u * u, o * (1 - o)], axis=-1))
        dh = matmul(da[-1], w)
        dc = dc * f
    dx = stack(da[::-1])
    dw_proj = None if w_proj is None else _over_steps(stack(d_projected), stack(before_projection))
    return dx, dh, dc, _over_steps(dx, _previous(h0, h)), dw_proj


@op(outputs=("h", "gates", "inner"))
def gru(xp: Namespace, x: Array, h0: Array, w: Array, b: Array | None = None) -> tuple[Array, Array, Array]:
    """Gated recurrent unit (Cho et al., 2014, with the reset gate after the product, as in PyTorch and cuDNN).

    With a_t = W h_{t-1} + b, and x_t and a_t cut into three along the last axis:
    r, z = sigmoid(x_r + a_r), sigmoid(x_z + a_z);  n = tanh(x_n + r a_n);  h_t = (1 - z) n + z h_{t-1}.

    Parameters
    ----------
    x : (T, N, 3 H), in the order r, z, n
    h0 : (N, H)
    w : (3 H, H)
    b : (3 H,)

    Returns
    -------
    h : (T, N, H)
    gates : (T, N, 3 H), r, z and n
    inner : (T, N, H), a_n
    """
    check_shapes("gru", x, h0, w, 3, b=b)
    hidden = h0.shape[-1]
    h = xp.empty((*x.shape[:2], hidden), x.dtype)
    inner, gates = xp.empty_like(h), xp.empty_like(x)
    h_t = h0
    for t in range(x.shape[0]):
        a = matmul(h_t, w.T) if b is None else matmul(h_t, w.T) + b
        r, z = (_sigmoid(xp, (x[t] + a)[:, k * hidden : (k + 1) * hidden]) for k in (0, 1))
        inner[t] = a[:, 2 * hidden :]
        n = xp.tanh(x[t, :, 2 * hidden :] + r * inner[t])
        gates[t] = xp.concatenate([r, z, n], axis=-1)
        h[t] = h_t = (1 - z) * n + z * h_t
    return h, gates, inner


@gru.vjp("x", "h0", "w", "b")
def gru_gradients(
    g_h: Array,
    h0: Array,
    w: Array,
    b: Array,
    h: Array,
    gates: Array,
    inner: Array,
    g_gates: Array | None = None,
    g_inner: Array | None = None,
) -> tuple[Array, ...]:
    dh: Any = 0
    dx, da = [], []
    for t in reversed(range(h.shape[0])):
        r, z, n = split(gates[t], 3, axis=-1)
        dh = g_h[t] + dh
        dn, dz = dh * (1 - z), dh * ((h[t - 1] if t else h0) - n)
        dr_from_gate: Any = 0
        if g_gates is not None:
            dr_from_gate, dz_from_gate, dn_from_gate = split(g_gates[t], 3, axis=-1)
            dz, dn = dz + dz_from_gate, dn + dn_from_gate
        dn = dn * (1 - n * n)
        dr = (dn * inner[t] + dr_from_gate) * r * (1 - r)
        dz = dz * z * (1 - z)
        d_inner = dn * r if g_inner is None else dn * r + g_inner[t]
        dx.append(concat([dr, dz, dn], axis=-1))
        da.append(concat([dr, dz, d_inner], axis=-1))
        dh = dh * z + matmul(da[-1], w)
    d_product = stack(da[::-1])
    return stack(dx[::-1]), dh, _over_steps(d_product, _previous(h0, h)), None if b is None else d_product.sum(axis=(0, 1))


@op
def rnn(xp: Namespace, x: Array, h0: Array, w: Array, *, nonlinearity: str = "tanh") -> Array:
    """Plain recurrence: h_t = tanh(x_t + W h_{t-1}), or max(., 0) where ``nonlinearity`` is "relu" (0 at 0: slope 0).

    Parameters
    ----------
    x : (T, N, H)
    h0 : (N, H)
    w : (H, H)

    Returns
    -------
    y : (T, N, H), every h_t
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"rnn: unknown nonlinearity {nonlinearity!r}: expected 'tanh' or 'relu'")
    check_shapes("rnn", x, h0, w, 1)
    y = xp.empty_like(x)
    h_t = h0
    for t in range(x.shape[0]):
        a = x[t] + matmul(h_t, w.T)
        y[t] = h_t = xp.tanh(a) if nonlinearity == "tanh" else xp.maximum(a, 0)
    return y


@rnn.vjp("x", "h0", "w")
def rnn_gradients(g: Array, h0: Array, w: Array, y: Array, *, nonlinearity: str) -> tuple[Array, ...]:
    dh: Any = 0
    dx = []
    for t in reversed(range(y.shape[0])):
        dx.append((g[t] + dh) * (1 - y[t] * y[t] if nonlinearity == "tanh" else y[t] > 0))
        dh = matmul(dx[-1], w)
    stacked = stack(dx[::-1])
    return stacked, dh, _over_steps(stacked, _previous(h0, y))


def _sigmoid(xp: Namespace, a: Array) -> Array:
    """1 / (1 + e**-a) in a form that cannot overflow."""
    return 0.5 * xp.tanh(0.5 * a) + 0.5


def _previous(h0: Array, h: Array) -> Array:
    """The state before each step."""
    return concat([expand_dims(h0, 0), h[:-1]])


def _over_steps(da: Array, h: Array) -> Array:
    """The gradient for a weight W where a_t = W h_t: the sum of the outer products over steps and batch, as one product."""
    return tensordot(da, h, axes=((0, 1), (0, 1)))


def check_shapes(name: str, x: Array, h0: Array, w: Array, gates: int, **others: Array) -> None:
    """Raise a ValueError that names the array whose shape does not fit."""
    if x.ndim != 3 or not x.shape[0] or x.shape[2] % gates:
        raise ValueError(f"{name}: x has shape {x.shape}; expected (T, N, {gates if gates > 1 else ''} H) with at least one step")
    n, hidden = x.shape[1], x.shape[2] // gates
    projection = others.get("w_proj")
    out = hidden if projection is None else projection.shape[0]
    expected = {"h0": (n, out), "c0": (n, hidden), "w": (gates * hidden, out), "b": (gates * hidden,), "w_proj": (out, hidden)}
    for what, array in {"h0": h0, "w": w, **others}.items():
        if array is not None and array.shape != expected[what]:
            raise ValueError(f"{name}: {what} has shape {array.shape}; x of shape {x.shape} needs {expected[what]}")
