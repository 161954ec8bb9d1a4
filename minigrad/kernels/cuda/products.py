"""Products of matrices on a GPU: cuBLAS by our own call, which may be captured, in place of CuPy's, which may not."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from minigrad.backends import BACKENDS, Array, Namespace
from minigrad.backends.cublas import TYPES, fits
from minigrad.kernels.cuda.launch import accum_bytes, blocks_for, contiguous, launch
from minigrad.ops.contraction import paired_axes, tensordot
from minigrad.ops.linalg import linear, matmul

NARROW = 64  #: outputs up to which a linear layer's own kernels beat a product and a sum


def product(a: Array, b: Array, out: Array | None = None) -> Array:
    """Return ``a @ b`` for matrices, or equally long stacks of them, of one floating-point dtype."""
    if out is None:
        out = BACKENDS[a.__class__].xp.empty((*a.shape[:-1], b.shape[-1]), dtype=a.dtype)
    if out.size and not a.shape[-1]:
        out.fill(0)
    elif out.size:
        BACKENDS[a.__class__].gemm(readable(a), readable(b), out)  # type: ignore[attr-defined]
    return out


def readable(x: Array) -> Array:
    """Return ``x`` as cuBLAS can read it: itself, or a copy."""
    return x if fits(x) else contiguous(x)


def handled(*arrays: Array) -> bool:
    """Tell whether all arrays are of one dtype that cuBLAS multiplies."""
    return arrays[0].dtype.name in TYPES and all(a.dtype == arrays[0].dtype for a in arrays)


# ---------------------------------------------------------------------------------------------------------- matmul


def stacked(xp: Namespace, a: Array, b: Array) -> Array:
    """Return ``a @ b`` for any numbers of axes, at least two; NotImplemented if the shapes do not fit."""
    if min(a.ndim, b.ndim) < 2 or a.shape[-1] != b.shape[-2] or not handled(a, b):
        return NotImplemented
    if a.ndim == b.ndim == 2:
        return product(a, b)
    try:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        return NotImplemented
    if b.ndim == 2 and a.flags.c_contiguous:  # one matrix for all: a single product of many rows
        return product(a.reshape((prod(batch) * a.shape[-2], a.shape[-1])), b).reshape((*batch, a.shape[-2], b.shape[-1]))
    a, b = (_one_stack(xp, x, batch) for x in (a, b))
    return product(a, b).reshape((*batch, a.shape[-2], b.shape[-1]))


def _one_stack(xp: Namespace, x: Array, batch: tuple[int, ...]) -> Array:
    """Return ``x`` broadcast to ``batch``, with one axis in its place."""
    if all(n == 1 for n in x.shape[:-2]):
        return xp.broadcast_to(x.reshape(x.shape[-2:]), (prod(batch), *x.shape[-2:]))
    return xp.broadcast_to(x, (*batch, *x.shape[-2:])).reshape((prod(batch), *x.shape[-2:]))


@matmul.kernel(device="cuda")
def matmul_forward(xp: Namespace, a: Array, b: Array) -> Array:
    if a.ndim == 1 == b.ndim and a.size == b.size and handled(a, b):
        return product(a.reshape((1, -1)), b.reshape((-1, 1))).reshape(())
    if a.ndim == 1:
        y = stacked(xp, a.reshape((1, -1)), b)
        return y if y is NotImplemented else y.reshape((*y.shape[:-2], y.shape[-1]))
    if b.ndim == 1:
        y = stacked(xp, a, b.reshape((-1, 1)))
        return y if y is NotImplemented else y.reshape(y.shape[:-1])
    return stacked(xp, a, b)


@matmul.kernel("a", device="cuda")
def matmul_d_a(g: Array, b: Array, a_shape: tuple[int, ...]) -> Array:
    if b.ndim < 2 or len(a_shape) < 2 or (len(a_shape) == 2 and b.ndim > 2):
        return NotImplemented
    return stacked(BACKENDS[g.__class__].xp, g, b.swapaxes(-1, -2))


@matmul.kernel("b", device="cuda")
def matmul_d_b(g: Array, a: Array, b_shape: tuple[int, ...]) -> Array:
    if a.ndim < 2 or len(b_shape) < 2 or (len(b_shape) == 2 and a.ndim > 2):
        return NotImplemented
    return stacked(BACKENDS[g.__class__].xp, a.swapaxes(-1, -2), g)


@tensordot.kernel(device="cuda")
def tensordot_forward(xp: Namespace, a: Array, b: Array, *, axes: Any = 2) -> Array:
    over_a, over_b = paired_axes(axes, a.ndim, b.ndim)
    if not handled(a, b) or any(a.shape[i] != b.shape[j] for i, j in zip(over_a, over_b, strict=True)):
        return NotImplemented
    free_a, free_b = [[i for i in range(x.ndim) if i not in over] for x, over in ((a, over_a), (b, over_b))]
    summed = prod(a.shape[i] for i in over_a)
    rows, columns = [prod(x.shape[i] for i in free) for x, free in ((a, free_a), (b, free_b))]
    left = a.transpose((*free_a, *over_a)).reshape((rows, summed))
    right = b.transpose((*over_b, *free_b)).reshape((summed, columns))
    return product(left, right).reshape((*[a.shape[i] for i in free_a], *[b.shape[j] for j in free_b]))


# ---------------------------------------------------------------------------------------------------------- linear


def rows_of(x: Array) -> Array:
    """Return ``x`` as a matrix with its last axis along the rows, contiguous."""
    return contiguous(x.reshape((prod(x.shape[:-1]), x.shape[-1])))


@linear.kernel(device="cuda")
def linear_forward(xp: Namespace, x: Array, weight: Array, bias: Array | None = None) -> Array:
    given = [x, weight] if bias is None else [x, weight, bias]
    if not handled(*given) or weight.ndim != 2 or not x.ndim or x.shape[-1] != weight.shape[1]:
        return NotImplemented
    if bias is not None and bias.shape != weight.shape[:1]:
        return NotImplemented
    rows, (outputs, inputs) = rows_of(x), weight.shape
    if outputs <= NARROW and inputs:
        y = xp.empty((rows.shape[0], outputs), dtype=x.dtype)
        grid = (min(-(-y.size // 8), 4096),)
        args = (rows, contiguous(weight), bias, y, rows.shape[0], inputs, outputs)
        launch("mg_linear_narrow", grid, (256,), args, like=y)
    else:
        y = product(rows, weight.T)
        if bias is not None:
            launch("mg_add_bias", blocks_for(y.size), (256,), (y, bias, y.size, outputs), like=y)
    return y.reshape((*x.shape[:-1], outputs))


@linear.kernel("x", device="cuda")
def linear_d_x(g: Array, weight: Array, x_shape: tuple[int, ...]) -> Array:
    return product(rows_of(g), weight).reshape(x_shape) if handled(g, weight) else NotImplemented


@linear.kernel("weight", "bias", device="cuda")
def linear_gradients(g: Array, x: Array, bias: Array | None) -> Any:
    if not handled(g, x):
        return NotImplemented
    xp = BACKENDS[g.__class__].xp
    g, x = rows_of(g), rows_of(x)
    (rows, outputs), inputs = g.shape, x.shape[1]
    if outputs > NARROW or not inputs:
        return product(g.T, x), None if bias is None else g.sum(axis=0)
    g_weight = xp.empty((outputs, inputs), dtype=g.dtype)
    g_bias = None if bias is None else xp.empty(outputs, dtype=g.dtype)
    args = (g, x, g_weight, g_bias, rows, inputs, outputs)
    launch("mg_linear_narrow_weight", (-(-inputs // 32), outputs), (32, 16), args, like=g, shared=32 * 16 * accum_bytes(g))
    return g_weight, g_bias
