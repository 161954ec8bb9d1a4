"""ZCA whitening: what batch norm leaves out, as it normalizes each feature by itself and keeps their correlations.

Whitening multiplies by S = cov^(-1/2), which is computed from the eigenvectors of the covariance. Its derivative need not
go through them: that of an eigenvector divides by differences of eigenvalues and is undefined where two coincide, while
S is a smooth function of the covariance. From S S = cov^-1 follows, for a change of the covariance,

    S dS + dS S = -S^2 dcov S^2

a Lyapunov equation for dS, whose solution divides by sums of eigenvalues. So coincident eigenvalues are no special case,
and only a singular covariance is an error. `lyapunov` is an op whose derivative is made of itself: every order is right.
"""

from __future__ import annotations

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.standardization import check_eps

__all__ = ["lyapunov", "whiten_zca"]


@op
def lyapunov(xp: Namespace, a: Array, q: Array) -> Array:
    """Solve A X + X A = Q for X, where A is symmetric and positive definite.

    In the basis of eigenvectors u_i of A with eigenvalues s_i: X_ij = Q_ij / (s_i + s_j).

    Parameters
    ----------
    a
        Matrix of shape (n, n), of which only the symmetric part (A + A^T) / 2 counts.
    q
        Matrix of shape (n, n), not necessarily symmetric.

    Raises
    ------
    ValueError
        If a and q are not square matrices of one size.
    """
    if a.ndim != 2 or a.shape[0] != a.shape[1] or q.shape != a.shape:
        raise ValueError(f"lyapunov: a of shape {a.shape} and q of shape {q.shape} must be square matrices of one size")
    s, u = xp.linalg.eigh((a + a.T) / 2)
    return u @ ((u.T @ q @ u) / (s[:, None] + s)) @ u.T


@lyapunov.vjp("a", "q")
def lyapunov_gradients(g: Array, a: Array, y: Array) -> tuple[Array, ...]:
    h = lyapunov(a, g)  # Q -> X is its own adjoint
    product = h @ y.T + y.T @ h
    return (product + product.T) / -2, h


@op(outputs=("y", "mean", "matrix"))
def whiten_zca(xp: Namespace, x: Array, *, eps: float = 1e-5) -> tuple[Array, Array, Array]:
    """Remove mean and correlations: y = (x - mean) S, where S = (cov + eps)^(-1/2) and cov is the (biased) covariance.

    Of all matrices that whiten, the symmetric S changes x least. The cost is that of an eigendecomposition, d^3.

    Parameters
    ----------
    x
        Floating-point values of shape (m, d): m samples of d features.
    eps
        Added to the eigenvalues of the covariance.

    Returns
    -------
    tuple
        ``(y, mean, S)`` of shapes (m, d), (d,) and (d, d).

    Raises
    ------
    TypeError
        If x is not of floating point.
    ValueError
        If x is not a matrix, eps is negative, or eps is zero and the covariance of so few samples is singular.

    References
    ----------
    Kessy, Lewin, Strimmer: "Optimal whitening and decorrelation", 2018; Huang et al.: "Decorrelated batch normalization", 2018.
    """
    check_eps("whiten_zca", x, eps)
    if x.ndim != 2 or not x.shape[0]:
        raise ValueError(f"whiten_zca: x has shape {x.shape}, expected (samples, features) with at least one sample")
    m, d = x.shape
    if eps == 0 and m <= d:
        raise ValueError(f"whiten_zca: the covariance of {m} samples of {d} features is singular; take more than {d} samples, or eps > 0")
    mean = x.mean(axis=0)
    centred = x - mean
    s, u = xp.linalg.eigh(centred.T @ centred / m)
    matrix = (u / xp.sqrt(s + eps)) @ u.T
    return centred @ matrix, mean, matrix


@whiten_zca.vjp("x")
def whiten_zca_d_x(g: Array, x: Array, mean: Array, matrix: Array, g_mean: Array | None = None, g_matrix: Array | None = None) -> Array:
    m = x.shape[0]
    centred = x - mean
    to_matrix = centred.T @ g
    if g_matrix is not None:
        to_matrix = to_matrix + g_matrix
    square = matrix @ matrix
    to_cov = square @ lyapunov(matrix, to_matrix) @ square  # and a minus, below
    to_centred = g @ matrix - centred @ ((to_cov + to_cov.T) / m)
    g_x = to_centred - to_centred.mean(axis=0, keepdims=True)
    return g_x if g_mean is None else g_x + g_mean / m
