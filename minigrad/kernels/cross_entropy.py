"""Softmax cross-entropy by blocks of rows that stay in the cache, or compiled by Numba, and its gradient in one pass over memory."""

from __future__ import annotations

import numpy as np

from minigrad.backends import Array, Namespace
from minigrad.kernels import buffers, loops
from minigrad.ops.indexing import check_labels
from minigrad.ops.loss import mean_cross_entropy, softmax_cross_entropy

BLOCK = 1 << 16  #: elements
SMALL = 16.0  #: logits up to this size need not be shifted: neither their exponentials nor the quotients lose digits


@softmax_cross_entropy.kernel()
def forward(xp: Namespace, x: Array, labels: Array, *, label_smoothing: float = 0.0) -> Array:
    if label_smoothing or not x.size or x.dtype.char not in "fd" or not x.flags.c_contiguous or labels.shape != x.shape[:-1]:
        return NotImplemented
    classes = x.shape[-1]
    check_labels("softmax_cross_entropy", labels, classes)
    rows, flat = x.reshape((-1, classes)), labels.reshape(-1)
    p = buffers.empty(x.shape, x.dtype)
    p_rows, losses = p.reshape(rows.shape), np.empty(len(rows), x.dtype)
    fast = loops.find("cross_entropy") if x.dtype.char == "f" else None
    if fast is not None:
        fast.softmax_cross_entropy(rows, rows.view(np.int32), flat, p_rows, losses)
        return losses.reshape(labels.shape), p
    step, ones = max(BLOCK // classes, 1), np.ones(classes, x.dtype)
    for start in range(0, len(rows), step):
        at = slice(start, start + step)
        logits, e, number = rows[at], p_rows[at], np.arange(len(rows[at]))
        small = logits.min() >= -SMALL and logits.max() <= SMALL
        if small:
            np.exp(logits, out=e)
        else:
            np.subtract(logits, logits.max(axis=1, keepdims=True), out=e)
            chosen = e[number, flat[at]]
            np.exp(e, out=e)
        total = e @ ones
        e *= (1 / total)[:, None]
        losses[at] = -np.log(e[number, flat[at]]) if small else np.log(total) - chosen
    return losses.reshape(labels.shape), p


@softmax_cross_entropy.kernel("x")
def backward(g: Array, labels: Array, p: Array, g_p: Array | None = None, *, label_smoothing: float) -> Array:
    if label_smoothing or g_p is not None:
        return NotImplemented
    dx = np.multiply(p, g[..., None], out=buffers.empty(p.shape, p.dtype))
    _rows(dx)[np.arange(labels.size), labels.reshape(-1)] -= g.reshape(-1)
    return dx


@mean_cross_entropy.kernel("x")
def backward_of_mean(g: Array, labels: Array, p: Array, g_p: Array | None = None, *, ignore_index: int, label_smoothing: float) -> Array:
    if label_smoothing or g_p is not None:
        return NotImplemented
    flat = labels.reshape(-1)
    counted = flat != ignore_index
    n = np.count_nonzero(counted)
    scale = g / p.dtype.type(max(n, 1))
    dx = np.multiply(p, scale, out=buffers.empty(p.shape, p.dtype))
    rows = np.arange(flat.size)
    if n < flat.size:
        _rows(dx)[~counted] = 0
        rows, flat = rows[counted], flat[counted]
    _rows(dx)[rows, flat] -= scale
    return dx


def _rows(x: Array) -> Array:
    return x.reshape((-1, x.shape[-1]))
