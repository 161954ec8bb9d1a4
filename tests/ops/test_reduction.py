"""Reductions and cumulative ops: ties, zeros, edges and errors that gradcheck does not reach, and NumPy on random shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg

VALUES = st.floats(-10, 10, width=32)


def gradient(f: Any, x: Any, *, order: int = 1) -> np.ndarray[Any, Any]:
    """The derivative of sum(f(x)); at order 2 that of the sum of its squared entries."""
    x = mg.tensor(np.asarray(x, dtype=np.float64), requires_grad=True)
    (g,) = mg.grad(f(x).sum(), x, create_graph=order == 2)
    if order == 2:
        (g,) = mg.grad((g * g).sum(), x)
    return g.numpy()


@st.composite
def array_and_axis(draw: Any) -> tuple[np.ndarray[Any, Any], Any]:
    x = draw(hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=4), elements=VALUES))
    axes = draw(st.lists(st.integers(-x.ndim, x.ndim - 1), unique_by=lambda a: a % x.ndim)) if x.ndim else []
    return x, draw(st.sampled_from([None, tuple(axes), *axes]))


@given(array_and_axis(), st.booleans(), st.sampled_from(["sum", "mean", "max", "min", "prod", "var"]))
def test_values_are_those_of_numpy(case: Any, keepdims: bool, name: str) -> None:
    x, axis = case
    ours = getattr(mg.tensor(x), name)(axis=axis, keepdims=keepdims).numpy()
    theirs = np.asarray(getattr(np, name)(x, axis=axis, keepdims=keepdims))
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-13)


@given(array_and_axis(), st.booleans())
def test_every_element_gets_its_share_of_a_maximum(case: Any, keepdims: bool) -> None:
    """Whatever ties there are, the gradient of each maximum adds up to 1."""
    x, axis = case
    g = gradient(lambda t: t.max(axis=axis, keepdims=keepdims), x)
    np.testing.assert_allclose(g.sum(axis=axis), 1)
    assert (g[x != x.max(axis=axis, keepdims=True)] == 0).all()


def test_ties_share_evenly() -> None:
    np.testing.assert_array_equal(gradient(lambda t: t.max(), [1, 3, 3, 2, 3]), np.array([0, 1, 1, 0, 1]) / 3)
    np.testing.assert_array_equal(gradient(lambda t: t.min(axis=1), [[2, 2], [5, 4]]), [[0.5, 0.5], [0, 1]])
    np.testing.assert_array_equal(gradient(lambda t: mg.vector_norm(t, ord=math.inf), [3, -3, 1]), [0.5, -0.5, 0])


def test_maximum_of_nan() -> None:
    x = np.array([[1.0, np.nan], [2.0, 3.0]])
    np.testing.assert_array_equal(mg.tensor(x).max(axis=1).numpy(), [np.nan, 3])
    np.testing.assert_array_equal(gradient(lambda t: t.max(axis=1), x), [[0, 0], [0, 1]])


@pytest.mark.parametrize("zeros", [0, 1, 2, 3])
def test_product_with_zeros(zeros: int) -> None:
    """Against the definition: the derivative with respect to a factor is the product of the others."""
    x = np.array([2.0, -3.0, 0.5, 4.0])
    x[:zeros] = 0
    others = [np.prod(np.delete(x, i)) for i in range(4)]
    np.testing.assert_allclose(gradient(lambda t: t.prod(), x), others)
    pairs = [[0 if i == j else np.prod(np.delete(x, [i, j])) for j in range(4)] for i in range(4)]
    np.testing.assert_allclose(gradient(lambda t: t.prod(), x, order=2), 2 * np.array(pairs) @ others)


def test_sum_keeps_no_array() -> None:
    x = mg.ones((3, 4), requires_grad=True)
    assert all(isinstance(saved, tuple) for saved in x.sum(axis=1).node.saved)
    assert all(isinstance(saved, tuple) for saved in x.mean().node.saved)


def test_variance_is_computed_in_two_passes() -> None:
    x = np.random.default_rng(0).standard_normal(1000)
    far = x + 1e8
    assert abs(np.mean(far**2) - np.mean(far) ** 2 - x.var()) > 0.5  # what one pass would give
    np.testing.assert_allclose(mg.tensor(far).var().item(), x.var(), rtol=1e-6)
    np.testing.assert_allclose(gradient(lambda t: t.var(), far), gradient(lambda t: t.var(), x), atol=1e-10)


def test_standard_deviation_of_equal_numbers_has_gradient_zero() -> None:
    np.testing.assert_array_equal(gradient(lambda t: t.std(axis=1), np.full((2, 3), 7.0)), np.zeros((2, 3)))
    assert np.isnan(gradient(lambda t: t.std(axis=1), np.full((2, 3), 7.0), order=2)).all()


@pytest.mark.parametrize("ord", [1, 2, 3, 1.5, math.inf, -math.inf])
def test_norm_at_zero_has_gradient_zero(ord: float) -> None:
    g = gradient(lambda t: mg.vector_norm(t, axis=1, ord=ord), np.zeros((2, 3)))
    np.testing.assert_array_equal(g, np.zeros((2, 3)))


@pytest.mark.parametrize("ord", [0, 0.25, 0.5, -0.5, -1, -3])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_what_is_no_norm_is_that_of_numpy_without_overflow(ord: float, scale: float) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4)) + 2
    ours = mg.vector_norm(mg.tensor(x * scale, dtype="float32"), axis=1, ord=ord)
    assert ours.dtype == "float32"
    np.testing.assert_allclose(ours.data, np.linalg.vector_norm(x * scale, axis=1, ord=ord), rtol=3e-6)


def test_what_is_no_norm_at_zero() -> None:
    x = np.array([[0.0, 3.0, -4.0], [0.0, 0.0, 0.0]])
    with np.errstate(divide="ignore"):
        for ord in (0, 0.5, -1):
            np.testing.assert_allclose(mg.vector_norm(mg.tensor(x), axis=1, ord=ord).data, np.linalg.vector_norm(x, axis=1, ord=ord))
    np.testing.assert_array_equal(gradient(lambda t: mg.vector_norm(t, ord=0), x), 0 * x)


def test_the_norm_has_no_second_derivative_at_zero() -> None:
    """A finite one would be made up: the subgradient 0 is a choice at one point."""
    assert np.isnan(gradient(lambda t: mg.vector_norm(t), np.zeros(3), order=2)).all()


@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_logsumexp_does_not_overflow(shift: float) -> None:
    x = np.array([0.0, 1.0, 2.0])
    expected = np.log(np.exp(x).sum())
    assert mg.logsumexp(mg.tensor(x + shift)).item() == pytest.approx(expected + shift, rel=1e-14)
    np.testing.assert_allclose(gradient(mg.logsumexp, x + shift), np.exp(x - expected), rtol=1e-10)


def test_logsumexp_of_infinities() -> None:
    inf = np.inf
    x = mg.tensor(np.array([[-inf, 0.0], [-inf, -inf], [inf, 0.0]]))
    np.testing.assert_array_equal(mg.logsumexp(x, axis=1).numpy(), [0, -inf, inf])
    np.testing.assert_array_equal(gradient(lambda t: mg.logsumexp(t, axis=1), x.numpy()[:2]), [[0, 1], [0, 0]])


def test_nothing_to_reduce() -> None:
    empty = mg.zeros((0, 3))
    np.testing.assert_array_equal(empty.sum(axis=0).numpy(), [0, 0, 0])
    np.testing.assert_array_equal(empty.prod(axis=0).numpy(), [1, 1, 1])
    assert empty.max(axis=1).shape == (0,)
    for name in ("max", "mean", "var", "std"):
        with pytest.raises(ValueError, match=r"zero-size|no elements|of 0 elements") as error:
            getattr(empty, name)(axis=0)
        assert f"in {name}(x: float32[0, 3], axis=0)" in error.value.__notes__


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.sum(axis=2), np.exceptions.AxisError, "out of bounds"),
        (lambda x: x.sum(axis=(0, -2)), ValueError, "duplicate"),
        (lambda x: x.var(axis=0, correction=2), ValueError, "var of 2 elements with correction 2"),
        (lambda x: x.cumsum(), ValueError, "axis=None is for arrays with one axis"),
        (lambda x: mg.linear_recurrence(x, x[0], axis=0), ValueError, r"\(2, 3\), b has shape \(3,\)"),
    ],
)
def test_errors(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call(mg.ones((2, 3)))


def test_positions_and_truth_values_have_no_gradient() -> None:
    x = mg.tensor([[1.0, 2.0], [0.0, 3.0]], requires_grad=True)
    for y in (x.argmax(), x.argmin(axis=0), x.all(), x.any(axis=1), mg.count_nonzero(x), x.argsort()):
        assert not y.requires_grad


def test_integers() -> None:
    x = mg.tensor([[1, 2], [3, 4]])
    assert (x.sum().dtype, x.sum().item(), x.mean().item()) == (np.int64, 10, 2.5)


@given(st.integers(1, 5), st.booleans(), st.randoms(use_true_random=False))
def test_linear_recurrence_is_a_cumulative_product_and_sum(n: int, reverse: bool, random: Any) -> None:
    x = np.array([random.choice([-2.0, -1.0, 0.0, 0.5, 3.0]) for _ in range(n)])
    turn = slice(None, None, -1) if reverse else slice(None)
    sums = mg.linear_recurrence(np.ones(n), x, reverse=reverse)
    np.testing.assert_allclose(sums, np.cumsum(x[turn])[turn])
    first = np.zeros(n)
    end = -1 if reverse else 0
    first[end] = x[end]
    np.testing.assert_allclose(mg.linear_recurrence(x, first, reverse=reverse), np.cumprod(x[turn])[turn])


# ------------------------------------------------------------------------------------------------------ float16


@pytest.mark.parametrize(
    "reduce",
    [mg.mean, mg.var, mg.std, mg.vector_norm, lambda x: mg.vector_norm(x, ord=3) / 10],
    ids=["mean", "var", "std", "norm", "norm of order 3"],
)
def test_float16_overflows_only_where_the_result_does(reduce: Any) -> None:
    x = np.resize(np.array([-30.0, 10, 20, 40]), 2**17 if reduce is not mg.vector_norm else 2**15)
    found, expected = [mg.tensor(x, dtype=dtype, requires_grad=True) for dtype in ("float16", "float64")]
    for t in (found, expected):
        reduce(t).backward(np.full((), 1000.0, t.dtype))
    for f, e in ((reduce(found), reduce(expected)), (found.grad, expected.grad)):
        assert f.dtype == "float16"
        np.testing.assert_allclose(f.data, e.data, rtol=3e-3)
