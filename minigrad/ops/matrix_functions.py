"""Functions of matrices that are made of the factorisations: powers, ranks, triangular and least-squares solutions, distances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.backends import Array
from minigrad.core._advice import tells_spelling
from minigrad.core.tensor import Tensor
from minigrad.ops.decomposition import check_square, eigh, identity_like, inv, pinv, slogdet, solve, svd
from minigrad.ops.diagonals import check_matrices, tril, triu
from minigrad.ops.elementwise import where
from minigrad.ops.floating import eps_of, without_wrapping
from minigrad.ops.reduction import vector_norm
from minigrad.ops.shape import broadcast_to, expand_dims

__all__ = ["cdist", "eigvalsh", "logdet", "lstsq", "matrix_norm", "matrix_power", "matrix_rank", "solve_triangular", "svdvals"]


def eigvalsh(x: Array) -> Tensor:
    """Eigenvalues of the symmetric matrix (x + x.mT) / 2, ascending. The gradient is right where they coincide, too."""
    return eigh(x)[0]


def svdvals(x: Array) -> Tensor:
    """Singular values, descending. The gradient is right where they coincide, too."""
    return svd(x)[1]


def logdet(x: Array) -> Tensor:
    """Logarithm of the determinant, nan where that is negative (`slogdet` has its sign and size)."""
    sign, logabsdet = slogdet(x)
    return where(sign < 0, math.nan, logabsdet)


@tells_spelling
def matrix_norm(x: Array, ord: Any = "fro", *, keepdims: bool = False) -> Tensor:
    """Norm of matrices, the last two axes of ``x``.

    Parameters
    ----------
    ord
        ``"fro"``: root of the sum of squares. ``"nuc"``: sum of the singular values. 2, -2: the largest, the smallest of
        them. 1, -1: largest, smallest sum of absolute values down a column. inf, -inf: along a row.

    Raises
    ------
    ValueError
        If ``ord`` is none of these.
    """
    check_matrices("matrix_norm", x)
    if ord == "fro":
        return vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord == "nuc" or ord in (2, -2):
        s = svd(x)[1]
        y = s.sum(axis=-1) if ord == "nuc" else s.max(axis=-1) if ord == 2 else s.min(axis=-1)
    elif ord in (1, -1, np.inf, -np.inf):
        sums = abs(x).sum(axis=-2 if ord in (1, -1) else -1)
        y = sums.max(axis=-1) if ord > 0 else sums.min(axis=-1)
    else:
        raise ValueError(f"matrix_norm: ord is {ord!r}; expected 'fro', 'nuc', 1, -1, 2, -2, inf or -inf")
    return expand_dims(y, axis=(-2, -1)) if keepdims else y


def matrix_power(x: Array, n: int) -> Tensor:
    """The product of ``n`` factors x, by repeated squaring; of the inverse where n is negative.

    Raises
    ------
    ValueError
        If x is no stack of square matrices.
    """
    check_square("matrix_power", x)
    if n == 0:
        return broadcast_to(identity_like(x), shape=x.shape) + x * 0
    factor: Tensor = inv(x) if n < 0 else x + 0
    y, rest = factor, abs(n) - 1
    while rest:
        if rest % 2:
            y = y @ factor
        rest //= 2
        factor = factor @ factor if rest else factor
    return y


def matrix_rank(x: Array, *, rtol: float | Array | None = None) -> Tensor:
    """How many singular values are above ``rtol`` times the largest; rtol is max(m, n) times the dtype's eps unless given. No gradient."""
    s = svdvals(x.detach() if isinstance(x, Tensor) else x)
    rtol = max(x.shape[-2:]) * eps_of(x.dtype) if rtol is None else rtol
    top = s.max(axis=-1, keepdims=True) if s.shape[-1] else s
    return (s > rtol * top).sum(axis=-1)


def solve_triangular(a: Array, b: Array, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """The y with ``a @ y = b`` (``y @ a = b`` without ``left``), for a triangular ``a`` of which the other half is not looked at.

    Parameters
    ----------
    a
        (..., n, n)
    b
        (..., n, k)
    upper
        Whether a is upper triangular; lower otherwise.
    left
        On which side of y the matrix a stands.
    unitriangular
        Whether the diagonal counts as ones, whatever it holds.

    Notes
    -----
    NumPy has no substitution, so this solves as `solve` does, in O(n**3) operations.
    """
    keep, outside = (triu, 1) if upper else (tril, -1)
    half = keep(a, k=outside) + identity_like(a) if unitriangular else keep(a)
    return solve(half, b) if left else solve(half.swapaxes(-1, -2), b.swapaxes(-1, -2)).swapaxes(-1, -2)


def lstsq(a: Array, b: Array, *, rcond: float | None = None) -> Tensor:
    """The y that makes ``a @ y - b`` shortest, and among those the shortest: ``pinv(a) @ b``.

    Parameters
    ----------
    a
        (..., m, n), of any rank.
    b
        (..., m, k), or (m,) for a vector.
    rcond
        Singular values below this times the largest count as zero; max(m, n) times the dtype's eps unless given.

    Notes
    -----
    The gradient holds where the rank stays the same around a. Residuals are ``b - a @ y``, the rank is `matrix_rank`.
    """
    return pinv(a, rcond=max(a.shape[-2:]) * eps_of(a.dtype) if rcond is None else rcond) @ b


def cdist(a: Array, b: Array, p: float = 2) -> Tensor:
    """Distance of each row of a from each row of b: ``y[..., i, j] = vector_norm(a[..., i, :] - b[..., j, :], ord=p)``.

    Where two rows are equal the gradient is 0. All differences are taken at once: memory grows with their number.

    Raises
    ------
    ValueError
        If a row of a is not as long as one of b.
    """
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-1]:
        raise ValueError(f"cdist: a has shape {a.shape} and b {b.shape}; expected (..., m, d) and (..., n, d)")
    a, b = without_wrapping(a), without_wrapping(b)
    return vector_norm(expand_dims(a, axis=-2) - expand_dims(b, axis=-3), axis=-1, ord=p)
