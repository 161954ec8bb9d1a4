"""Triangles and diagonals of matrices: the last two axes; those before them are a stack of matrices."""

from __future__ import annotations

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.core.tensor import Tensor

__all__ = ["diag", "diag_embed", "diagonal", "trace", "tril", "triu"]


def check_matrices(name: str, x: Array) -> None:
    """Raise a ValueError for a vector or a number: NumPy would make a matrix of it."""
    if x.ndim < 2:
        raise ValueError(f"{name}: x has shape {x.shape}; expected matrices (..., m, n), which have at least two axes")


@op
def tril(xp: Namespace, x: Array, *, k: int = 0) -> Array:
    """x on and below diagonal k, 0 above it."""
    check_matrices("tril", x)
    return xp.tril(x, k)


@tril.vjp("x")
def tril_d_x(g: Array, *, k: int) -> Array:
    return tril(g, k=k)


@op
def triu(xp: Namespace, x: Array, *, k: int = 0) -> Array:
    """x on and above diagonal k, 0 below it."""
    check_matrices("triu", x)
    return xp.triu(x, k)


@triu.vjp("x")
def triu_d_x(g: Array, *, k: int) -> Array:
    return triu(g, k=k)


@op
def diagonal(xp: Namespace, x: Array, *, offset: int = 0) -> Array:
    """The elements x[..., i, i + offset]."""
    check_matrices("diagonal", x)
    return xp.diagonal(x, offset, -2, -1)


@diagonal.vjp("x")
def diagonal_d_x(g: Array, x_shape: tuple[int, ...], *, offset: int) -> Array:
    return diag_embed(g, offset=offset, shape=x_shape[-2:])


@op
def diag_embed(xp: Namespace, x: Array, *, offset: int = 0, shape: tuple[int, ...] | None = None) -> Array:
    """Matrices of the given shape with x on the diagonal at ``offset``, and 0 elsewhere.

    Without ``shape`` they are square and just large enough.
    """
    if x.ndim < 1:
        raise ValueError(f"diag_embed: x has shape {x.shape}; at least one axis is needed")
    n = x.shape[-1]
    rows, columns = shape or (n + abs(offset),) * 2
    if n != max(0, min(rows + min(offset, 0), columns - max(offset, 0))):
        raise ValueError(f"diag_embed: the diagonal at {offset} of a {rows} x {columns} matrix does not have length {n}")
    y = xp.zeros((*x.shape[:-1], rows, columns), dtype=x.dtype)
    i = xp.arange(n)
    y[..., i - min(offset, 0), i + max(offset, 0)] = x
    return y


@diag_embed.vjp("x")
def diag_embed_d_x(g: Array, *, offset: int) -> Array:
    return diagonal(g, offset=offset)


def diag(x: Array, offset: int = 0) -> Tensor:
    """Return the diagonal of a matrix, or the matrix with this diagonal (as ``numpy.diag``)."""
    ndim = len(x.shape)
    if ndim not in (1, 2):
        raise ValueError(f"diag: x has shape {tuple(x.shape)}; one or two axes are needed (see diagonal, diag_embed)")
    return diag_embed(x, offset=offset) if ndim == 1 else diagonal(x, offset=offset)


def trace(x: Array, offset: int = 0) -> Tensor:
    """Sum of the elements x[..., i, i + offset]."""
    return diagonal(x, offset=offset).sum(axis=-1)
