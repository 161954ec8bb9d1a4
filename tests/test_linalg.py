"""mg.linalg beside NumPy's, which follows the standard; derivatives of its own parts; what has none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import linalg

SHAPES = [(3, 3), (4, 2), (2, 4), (2, 3, 5), (3, 1, 4, 2), (1, 1), (0, 3, 2)]


def drawn(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(sum(shape)).normal(size=shape)


def spd(*shape: int) -> np.ndarray[Any, Any]:
    x = drawn(*shape)
    return x @ x.swapaxes(-1, -2) + np.eye(shape[-1])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
class TestFactors:
    def test_svd(self, shape: tuple[int, ...], dtype: str) -> None:
        x = mg.tensor(drawn(*shape), dtype=dtype)
        *batch, m, n = shape
        k = min(m, n)
        for full, columns, rows in ((True, m, n), (False, k, k)):
            found = linalg.svd(x, full_matrices=full)
            assert (found.U.shape, found.S.shape, found.Vh.shape) == ((*batch, m, columns), (*batch, k), (*batch, rows, n))
            assert {part.dtype for part in found} == {x.dtype}
            close(found.U[..., :k] * found.S[..., None, :] @ found.Vh[..., :k, :], x.data)
            close(found.U.mT @ found.U, np.broadcast_to(np.eye(columns), (*batch, columns, columns)))
            close(found.Vh @ found.Vh.mT, np.broadcast_to(np.eye(rows), (*batch, rows, rows)))
            close(found.S, np.linalg.svdvals(x.data))
        assert [part.shape for part in linalg.svd(x)] == [part.shape for part in linalg.svd(x, full_matrices=True)]

    def test_qr(self, shape: tuple[int, ...], dtype: str) -> None:
        x = mg.tensor(drawn(*shape), dtype=dtype)
        *batch, m, n = shape
        for mode, k in (("complete", m), ("reduced", min(m, n))):
            q, r = found = linalg.qr(x, mode=mode)
            assert (q, r) == (found.Q, found.R)
            assert (q.shape, r.shape, q.dtype, r.dtype) == ((*batch, m, k), (*batch, k, n), x.dtype, x.dtype)
            close(q @ r, x.data)
            close(q.mT @ q, np.broadcast_to(np.eye(k), (*batch, k, k)))
            np.testing.assert_array_equal(r.data, np.triu(r.data))

    def test_pinv(self, shape: tuple[int, ...], dtype: str) -> None:
        x = mg.tensor(drawn(*shape), dtype=dtype)
        close(linalg.pinv(x), np.linalg.pinv(x.data, rtol=None))
        close(linalg.pinv(x, rtol=0.5), np.linalg.pinv(x.data, rtol=0.5))


def close(found: Any, expected: Any) -> None:
    eps = float(np.finfo(expected.dtype).eps) if expected.dtype == np.float32 else float(np.finfo(found.dtype).eps)
    np.testing.assert_allclose(found.data, expected, atol=200 * eps, rtol=200 * eps)


def test_pinv_takes_what_is_rounding_for_zero() -> None:
    x = mg.tensor(np.outer([1.0, 2.0, 3.0], [0.1, 0.7]), dtype="float32")
    close(linalg.pinv(x), np.linalg.pinv(x.data, rtol=None))


def test_a_tolerance_for_each_matrix() -> None:
    x, rtol = mg.tensor(np.broadcast_to(np.diag([1.0, 0.1, 0.01]), (2, 3, 3)).copy()), mg.tensor([0.05, 0.5], dtype="float64")
    assert linalg.matrix_rank(x, rtol=rtol).tolist() == [2, 1]
    assert linalg.matrix_rank(x.data, rtol=rtol.data).tolist() == [2, 1]
    close(linalg.pinv(x, rtol=rtol), np.linalg.pinv(x.data, rtol=rtol.data))


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 4)])
def test_named_tuples(shape: tuple[int, ...]) -> None:
    x = mg.tensor(spd(*shape))
    values, vectors = found = linalg.eigh(x)
    assert (found.eigenvalues, found.eigenvectors) == (values, vectors)
    np.testing.assert_allclose((vectors * values[..., None, :] @ vectors.mT).data, x.data, atol=1e-13)
    np.testing.assert_allclose(values.data, linalg.eigvalsh(x).data)
    sign, logabsdet = slog = linalg.slogdet(-x)
    assert (slog.sign, slog.logabsdet) == (sign, logabsdet)
    np.testing.assert_allclose((sign * mg.exp(logabsdet)).data, linalg.det(-x).data)


def test_cholesky_trace_diagonal_norms() -> None:
    x = mg.tensor(spd(2, 4, 4))
    upper = linalg.cholesky(x, upper=True)
    np.testing.assert_allclose((upper.mT @ upper).data, x.data)
    np.testing.assert_allclose(upper.data, linalg.cholesky(x).mT.data)
    for offset in (-5, -1, 0, 2):
        np.testing.assert_array_equal(linalg.diagonal(x, offset=offset).data, np.linalg.diagonal(x.data, offset=offset))
        np.testing.assert_allclose(linalg.trace(x, offset=offset).data, np.linalg.trace(x.data, offset=offset))
    assert linalg.trace(x, dtype=mg.float32).dtype == "float32"
    assert linalg.trace(mg.eye(2, dtype="int8")).dtype == "int64"
    for options in ({}, {"axis": 1}, {"axis": (0, 2), "ord": 3}, {"keepdims": True, "ord": 0}):
        np.testing.assert_allclose(linalg.vector_norm(x, **options).data, np.linalg.vector_norm(x.data, **options))


def test_arrays_stay_arrays() -> None:
    x = spd(3, 3)
    assert isinstance(linalg.cholesky(x, upper=True), np.ndarray)
    assert isinstance(linalg.svd(x[:2]).U, np.ndarray)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: linalg.cholesky(x @ x.mT + mg.eye(3, dtype="float64"), upper=True),
        lambda x: linalg.trace(x, offset=1),
        lambda x: linalg.qr(x).R,
        lambda x: linalg.svd(x).S,
        lambda x: linalg.pinv(x, rtol=1e-8),
        lambda x: linalg.slogdet(x).logabsdet,
        lambda x: linalg.eigh(x + x.mT).eigenvalues,
        lambda x: linalg.vector_norm(x, ord=0.5),
    ],
)
def test_gradients_of_second_order(function: Any) -> None:
    assert mg.gradcheck(function, [drawn(3, 3) + 2 * np.eye(3)], order=2)


@pytest.mark.parametrize(
    ("call", "instead"),
    [(lambda x: linalg.svd(x), "full_matrices=False"), (lambda x: linalg.qr(x, mode="complete"), "mode='reduced'")],
)
def test_a_completed_basis_has_no_derivative(call: Any, instead: str) -> None:
    x = mg.tensor(drawn(4, 2), requires_grad=True)
    with pytest.raises(RuntimeError, match=f"a choice, without a derivative; take {instead}"):
        call(x)
    with mg.no_grad():
        call(x)
    assert call(x.detach())[0].shape == (4, 4)


def test_unknown_mode() -> None:
    with pytest.raises(ValueError, match="qr: mode is 'r'; expected 'reduced' or 'complete'"):
        linalg.qr(mg.eye(2), mode="r")


def test_a_captured_step_completes_a_basis_of_the_matrix_of_now() -> None:
    run = mg.capture(lambda x: mg.matmul(linalg.svd(x).U[..., 2:], linalg.svd(x).U[..., 2:].mT))
    for k in range(4):
        x = drawn(4, 2) + k * np.ones((4, 2))
        rest = np.linalg.svd(x)[0][:, 2:]
        np.testing.assert_allclose(run(mg.tensor(x)).data, rest @ rest.T, atol=1e-12)
    assert run.captured, run.refusals
