"""Affine maps with a large result: written into memory that is used again, the bias added in place.

Small results are left to the op, whose fresh arrays cost nothing.
"""

from __future__ import annotations

from math import prod

import numpy as np

from minigrad.backends import Array, Namespace
from minigrad.kernels import buffers
from minigrad.ops.linalg import linear

LARGE = 1 << 20  #: bytes of a result, from which fresh memory costs page faults


@linear.kernel()
def forward(xp: Namespace, x: Array, weight: Array, bias: Array | None = None) -> Array:
    if weight.ndim != 2 or x.ndim == 0 or x.size * len(weight) * x.itemsize < LARGE * x.shape[-1]:
        return NotImplemented
    if not _fits(x, weight, bias) or x.shape[-1] != weight.shape[1] or (bias is not None and bias.shape != weight.shape[:1]):
        return NotImplemented  # the op says what is wrong
    rows = _rows(x)
    y = np.matmul(rows, weight.T, out=buffers.empty((len(rows), len(weight)), x.dtype))
    if bias is not None:
        y += bias
    return y.reshape((*x.shape[:-1], len(weight)))


@linear.kernel("x")
def input_gradient(g: Array, weight: Array, x_shape: tuple[int, ...]) -> Array:
    if prod(x_shape) * g.itemsize < LARGE or not _fits(g, weight):
        return NotImplemented
    rows = _rows(g)
    return np.matmul(rows, weight, out=buffers.empty((len(rows), weight.shape[1]), g.dtype)).reshape(x_shape)


def _fits(*arrays: Array) -> bool:
    """Whether all arrays that are there have one dtype, and one that BLAS knows."""
    kind = arrays[0].dtype
    return kind.char in "fd" and all(a is None or a.dtype == kind for a in arrays)


def _rows(x: Array) -> Array:
    return x.reshape((prod(x.shape[:-1]), x.shape[-1]))
