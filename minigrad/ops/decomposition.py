"""Factorisations of matrices and what follows from them: det, inv, solve, cholesky, eigh, qr, svd, pinv.

All work on the last two axes; those before them are a stack of matrices. The formulas are in M. Giles, "An extended
collection of matrix derivative results for forward and reverse mode algorithmic differentiation" (2008), unless another
source is named. Two things that a factorisation leaves open are settled here:

* Eigenvectors, singular vectors and the columns of Q may be multiplied by -1. The signs are chosen (see each op), so
  that the outputs are functions of the input, with a derivative that finite differences can check.
* Where eigenvalues or singular values coincide, their vectors are no differentiable function of the matrix, and their
  gradient is infinite or NaN. The gradient of the values alone is right even there.

A singular matrix where a regular one is needed raises LinAlgError on the CPU; on a GPU, where the check would wait for
the result, it gives Inf or NaN.
"""

from __future__ import annotations

import numpy as np

from minigrad.backends import Array, Namespace, namespace
from minigrad.core.op import op
from minigrad.core.tensor import array_of
from minigrad.ops.diagonals import check_matrices, tril
from minigrad.ops.joining import concat
from minigrad.ops.shape import expand_dims

__all__ = ["cholesky", "det", "eigh", "inv", "pinv", "qr", "slogdet", "solve", "svd"]


def _t(x: Array) -> Array:
    return x.swapaxes(-1, -2)


def _columns(x: Array) -> Array:
    """Turn numbers into a factor for each column of a matrix."""
    return expand_dims(x, axis=-2)


def _rows(x: Array) -> Array:
    """Turn numbers into a factor for each row of a matrix."""
    return expand_dims(x, axis=-1)


def _symmetric(x: Array) -> Array:
    return (x + _t(x)) / 2


def identity_like(like: Array) -> Array:
    """Return the identity matrix with as many rows as the last axis of ``like`` is long."""
    like = array_of(like)
    return namespace(like).eye(like.shape[-1], dtype=like.dtype)


def check_square(name: str, x: Array) -> None:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{name}: x has shape {x.shape}; expected square matrices (..., n, n)")


# ----------------------------------------------------------------------------------------- inverse, determinant, solve


@op
def inv(xp: Namespace, x: Array) -> Array:
    """Inverse of a matrix."""
    check_square("inv", x)
    return xp.linalg.inv(x)


inv.vjp(x=lambda g, y: -(_t(y) @ g @ _t(y)))


@op
def det(xp: Namespace, x: Array) -> Array:
    """Determinant. Its gradient needs the inverse, so the matrix must be regular to be differentiated."""
    check_square("det", x)
    return xp.linalg.det(x)


det.vjp(x=lambda g, x, y: expand_dims(g * y, axis=(-2, -1)) * _t(inv(x)))


@op(outputs=("sign", "logabsdet"))
def slogdet(xp: Namespace, x: Array) -> tuple[Array, Array]:
    """Sign of the determinant, and logarithm of its absolute value. The sign has a zero gradient."""
    check_square("slogdet", x)
    sign, logabsdet = xp.linalg.slogdet(x)
    return sign, logabsdet


slogdet.vjp(x=lambda g_logabsdet, x: expand_dims(g_logabsdet, axis=(-2, -1)) * _t(inv(x)))


@op(broadcasts=True)
def solve(xp: Namespace, a: Array, b: Array) -> Array:
    """The y with ``a @ y = b``, for square ``a``.

    Parameters
    ----------
    a
        (..., n, n)
    b
        (..., n, k), or (n,) for a vector. The axes before broadcast.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    vector = b.ndim == 1
    columns = b[:, None] if vector else b
    if a.ndim < 2 or b.ndim < 1 or a.shape[-2:] != (columns.shape[-2],) * 2:
        raise ValueError(f"solve: a has shape {a.shape} and b {b.shape}; expected (..., n, n) and (..., n, k) or (n,)")
    batch = np.broadcast_shapes(a.shape[:-2], columns.shape[:-2])
    y = xp.linalg.solve(xp.broadcast_to(a, batch + a.shape[-2:]), xp.broadcast_to(columns, batch + columns.shape[-2:]))
    return y[..., 0] if vector else y


@solve.vjp("a", "b")
def solve_gradients(g: Array, a: Array, y: Array, b_shape: tuple[int, ...]) -> tuple[Array, ...]:
    if len(b_shape) > 1:
        g_b = solve(_t(a), g)
        return -(g_b @ _t(y)), g_b
    g_b = solve(_t(a), _rows(g)).reshape(g.shape)
    return -(_rows(g_b) * _columns(y)), g_b


# ------------------------------------------------------------------------------------------------------ factorisations


@op
def cholesky(xp: Namespace, x: Array) -> Array:
    """Lower triangular L with ``L @ L.mT = (x + x.mT) / 2``; the symmetric part must be positive definite.

    The gradient is that of the symmetric part, hence symmetric (I. Murray, "Differentiation of the Cholesky
    decomposition", 2016, equation 10).
    """
    check_square("cholesky", x)
    return xp.linalg.cholesky(_symmetric(x))


@cholesky.vjp("x")
def cholesky_d_x(g: Array, y: Array) -> Array:
    m = tril(_t(y) @ g)
    inner = m - m * identity_like(m) / 2
    return _symmetric(_t(solve(_t(y), _t(solve(_t(y), inner)))))


@op(outputs=("values", "vectors"))
def eigh(xp: Namespace, x: Array) -> tuple[Array, Array]:
    """Eigenvalues, ascending, and eigenvectors, as columns, of the symmetric part ``(x + x.mT) / 2``.

    In each vector the component that is largest in absolute value is positive. The gradient for x is symmetric; that of
    the vectors is infinite or NaN where eigenvalues coincide.
    """
    check_square("eigh", x)
    values, vectors = xp.linalg.eigh(_symmetric(x))
    return values, vectors * _signs(xp, vectors)


@eigh.vjp("x")
def eigh_d_x(values: Array, vectors: Array, g_values: Array | None = None, g_vectors: Array | None = None) -> Array:
    inner = 0
    if g_values is not None:
        inner = inner + _columns(g_values) * identity_like(values)
    if g_vectors is not None:
        inner = inner + _inverse_gaps(_columns(values) - _rows(values)) * (_t(vectors) @ g_vectors)
    return _symmetric(vectors @ inner @ _t(vectors))


@op(outputs=("q", "r"))
def qr(xp: Namespace, x: Array) -> tuple[Array, Array]:
    """``x = q @ r`` with orthonormal columns in q, and r upper triangular with a diagonal >= 0.

    q is (..., m, k) and r (..., k, n) for k = min(m, n). The gradient needs the first k columns of x to be independent
    (S. Walter, L. Lehmann, "Algorithmic differentiation of linear algebra functions with application in optimum
    experimental design", 2010).
    """
    check_matrices("qr", x)
    q, r = xp.linalg.qr(x)
    sign = xp.where(xp.diagonal(r, 0, -2, -1) < 0, -1, 1).astype(x.dtype)
    return q * _columns(sign), r * _rows(sign)


@qr.vjp("x")
def qr_d_x(g_q: Array, g_r: Array, q: Array, r: Array) -> Array:
    m, n = q.shape[-2], r.shape[-1]
    if m >= n:
        return _tall_qr_gradient(g_q, g_r, q, r)
    # x = [x1 | x2] with x1 = q @ r1 square, and then r2 = q.mT @ x2
    g_r1, g_r2, r1, r2 = g_r[..., :m], g_r[..., m:], r[..., :m], r[..., m:]
    return concat([_tall_qr_gradient(g_q + q @ r2 @ _t(g_r2), g_r1, q, r1), q @ g_r2], axis=-1)


def _tall_qr_gradient(g_q: Array, g_r: Array, q: Array, r: Array) -> Array:
    m = r @ _t(g_r) - _t(g_q) @ q
    right = g_q + q @ (tril(m) + _t(tril(m, k=-1)))
    return _t(solve(r, _t(right)))


@op(outputs=("u", "s", "vh"))
def svd(xp: Namespace, x: Array) -> tuple[Array, Array, Array]:
    """``x = (u * s) @ vh`` with orthonormal columns in u and rows in vh, and s >= 0, descending.

    u is (..., m, k), s (..., k) and vh (..., k, n) for k = min(m, n). In each column of u the component that is largest
    in absolute value is positive. The gradient of u and vh is infinite or NaN where singular values coincide, and where
    one is zero unless x is square (J. Townsend, "Differentiating the singular value decomposition", 2016).
    """
    check_matrices("svd", x)
    u, s, vh = xp.linalg.svd(x, full_matrices=False)
    signs = _signs(xp, u)
    return u * signs, s, vh * _t(signs)


@svd.vjp("x")
def svd_d_x(u: Array, s: Array, vh: Array, g_u: Array | None = None, g_s: Array | None = None, g_vh: Array | None = None) -> Array:
    inner, outside = 0, 0
    gaps = _inverse_gaps((_columns(s) - _rows(s)) * (_columns(s) + _rows(s))) if g_u is not None or g_vh is not None else 0
    if g_s is not None:
        inner = inner + _columns(g_s) * identity_like(s)
    if g_u is not None:
        m = _t(u) @ g_u
        inner = inner + gaps * (m - _t(m)) * _columns(s)
        if u.shape[-2] > s.shape[-1]:  # what g_u has outside the space that u spans
            outside = outside + ((g_u - u @ m) / _columns(s)) @ vh
    if g_vh is not None:
        m = vh @ _t(g_vh)
        inner = inner + _rows(s) * gaps * (m - _t(m))
        if vh.shape[-1] > s.shape[-1]:
            outside = outside + u @ ((g_vh - _t(m) @ vh) / _rows(s))
    return u @ inner @ vh + outside


@op
def pinv(xp: Namespace, x: Array, *, rcond: float = 1e-15) -> Array:
    """Moore-Penrose pseudoinverse; singular values below ``rcond`` times the largest count as zero.

    The gradient holds where the rank is the same all around x (G. Golub, V. Pereyra, "The differentiation of
    pseudo-inverses and nonlinear least squares problems whose variables separate", 1973, equation 4.12).
    """
    check_matrices("pinv", x)
    return xp.linalg.pinv(x, rcond)


@pinv.vjp("x")
def pinv_d_x(g: Array, x: Array, y: Array) -> Array:
    gt, yt = _t(g), _t(y)
    left = gt - x @ (y @ gt)  # what gt has outside the columns of x
    right = gt - (gt @ y) @ x  # and outside its rows
    return left @ (y @ yt) + (yt @ y) @ right - yt @ g @ yt


def _signs(xp: Namespace, vectors: Array) -> Array:
    """Return for each column the sign of the component that is largest in absolute value."""
    if not vectors.size:
        return xp.ones((*vectors.shape[:-2], 1, vectors.shape[-1]), dtype=vectors.dtype)
    largest = xp.take_along_axis(vectors, xp.abs(vectors).argmax(axis=-2, keepdims=True), axis=-2)
    return xp.where(largest < 0, -1, 1).astype(vectors.dtype)


def _inverse_gaps(gaps: Array) -> Array:
    """Return ``1 / gaps`` off the diagonal, and 0 on it, where the gaps are 0 themselves."""
    eye = identity_like(gaps)
    return 1 / (gaps + eye) - eye
