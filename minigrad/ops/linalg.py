"""Products of matrices and vectors: matmul, linear, outer, vecdot, cross, kron.

A product is linear in each operand, so the gradient for one of them is a product of the cotangent with the other: each
formula is written with these same ops, and so is its derivative. Sums over other axes are in `minigrad.ops.contraction`,
factorisations and what follows from them (inv, solve, det, eigh, ...) in `minigrad.ops.decomposition`.
"""

from __future__ import annotations

from math import prod

from minigrad.backends import Array, Namespace
from minigrad.core._messages import shape_of
from minigrad.core.op import op
from minigrad.core.tensor import Tensor
from minigrad.ops.contraction import tensordot
from minigrad.ops.shape import expand_dims

__all__ = ["cross", "dot", "kron", "linear", "matmul", "outer", "vecdot"]


# ---------------------------------------------------------------------------------------------------------- matmul


@op(broadcasts=True)
def matmul(xp: Namespace, a: Array, b: Array) -> Array:
    """Product of matrices: ``y[..., i, j] = sum_k a[..., i, k] b[..., k, j]``.

    The axes before the last two broadcast. A 1-d ``a`` is a row, a 1-d ``b`` a column, and the axis that this stands
    for is absent from the result.

    Raises
    ------
    ValueError
        If an operand is 0-d or the shapes do not fit.
    """
    try:
        return xp.matmul(a, b)
    except ValueError:
        raise ValueError(
            f"matmul: a has shape {shape_of(a)} and b {shape_of(b)}; the last axis of a must be as long as the last but one of b "
            "(its only one if b is 1-d), the axes before them must broadcast, and neither may be 0-d (use * there)"
        ) from None


@matmul.vjp("a")
def matmul_d_a(g: Array, b: Array, a_shape: tuple[int, ...]) -> Array:
    if b.ndim == 1:
        return g.reshape((*g.shape, 1)) * b
    if len(a_shape) == 1 or (len(a_shape) == 2 and b.ndim > 2):  # one a for a whole batch: contract the batch at once
        batch = range(b.ndim - 2)
        return tensordot(g, b, axes=((*batch, -1), (*batch, -1)))
    return g @ b.swapaxes(-1, -2)


@matmul.vjp("b")
def matmul_d_b(g: Array, a: Array, b_shape: tuple[int, ...]) -> Array:
    if a.ndim == 1:
        return a * g if len(b_shape) == 1 else a.reshape((-1, 1)) * g.reshape((*g.shape[:-1], 1, g.shape[-1]))
    if len(b_shape) == 1 or (len(b_shape) == 2 and a.ndim > 2):  # one b for a whole batch
        return tensordot(a, g, axes=(range(a.ndim - 1), range(a.ndim - 1)))
    return a.swapaxes(-1, -2) @ g


@op
def linear(xp: Namespace, x: Array, weight: Array, bias: Array | None = None) -> Array:
    """Affine map of the last axis: ``y[..., o] = sum_i x[..., i] weight[o, i] + bias[o]``.

    ``weight`` has PyTorch's layout (out, in). Every axis of ``x`` but the last counts as batch, and the batch is
    flattened into the rows of one matrix product.

    Raises
    ------
    ValueError
        If the last axis of ``x`` is not as long as that of ``weight``, or ``bias`` has not one value for each output.
    """
    if weight.ndim != 2 or x.ndim == 0 or x.shape[-1] != weight.shape[1]:
        raise ValueError(f"linear: x has shape {x.shape} and weight {weight.shape}; expected (..., in) and (out, in)")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: bias has shape {bias.shape}; weight {weight.shape} needs {weight.shape[:1]}")
    y = _rows(x) @ weight.T
    y = y if bias is None else y + bias
    return y.reshape((*x.shape[:-1], weight.shape[0]))


linear.vjp(x=lambda g, weight, x_shape: (_rows(g) @ weight).reshape(x_shape))


@linear.vjp("weight", "bias")  # together, as a GPU can compute both in one pass over g
def linear_gradients(g: Array, x: Array, bias: Array) -> tuple[Array, ...]:
    rows = _rows(g)
    return rows.swapaxes(0, 1) @ _rows(x), None if bias is None else rows.sum(axis=0)


def _rows(x: Array) -> Array:
    """Return ``x`` as a matrix with the last axis of ``x`` along its rows."""
    return x.reshape((prod(x.shape[:-1]), x.shape[-1]))


# ------------------------------------------------------------------------------------------------- products of vectors


@op
def outer(xp: Namespace, a: Array, b: Array) -> Array:
    """Outer product of two vectors: ``y[i, j] = a[i] b[j]``.

    Raises
    ------
    ValueError
        If an operand is not 1-d.
    """
    if a.ndim != 1 or b.ndim != 1:
        raise ValueError(f"outer: a has shape {a.shape} and b {b.shape}; expected two 1-d arrays")
    return xp.outer(a, b)


outer.vjp(a=lambda g, b: g @ b, b=lambda g, a: a @ g)


@op(broadcasts=True)
def vecdot(xp: Namespace, a: Array, b: Array, *, axis: int = -1) -> Array:
    """Inner product along one axis, the others broadcast: ``sum(a * b, axis)``.

    Raises
    ------
    ValueError
        If the axis is not negative (it counts from the end, where broadcasting lines axes up) or differs in length.
    """
    if not -min(a.ndim, b.ndim) <= axis < 0 or a.shape[axis] != b.shape[axis]:
        raise ValueError(f"vecdot: a has shape {a.shape} and b {b.shape}; axis {axis} must be negative, in both, and equally long")
    return (a * b).sum(axis=axis, dtype=xp.result_type(a, b))  # small integers stay small, as in a matrix product


vecdot.vjp(
    a=lambda g, b, *, axis: expand_dims(g, axis=axis) * b,
    b=lambda g, a, *, axis: expand_dims(g, axis=axis) * a,
)


@op(broadcasts=True)
def cross(xp: Namespace, a: Array, b: Array, *, axis: int = -1) -> Array:
    """Cross product of vectors with three elements along ``axis``; the other axes broadcast.

    Raises
    ------
    ValueError
        If the axis is not negative or not 3 long in both.
    """
    if not -min(a.ndim, b.ndim) <= axis < 0 or a.shape[axis] != 3 or b.shape[axis] != 3:
        raise ValueError(f"cross: a has shape {a.shape} and b {b.shape}; axis {axis} must be negative and 3 long in both")
    return xp.cross(a, b, axis=axis)


cross.vjp(
    a=lambda g, b, *, axis: cross(b, g, axis=axis),  # a triple product keeps its value when its factors rotate
    b=lambda g, a, *, axis: cross(g, a, axis=axis),
)


@op
def kron(xp: Namespace, a: Array, b: Array) -> Array:
    """Kronecker product: every element of ``a`` times the whole of ``b``, ``y[i n_b + j] = a[i] b[j]`` along each axis."""
    dtype = xp.result_type(a, b)  # of a tensor, beside a number of Python's
    return xp.kron(xp.asarray(a, dtype=dtype), xp.asarray(b, dtype=dtype))


@kron.vjp("a")
def kron_d_a(g: Array, b: Array, a_shape: tuple[int, ...]) -> Array:
    n = max(len(a_shape), b.ndim)
    odd = range(1, 2 * n, 2)
    return tensordot(_interleaved(g, a_shape, b.shape), b.reshape(_filled(b.shape, n)), axes=(odd, range(n))).reshape(a_shape)


@kron.vjp("b")
def kron_d_b(g: Array, a: Array, b_shape: tuple[int, ...]) -> Array:
    n = max(a.ndim, len(b_shape))
    even = range(0, 2 * n, 2)
    return tensordot(_interleaved(g, a.shape, b_shape), a.reshape(_filled(a.shape, n)), axes=(even, range(n))).reshape(b_shape)


def _interleaved(g: Array, a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> Array:
    """Split each axis of a Kronecker product into that of ``a`` and that of ``b``."""
    n = g.ndim
    pairs = zip(_filled(a_shape, n), _filled(b_shape, n), strict=True)
    return g.reshape(tuple(length for pair in pairs for length in pair))


def _filled(shape: tuple[int, ...], n: int) -> tuple[int, ...]:
    return (1,) * (n - len(shape)) + shape


def dot(a: Array, b: Array) -> Tensor:
    """NumPy's dot: the inner product of vectors, the product of matrices; generally ``y[i.., j..] = sum_k a[i.., k] b[.., k, j]``."""
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    return tensordot(a, b, axes=((-1,), (-1,) if b.ndim == 1 else (-2,)))
