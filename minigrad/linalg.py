"""Linear algebra with the names and arguments of the Python array API standard; all functions are those of `mg`, differentiable.

What has several results returns a named tuple. Matrices are the last two axes, those before them are a stack.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from minigrad import ops
from minigrad.backends import Array, DType
from minigrad.core.mode import mode
from minigrad.core.tensor import Tensor, array_of
from minigrad.ops import (
    cross,
    det,
    eigvalsh,
    inv,
    matmul,
    matrix_norm,
    matrix_power,
    matrix_transpose,
    outer,
    solve,
    svdvals,
    tensordot,
    vecdot,
)
from minigrad.ops.decomposition import identity_like
from minigrad.ops.floating import eps_of
from minigrad.ops.shape import Axes

__all__ = [
    "EighResult", "QRResult", "SVDResult", "SlogdetResult", "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul",
    "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals",
    "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """What `qr` returns."""

    Q: Tensor
    R: Tensor


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Tensor
    logabsdet: Tensor


class SVDResult(NamedTuple):
    """What `svd` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def cholesky(x: Array, *, upper: bool = False) -> Tensor:
    """The lower triangular y with ``x = y @ y.mT`` for a symmetric, positive definite x; with ``upper`` its transpose."""
    y = ops.cholesky(x)
    return matrix_transpose(y) if upper else y


def diagonal(x: Array, *, offset: int = 0) -> Tensor:
    """The elements x[..., i, i + offset]."""
    return ops.diagonal(x, offset=offset)


def trace(x: Array, *, offset: int = 0, dtype: DType | None = None) -> Tensor:
    """Sum of the elements x[..., i, i + offset], in the type ``dtype`` if it is given."""
    y = diagonal(x, offset=offset)
    return ops.sum(y if dtype is None else ops.astype(y, dtype=dtype), axis=-1)


def vector_norm(x: Array, *, axis: Axes | None = None, keepdims: bool = False, ord: float = 2) -> Tensor:
    """``sum(abs(x)**ord) ** (1 / ord)``, with its limits for ord = inf, -inf and 0 (how many elements are not 0)."""
    return ops.vector_norm(x, axis=axis, ord=ord, keepdims=keepdims)


def pinv(x: Array, *, rtol: float | Array | None = None) -> Tensor:
    """Moore-Penrose pseudoinverse; singular values below ``rtol`` times the largest count as zero, max(m, n) times eps if None.

    An array has a number for each matrix.
    """
    return ops.pinv(x, rcond=max(x.shape[-2:]) * eps_of(x.dtype) if rtol is None else array_of(rtol))


def matrix_rank(x: Array, *, rtol: float | Array | None = None) -> Tensor:
    """How many singular values are above ``rtol`` times the largest; rtol is max(m, n) times eps if None. No gradient.

    An array has a number for each matrix.
    """
    return ops.matrix_rank(x, rtol=ops.expand_dims(rtol, axis=-1) if getattr(rtol, "ndim", 0) else rtol)


def slogdet(x: Array) -> SlogdetResult:
    """Sign of the determinant, and logarithm of its absolute value."""
    return SlogdetResult(*ops.slogdet(x))


def eigh(x: Array) -> EighResult:
    """Eigenvalues, ascending, and eigenvectors, the columns of a matrix, of the symmetric matrix (x + x.mT) / 2."""
    return EighResult(*ops.eigh(x))


def qr(x: Array, *, mode: str = "reduced") -> QRResult:
    """``x = Q @ R`` with orthonormal columns in Q and an upper triangular R with a diagonal >= 0.

    Parameters
    ----------
    x
        (..., m, n)
    mode
        ``"reduced"``: Q is (..., m, k) and R (..., k, n) for k = min(m, n). ``"complete"``: Q is (..., m, m) and R (..., m, n).

    Raises
    ------
    ValueError
        If the mode is another word.
    RuntimeError
        If Q is to have more columns than x, and x requires a gradient: which ones is a choice, without a derivative.
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: mode is {mode!r}; expected 'reduced' or 'complete'")
    q, r = ops.qr(x)
    missing = q.shape[-2] - q.shape[-1]
    if mode == "reduced" or not missing:
        return QRResult(q, r)
    _refuse_derivative("qr", x, "mode='reduced'")
    return QRResult(_completed(q), ops.pad(r, pad_width=((0, 0),) * (r.ndim - 2) + ((0, missing), (0, 0))))


def svd(x: Array, *, full_matrices: bool = True) -> SVDResult:
    """``x = (U[..., :k] * S) @ Vh[..., :k, :]`` with orthonormal columns in U and rows in Vh, S descending, k = min(m, n).

    Parameters
    ----------
    x
        (..., m, n)
    full_matrices
        Whether U is (..., m, m) and Vh (..., n, n); otherwise they are (..., m, k) and (..., k, n).

    Raises
    ------
    RuntimeError
        If U or Vh is to have more than k vectors, and x requires a gradient: which ones is a choice, without a derivative.
    """
    u, s, vh = ops.svd(x)
    if full_matrices and x.shape[-1] != x.shape[-2]:
        _refuse_derivative("svd", x, "full_matrices=False")
        u, vh = _completed(u), matrix_transpose(_completed(matrix_transpose(vh)))
    return SVDResult(u, s, vh)


def _completed(q: Any) -> Any:
    """Return q with columns behind its own that make them an orthonormal basis of the whole space, if they are not one."""
    if q.shape[-2] == q.shape[-1]:
        return q
    across = matrix_transpose(q)
    _, vectors = ops.eigh(ops.subtract(identity_like(across), q @ across))  # onto the rest: eigenvalues 0, then 1
    return ops.concat([q, vectors[..., q.shape[-1] :]], axis=-1)


def _refuse_derivative(name: str, x: Any, instead: str) -> None:
    if isinstance(x, Tensor) and x.requires_grad and mode.get().recording:
        raise RuntimeError(f"{name}: the vectors that complete a basis are a choice, without a derivative; take {instead}, or x.detach()")
