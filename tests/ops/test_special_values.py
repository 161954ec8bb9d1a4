"""Infinities, nan, points where there is no derivative, and what rounding would lose: values and gradients, op by op."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.nn import functional as F

inf, nan = math.inf, math.nan
Function = Callable[[Any], Any]


def leaf(values: Any, dtype: Any = np.float64) -> mg.Tensor:
    return mg.tensor(np.asarray(values, dtype), requires_grad=True)


def gradient(f: Function, values: Any, dtype: Any = np.float64, cotangent: Any = None) -> np.ndarray:
    x = leaf(values, dtype)
    y = f(x)
    with np.errstate(all="ignore"):
        return np.asarray(mg.grad(y, x, np.ones(y.shape, dtype) if cotangent is None else np.asarray(cotangent, dtype))[0].numpy())


def second(f: Function, values: Any, dtype: Any = np.float64) -> np.ndarray:
    """Rows of the Hessian of the sum of f."""
    x = leaf(values, dtype)
    with np.errstate(all="ignore"):
        (g,) = mg.grad(f(x).sum(), x, create_graph=True)
        return np.stack([np.asarray(mg.grad(g[i], x, retain_graph=True)[0].numpy()) for i in range(len(values))])


# ---------------------------------------------------------------------------------- an infinite cotangent behind a mask

#: op, a point on the side that has no say, whose gradient is 0 whatever comes
MASKED: dict[str, tuple[Function, float]] = {
    "relu": (F.relu, -1.0), "relu6 below": (F.relu6, -1.0), "relu6 above": (F.relu6, 7.0), "hardtanh": (F.hardtanh, 2.0),
    "hardsigmoid": (F.hardsigmoid, 4.0), "hardswish": (F.hardswish, -4.0), "hardshrink": (F.hardshrink, 0.1),
    "softshrink": (F.softshrink, 0.1), "threshold": (lambda x: F.threshold(x, 0.0, 5.0), -1.0), "clip": (lambda x: mg.clip(x, 0, 1), -1.0),
    "maximum": (lambda x: mg.maximum(x, 0.0), -1.0), "minimum": (lambda x: mg.minimum(0.0, x), 1.0),
    "where": (lambda x: mg.where(x.data > 0, x, 1.0), -1.0), "dropout": (lambda x: mg.dropout(x, np.zeros(x.shape, bool), p=0.5), 1.0),
}  # fmt: skip


@pytest.mark.parametrize("bad", [inf, -inf, nan])
@pytest.mark.parametrize("plain", [False, True], ids=["as usual", "plain"])
@pytest.mark.parametrize("name", MASKED)
def test_nothing_comes_through_a_mask(name: str, plain: bool, bad: float) -> None:
    f, point = MASKED[name]
    for dtype in (np.float16, np.float32, np.float64):
        for shape in ((), (1,), (3, 2)):
            x = np.full(shape, point)
            with mg.core.mode.changed_mode(plain=plain):
                np.testing.assert_array_equal(gradient(f, x, dtype, np.full(shape, bad)), np.zeros(shape))


def test_what_is_chosen_passes_an_infinite_cotangent_on() -> None:
    np.testing.assert_array_equal(gradient(F.relu, [1.0, -1.0, 2.0], cotangent=[inf, inf, nan]), [inf, 0, nan])
    np.testing.assert_array_equal(gradient(lambda x: mg.sqrt(F.relu(x)), [-1, 0, 4]), [0, 0, 0.25])


def test_distances_of_equal_points_are_differentiable() -> None:
    points = np.array([[0.0, 1.0], [0.0, 1.0], [3.0, 5.0]])

    def distances(x: Any) -> Any:
        square = (x * x).sum(axis=1)
        return mg.sqrt(F.relu(square[:, None] + square[None] - 2 * (x @ x.T)))

    assert np.isfinite(gradient(distances, points)).all()


@pytest.mark.parametrize("bad", [inf, -inf, nan])
def test_extremes_and_pools_share_only_among_those_they_picked(bad: float) -> None:
    np.testing.assert_array_equal(gradient(lambda x: mg.max(x, axis=1), [[1, 3, 2.0]], cotangent=[bad]), [[0, bad, 0]])
    np.testing.assert_array_equal(gradient(lambda x: mg.vector_norm(x, ord=inf), [1, -3, 2.0], cotangent=bad), [0, -bad, 0])
    for kernel, stride in ((3, 2), (2, 2)):
        cotangent = np.zeros((1, 1, 3, 3))
        cotangent[0, 0, 1, 1] = bad
        x = np.arange(float((2 * stride + kernel) ** 2)).reshape(1, 1, 2 * stride + kernel, -1)
        found = gradient(lambda x, k=kernel, s=stride: F.max_pool2d(x, k, s), x, cotangent=cotangent)  # type: ignore[misc]
        assert np.count_nonzero(found) == 1


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [None, [1.0, 2.0]])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("bad", [[nan, 0], [-inf, 1], [inf, inf]])
def test_logits_whose_label_is_ignored_do_not_count(bad: list[float], reduction: str, weight: Any, smoothing: float) -> None:
    labels, options = np.array([1, -100]), {"reduction": reduction, "label_smoothing": smoothing}
    loss = lambda x: F.cross_entropy(x, mg.tensor(labels), weight and mg.tensor(weight), **options)
    with np.errstate(invalid="ignore"):
        found, right = gradient(loss, [[1, 2.0], bad]), gradient(loss, [[1, 2.0], [0, 0]])
    np.testing.assert_allclose(found, right, rtol=1e-15)
    np.testing.assert_array_equal(found[1], 0)


# ----------------------------------------------------------------------------------------------- infinite elements of x


def test_infinite_elements_share_a_logsumexp() -> None:
    np.testing.assert_array_equal(gradient(mg.logsumexp, [inf, 0]), [1, 0])
    np.testing.assert_array_equal(gradient(mg.logsumexp, [inf, 0, inf]), [0.5, 0, 0.5])
    np.testing.assert_array_equal(gradient(mg.logsumexp, [-inf, -inf]), [0, 0])
    np.testing.assert_allclose(gradient(mg.logsumexp, [1.0, -inf, 1.0]), [0.5, 0, 0.5])


def test_hardswish_of_infinities() -> None:
    np.testing.assert_array_equal(gradient(F.hardswish, [inf, -inf, 3, -3]), [1, 0, 1, 0])
    np.testing.assert_array_equal(F.hardswish(mg.tensor([inf, -inf])).numpy(), [inf, 0])


# ----------------------------------------------------------------------------- second derivatives where there is none

#: functions whose first derivative at a point is a choice: there the second is nan, or right
NO_SECOND_DERIVATIVE: dict[str, tuple[Function, list[float]]] = {
    "vector_norm": (mg.vector_norm, [0.0, 0.0]), "its square": (lambda x: mg.vector_norm(x) ** 2, [0.0, 0.0]),
    "ord 1.5": (lambda x: mg.vector_norm(x, ord=1.5), [0.0, 0.0]), "ord 3": (lambda x: mg.vector_norm(x, ord=3), [0.0, 0.0]),
    "std": (mg.std, [2.0, 2.0]), "hypot": (lambda x: mg.hypot(x[0], x[1]), [0.0, 0.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_SECOND_DERIVATIVE)
def test_a_chosen_subgradient_has_no_derivative(name: str) -> None:
    f, point = NO_SECOND_DERIVATIVE[name]
    np.testing.assert_array_equal(gradient(f, point), np.zeros(len(point)))
    assert np.isnan(second(f, point)).all()


def test_one_element_without_a_second_derivative_leaves_the_others_alone() -> None:
    found = second(lambda x: mg.vector_norm(x, ord=1.5), [0.0, 1.0])
    assert np.isnan(found[0, 0]) or np.isinf(found[0, 0])
    assert found[1, 1] == 0


# ------------------------------------------------------------------------------------------------ rounding and overflow


@pytest.mark.parametrize(
    ("f", "points", "right"),
    [
        (F.elu, [-12, -16, -18, -40], np.exp([-12.0, -16, -18, -40])),
        (mg.expm1, [-17, -20, 1], np.exp([-17.0, -20, 1])),
        (mg.sigmoid, [17, -17, 40, 0], 1 / (2 + np.exp([17.0, -17, 40, 0]) + np.exp([-17.0, 17, -40, 0]))),
    ],
)
def test_derivatives_keep_their_digits_in_both_tails(f: Function, points: list[float], right: np.ndarray) -> None:
    np.testing.assert_allclose(gradient(f, points, np.float32), right, rtol=1e-6)


@pytest.mark.parametrize("f", [F.silu, F.logsigmoid, F.softplus])
def test_second_derivatives_keep_their_digits_in_both_tails(f: Function) -> None:
    points = [14.0, -14.0, 19.0, -19.0, 0.5]
    np.testing.assert_allclose(second(f, points, np.float32), second(f, points, np.float64), rtol=2e-6)


def test_logsumexp_of_large_numbers_has_a_gradient_of_sum_one() -> None:
    np.testing.assert_array_equal(gradient(mg.logsumexp, [1e9, 1e9], np.float32), [0.5, 0.5])
    assert gradient(mg.logsumexp, 1e7 + np.arange(4.0), np.float32).sum() == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("value", [0.1, 1e4 + 0.1, -3e-5])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_equal_numbers_have_no_spread(value: float, dtype: Any) -> None:
    assert mg.std(mg.tensor(np.full(64, value, dtype))).item() == 0
    assert mg.var(mg.tensor(np.full(64, value, dtype))).item() <= np.finfo(np.float64).eps ** 2 * value**2
    np.testing.assert_array_equal(gradient(mg.std, np.full(64, value), dtype), 0)


def test_lengths_neither_overflow_nor_vanish() -> None:
    for size in (1e20, 1e38, 1e-30):
        x = np.array([size, size], np.float32)
        for order in (2, 1.5, 3):
            assert mg.vector_norm(mg.tensor(x), ord=order).item() == pytest.approx(size * 2 ** (1 / order), rel=1e-6)
        np.testing.assert_allclose(gradient(mg.vector_norm, x, np.float32), [math.sqrt(0.5)] * 2, rtol=1e-6)
    np.testing.assert_allclose(F.normalize(mg.tensor([[1e20, 1e20]]), dim=1).numpy(), [[math.sqrt(0.5)] * 2], rtol=1e-6)
    p = mg.tensor([1.0, 1.0], requires_grad=True)
    p.grad = mg.tensor([1e20, 1e20])
    assert mg.optim.clip_grad_norm_([p], 1.0).item() == pytest.approx(math.sqrt(2) * 1e20)
    np.testing.assert_allclose(p.grad.numpy(), [math.sqrt(0.5)] * 2, rtol=1e-6)


def test_no_cosine_is_more_than_one() -> None:
    x = np.random.default_rng(0).standard_normal((4000, 3)).astype(np.float32)
    assert F.cosine_similarity(mg.tensor(x), mg.tensor(x)).numpy().max() <= 1
    assert F.cosine_similarity(mg.tensor(x), mg.tensor(-x)).numpy().min() >= -1
