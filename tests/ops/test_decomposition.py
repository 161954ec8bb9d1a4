"""Factorisations: what they promise about their factors, coinciding eigenvalues, norms, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def largest_components(vectors: np.ndarray) -> np.ndarray:
    return np.take_along_axis(vectors, np.abs(vectors).argmax(axis=-2, keepdims=True), axis=-2)


def test_eigh_diagonalises_the_symmetric_part_and_fixes_signs() -> None:
    x = normal(2, 4, 4)
    values, vectors = mg.eigh(x)
    np.testing.assert_allclose(vectors * values[:, None] @ vectors.swapaxes(1, 2), (x + x.swapaxes(1, 2)) / 2, atol=1e-12)
    assert np.all(largest_components(vectors) > 0)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (5, 3, 2)])
def test_qr_and_svd_multiply_back_and_fix_signs(shape: tuple[int, ...]) -> None:
    x = normal(*shape)
    q, r = mg.qr(x)
    np.testing.assert_allclose(q @ r, x, atol=1e-12)
    assert np.all(np.diagonal(r, 0, -2, -1) >= 0)
    u, s, vh = mg.svd(x)
    np.testing.assert_allclose(u * s[..., None, :] @ vh, x, atol=1e-12)
    assert np.all(largest_components(u) > 0)


def test_gradient_of_eigenvalues_is_right_where_they_coincide() -> None:
    x = Tensor(np.eye(3), requires_grad=True)
    values, _ = mg.eigh(x)
    values.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, np.eye(3), atol=1e-15)


def test_gradient_of_singular_values_is_right_where_they_coincide() -> None:
    x = Tensor(2 * np.eye(3, 2), requires_grad=True)
    mg.svd(x)[1].sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, np.eye(3, 2), atol=1e-15)


def test_gradient_of_eigenvectors_where_eigenvalues_coincide_is_not_finite() -> None:
    x = Tensor(np.eye(2), requires_grad=True)
    with np.errstate(all="ignore"):
        mg.eigh(x)[1].backward(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert x.grad is not None
    assert not np.isfinite(x.grad.data).all()


def test_the_sign_of_a_determinant_has_a_zero_gradient() -> None:
    x = Tensor(normal(3, 3), requires_grad=True)
    mg.slogdet(x)[0].backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, np.zeros((3, 3)))


@pytest.mark.parametrize("order", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_matrix_norm(order: Any) -> None:
    x = normal(2, 3, 4)
    expected = [np.linalg.norm(m, ord=order) for m in x]
    np.testing.assert_allclose(mg.matrix_norm(x, order), expected)
    assert mg.matrix_norm(x, order, keepdims=True).shape == (2, 1, 1)
    result = mg.gradcheck(lambda x: mg.matrix_norm(x, order), [x])
    assert result.ok, str(result)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_gauge_invariant_functions_at_every_order(order: int) -> None:
    """Projections on eigenspaces do not depend on signs."""
    x = normal(3, 3) + np.diag([0.0, 4.0, 8.0])

    def projection(x: Any) -> Any:
        vectors = mg.eigh(x)[1]
        return vectors[:, :1] @ vectors[:, :1].mT

    result = mg.gradcheck(projection, [x], order=order)
    assert result.ok, str(result)


@pytest.mark.parametrize("function", [mg.inv, lambda x: mg.solve(x, np.ones(2))])
def test_a_singular_matrix_is_an_error_that_names_the_op(function: Any) -> None:
    with pytest.raises(np.linalg.LinAlgError) as caught:
        function(Tensor(np.ones((2, 2))))
    assert any("float64[2, 2]" in note for note in caught.value.__notes__)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mg.det(normal(2, 3)), r"det: x has shape \(2, 3\); expected square"),
        (lambda: mg.slogdet(normal(3)), r"slogdet: x has shape \(3,\)"),
        (lambda: mg.inv(normal(2, 3)), r"inv: x has shape \(2, 3\)"),
        (lambda: mg.cholesky(normal(2, 3)), r"cholesky: x has shape \(2, 3\)"),
        (lambda: mg.eigh(normal(2, 3)), r"eigh: x has shape \(2, 3\)"),
        (lambda: mg.qr(normal(3)), r"qr: x has shape \(3,\); expected matrices"),
        (lambda: mg.svd(normal(3)), r"svd: x has shape \(3,\); expected matrices"),
        (lambda: mg.pinv(normal(3)), r"pinv: x has shape \(3,\); expected matrices"),
        (lambda: mg.solve(normal(2, 2), normal(3, 1)), r"a has shape \(2, 2\) and b \(3, 1\)"),
        (lambda: mg.solve(normal(2, 2), np.float64(1.0)), r"a has shape \(2, 2\) and b \(\)"),
        (lambda: mg.matrix_norm(normal(3), "fro"), r"matrix_norm: x has shape \(3,\)"),
        (lambda: mg.matrix_norm(normal(2, 2), 3), "ord is 3; expected 'fro'"),
    ],
)
def test_errors_name_the_shapes(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
