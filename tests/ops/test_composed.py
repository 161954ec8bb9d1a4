"""Functions composed of ops, and what samples cannot show of the new ones: beside NumPy, PyTorch and SciPy's definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minigrad as mg

RNG = np.random.default_rng(0)
NAN, INF = math.nan, math.inf


def leaf(x):
    return mg.tensor(np.asarray(x, dtype=float), requires_grad=True)


def gradients(f, *arrays):
    """Gradients of a weighted sum of what f returns, by minigrad and by central differences."""
    inputs = [leaf(a) for a in arrays]
    out = f(*inputs)
    weights = np.cos(np.arange(out.size)).reshape(out.shape)
    ours = [g.data for g in mg.grad((out * weights).sum(), inputs)]
    numeric = []
    for k, a in enumerate(arrays):
        g = np.zeros(a.shape)
        for i in np.ndindex(a.shape):
            sides = []
            for h in (1e-5, -1e-5):
                moved = a.copy()
                moved[i] += h
                value = f(*[mg.tensor(moved if j == k else b) for j, b in enumerate(arrays)])
                sides.append((value.data * weights).sum())
            g[i] = (sides[0] - sides[1]) / 2e-5
        numeric.append(g)
    return ours, numeric


A, B = RNG.standard_normal((3, 3)) + 3 * np.eye(3), RNG.standard_normal((3, 2))
X = RNG.standard_normal((3, 4))
CASES = {
    "median": (lambda x: mg.median(x, axis=1), lambda x: np.median(x, axis=1), (X,)),
    "median of all": (mg.median, np.median, (X,)),
    "quantile": (lambda x: mg.quantile(x, [0.2, 0.5], axis=0, keepdims=True), lambda x: np.quantile(x, [0.2, 0.5], 0, keepdims=True), (X,)),
    "diff": (lambda x: mg.diff(x, 2), lambda x: np.diff(x, 2), (X,)),
    "diff between": (lambda x, y: mg.diff(x, prepend=y, axis=0), lambda x, y: np.diff(x, prepend=y, axis=0), (X, X[:1] + 1)),
    "matrix_power": (lambda x: mg.matrix_power(x, 5), lambda x: np.linalg.matrix_power(x, 5), (A,)),
    "matrix_power 1": (lambda x: mg.matrix_power(x, 1), lambda x: np.linalg.matrix_power(x, 1), (A,)),
    "matrix_power -2": (lambda x: mg.matrix_power(x, -2), lambda x: np.linalg.matrix_power(x, -2), (A,)),
    "matrix_power 0": (lambda x: mg.matrix_power(x, 0), lambda x: np.linalg.matrix_power(x, 0), (A,)),
    "eigvalsh": (mg.eigvalsh, lambda x: np.linalg.eigvalsh((x + x.T) / 2), (A,)),
    "svdvals": (mg.svdvals, lambda x: np.linalg.svd(x, compute_uv=False), (X,)),
    "logdet": (mg.logdet, lambda x: np.linalg.slogdet(x)[1], (A,)),
    "lower": (lambda a, b: mg.solve_triangular(a, b, upper=False), lambda a, b: np.linalg.solve(np.tril(a), b), (A, B)),
    "from the right": (
        lambda a, b: mg.solve_triangular(a, b, upper=True, left=False, unitriangular=True),
        lambda a, b: b @ np.linalg.inv(np.triu(a, 1) + np.eye(3)),
        (A, B.T),
    ),
    "lstsq": (mg.lstsq, lambda a, b: np.linalg.lstsq(a, b)[0], (X.T, RNG.standard_normal((4, 2)))),
    "lstsq of a vector": (mg.lstsq, lambda a, b: np.linalg.lstsq(a, b)[0], (X, RNG.standard_normal(3))),
    "cdist": (mg.cdist, lambda a, b: np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1)), (X, X[:2] + 1)),
    "meshgrid": (lambda a, b: mg.stack(mg.meshgrid(a, b)), lambda a, b: np.stack(np.meshgrid(a, b)), (X[0], X[:, 0])),
    "meshgrid ij": (
        lambda a, b: mg.stack(mg.meshgrid(a, b, indexing="ij")),
        lambda a, b: np.stack(np.meshgrid(a, b, indexing="ij")),
        (X[0], X[:, 0]),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(name):
    function, reference, arrays = CASES[name]
    np.testing.assert_allclose(function(*map(leaf, arrays)).data, reference(*arrays), rtol=1e-10, atol=1e-12)
    for ours, numeric in zip(*gradients(function, *arrays), strict=True):
        np.testing.assert_allclose(ours, numeric, rtol=1e-6, atol=1e-8)


def test_missing_numbers_are_left_out_and_get_no_gradient():
    x = leaf([[1.0, NAN, 3.0], [NAN, NAN, NAN]])
    np.testing.assert_array_equal(mg.nansum(x, axis=1).data, [4, 0])
    np.testing.assert_array_equal(mg.nanmean(x, axis=1).data, [2, NAN])
    np.testing.assert_array_equal(mg.grad(mg.nanmean(x[:1], axis=1).sum(), x)[0].data, [[0.5, 0, 0.5], [0, 0, 0]])
    y = leaf([NAN, INF, -INF, 2.0])
    np.testing.assert_array_equal(mg.nan_to_num(y, nan=1.0, posinf=7.0).data, [1, 7, np.finfo(float).min, 2])
    np.testing.assert_array_equal(mg.grad(mg.nan_to_num(y, 0, 1, 2).sum(), y)[0].data, [0, 0, 0, 1])


def test_a_quantile_of_nan_is_nan_and_of_integers_a_float():
    np.testing.assert_array_equal(mg.median(leaf([[1.0, NAN, 3.0], [1.0, 2.0, 3.0]]), axis=1).data, [NAN, 2])
    whole = mg.median(mg.tensor([1, 2, 3, 4]))
    assert (whole.item(), whole.dtype) == (2.5, "float32")
    with pytest.raises(ValueError, match=r"q is 1\.5"):
        mg.quantile(leaf([1.0]), 1.5)
    with pytest.raises(ValueError, match="no elements"):
        mg.median(mg.zeros((2, 0)), axis=1)


def test_running_extremes_with_equals_and_nan():
    x = leaf([1.0, 1.0, 0.0, NAN, 5.0])
    values, indices = mg.cummax(x)
    np.testing.assert_array_equal(values.data, [1, 1, 1, NAN, NAN])
    np.testing.assert_array_equal(indices.data, [0, 1, 1, 3, 3])
    np.testing.assert_array_equal(mg.grad(values[:3].sum(), x)[0].data, [1, 2, 0, 0, 0])


def test_a_running_logsumexp_neither_overflows_nor_loses_what_is_minus_infinity():
    x = leaf([-INF, 1e3, 1e3, -1e3])
    y = mg.logcumsumexp(x)
    np.testing.assert_allclose(y.data, [-INF, 1e3, 1e3 + math.log(2), 1e3 + math.log(2)])
    np.testing.assert_allclose(mg.grad(y[1:].sum(), x)[0].data, [0, 2, 1, 0], atol=1e-12)


def test_a_sign_is_copied_and_0_has_no_gradient():
    x = leaf([0.0, -2.0, 2.0, -2.0])
    y = mg.copysign(x, mg.tensor([-1.0, -1.0, -0.0, 3.0]))
    np.testing.assert_array_equal(np.signbit(y.data), [True, True, True, False])
    np.testing.assert_array_equal(mg.grad(y.sum(), x)[0].data, [0, 1, -1, -1])


def test_close():
    a, b = [1.0, INF, NAN, 1.0, INF, 0.0], [1.0 + 1e-6, INF, NAN, 1.1, -INF, 1e-9]
    for equal_nan in (False, True):
        np.testing.assert_array_equal(
            mg.isclose(mg.tensor(a, dtype="float64"), mg.tensor(b, dtype="float64"), equal_nan=equal_nan).data,
            np.isclose(a, b, equal_nan=equal_nan),
        )
    assert mg.allclose(leaf([1.0]), leaf([1.0 + 1e-7])) is True
    assert mg.allclose(leaf([1.0]), leaf([1.1])) is False


def test_distinct_elements_as_the_standard_says():
    x = mg.tensor([[3, 1], [3, 2]])
    found = mg.unique_all(x)
    np.testing.assert_array_equal(found.values.data[found.inverse_indices.data], x.data)
    np.testing.assert_array_equal(x.data.reshape(-1)[found.indices.data], [1, 2, 3])
    np.testing.assert_array_equal(mg.unique_counts(x).counts.data, [1, 1, 2])
    np.testing.assert_array_equal(mg.unique_values(x).data, [1, 2, 3])
    assert mg.unique_inverse(x).inverse_indices.shape == (2, 2)
    np.testing.assert_array_equal(mg.unique_counts(leaf([NAN, NAN])).counts.data, [1, 1])
    np.testing.assert_array_equal(mg.argwhere(x > 2).data, [[0, 0], [1, 0]])


def test_the_rank_of_a_matrix():
    assert mg.matrix_rank(mg.tensor([[1.0, 2.0], [2.0, 4.0]])).item() == 1
    assert mg.matrix_rank(leaf(A)).item() == 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_inverse_error_function_to_its_last_digits(dtype):
    eps = np.finfo(dtype).eps
    x = np.concatenate([[1e-30, 1e-8, 0.3, 0.5, 0.84, 0.9, 0.999, 1 - float(eps)], np.linspace(0.01, 0.99, 50)]).astype(dtype)
    exact = [_erfinv(float(v)) for v in x]
    np.testing.assert_allclose(mg.erfinv(mg.tensor(x)).data, exact, rtol=4 * eps)
    np.testing.assert_allclose(mg.erfinv(mg.tensor(-x)).data, -np.array(exact), rtol=4 * eps)
    np.testing.assert_array_equal(mg.erfinv(mg.tensor([1.0, -1.0, 1.5, 0.0])).data, [INF, -INF, NAN, 0])


def _erfinv(x: float) -> float:
    """Bisection with Python's own error functions; the complement where x is near 1."""
    low, high = 0.0, 7.0
    for _ in range(1200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        below = math.erf(middle) < x if x < 0.5 else math.erfc(middle) > 1 - x
        low, high = (middle, high) if below else (low, middle)
    return high


def test_logit_has_its_digits_near_its_zero():
    x = np.array([0.5 + 1e-12, 0.25, 0.75, 1e-20])
    wanted = [2 * math.atanh(2 * (v - 0.5)) if abs(v - 0.5) <= 0.25 else math.log(v) - math.log1p(-v) for v in x]
    np.testing.assert_allclose(mg.logit(mg.tensor(x)).data, wanted, rtol=1e-14)


def test_sinc_is_smooth_where_its_derivative_changes_its_form():
    x = leaf([0.5 - 1e-9, 0.5, 0.0])
    (first,) = mg.grad(mg.sinc(x).sum(), x, create_graph=True)
    second = mg.grad(first.sum(), x)[0].data
    np.testing.assert_allclose(first.data[:2], [-4 / math.pi, -4 / math.pi], rtol=1e-8)
    np.testing.assert_allclose(second[0], second[1], rtol=1e-6)
    np.testing.assert_allclose([first.data[2], second[2]], [0, -(math.pi**2) / 3], rtol=1e-14)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mg.cdist(leaf(X), leaf(B)), "cdist: a has shape"),
        (lambda: mg.matrix_power(leaf(X), 2), "square"),
        (lambda: mg.meshgrid(leaf(X)), "expected vectors"),
        (lambda: mg.meshgrid(leaf(X[0]), indexing="yx"), "'xy' or 'ij'"),
        (lambda: mg.diff(leaf(X), -1), "n is -1"),
        (lambda: mg.diff(leaf(1.0)), "no axis"),
        (lambda: mg.argwhere(leaf(1.0)), "no axis"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("sign", [1, -1])
def test_the_median_of_equal_infinite_elements_is_they(sign):
    x = sign * np.array([np.inf, np.inf])
    assert mg.median(x) == x[0]
    assert mg.quantile(sign * np.array([1.0, np.inf, np.inf, np.inf]), 0.5) == x[0]
