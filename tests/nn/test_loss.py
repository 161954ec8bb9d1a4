"""Losses: what they refuse, and what they do at the edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

F = nn.functional


def ones(*shape: int) -> mg.Tensor:
    return mg.ones(shape)


def labels(*values: Any) -> mg.Tensor:
    return mg.Tensor(np.array(values))


BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: F.cross_entropy(ones(2, 3), labels(0, 3)), IndexError, "label 3 is outside the 3 classes, 0 to 2"),
    (lambda: F.cross_entropy(ones(2, 3), labels(0, -1)), IndexError, "label -1 is outside the 3 classes"),
    (lambda: F.cross_entropy(ones(2, 3), labels(0, 3), reduction="sum"), IndexError, "label 3 is outside the 3 classes"),
    (lambda: F.cross_entropy(ones(2, 3), labels(0, 3), weight=ones(3)), IndexError, "label 3 is outside the 3 classes"),
    (lambda: F.nll_loss(ones(2, 3), labels(0, 7)), IndexError, "nll_loss: label 7 is outside the 3 classes"),
    (lambda: F.multi_margin_loss(ones(2, 3), labels(0, 7)), IndexError, "multi_margin_loss: label 7 is outside the 3 classes"),
    (lambda: F.multilabel_margin_loss(ones(1, 3), labels([0, 7, -1])), IndexError, "label 7 is outside the 3 classes"),
    (lambda: F.cross_entropy(ones(2, 3), labels(0, 1, 2)), ValueError, r"\(2,\).*\(3,\)"),
    (lambda: F.cross_entropy(ones(2, 3), labels(0.0, 1.0)), TypeError, "must be an? integer"),
    (lambda: F.nll_loss(ones(2, 3), labels(0.0, 1.0)), TypeError, "must be integers, not float64"),
    (lambda: F.cross_entropy(ones(2, 3), labels(0, 1), label_smoothing=2), ValueError, "label_smoothing is from 0 to 1, not 2"),
    (lambda: F.cross_entropy(ones(2, 3), labels(0, 1), reduction="avg", weight=ones(3)), ValueError, "unknown reduction 'avg'"),
    (lambda: nn.MSELoss(reduction="avg"), ValueError, "MSELoss: unknown reduction 'avg': expected one of mean, sum, none"),
    (lambda: F.mse_loss(ones(4, 1), ones(4)), ValueError, r"mse_loss: the input has shape \(4, 1\) and the target \(4,\)"),
    (lambda: F.l1_loss(ones(4, 1), ones(4)), ValueError, "must be equal"),
    (lambda: F.binary_cross_entropy(2 * ones(3), ones(3)), ValueError, "from 0 to 1, and there are values from 2 to 2"),
    (lambda: F.binary_cross_entropy_with_logits(ones(3), ones(2)), ValueError, "must be equal"),
    (lambda: F.huber_loss(ones(3), ones(3), delta=0), ValueError, "delta must be positive"),
    (lambda: F.smooth_l1_loss(ones(3), ones(3), beta=-1), ValueError, "beta must not be negative"),
    (lambda: F.multi_margin_loss(ones(2, 3), labels(0, 1), p=3), ValueError, "p is 1 or 2, not 3"),
    (lambda: F.gaussian_nll_loss(ones(3), ones(3), -ones(3)), ValueError, "a variance is not negative, and there is -1"),
    (lambda: F.gaussian_nll_loss(ones(3, 2), ones(3, 2), ones(4)), ValueError, r"var has shape \(4,\)"),
    (lambda: F.triplet_margin_loss(ones(3), ones(3), ones(3), margin=0), ValueError, "margin must be positive"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[f"{i}-{message[:30]}" for i, (_, _, message) in enumerate(BAD)])
def test_bad_input_is_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_of_huge_logits_is_finite(dtype: str) -> None:
    x = mg.Tensor(np.array([[1e30, -1e30, 0.0], [-np.inf, 0.0, 0.0]], dtype), requires_grad=True)
    loss = F.cross_entropy(x, labels(0, 1))
    loss.backward()
    assert loss.item() == pytest.approx(np.log(2) / 2)
    np.testing.assert_allclose(x.grad.data, [[0, 0, 0], [0, -0.25, 0.25]])


@pytest.mark.parametrize("weight", [None, mg.Tensor(np.array([1.0, 2.0, 3.0]))])
def test_where_no_label_counts_the_mean_is_nan_and_the_gradient_zero(weight: Any) -> None:
    x = mg.Tensor(np.ones((2, 3)), requires_grad=True)
    with np.errstate(all="ignore"):
        loss = F.cross_entropy(x, labels(1, 1), weight, ignore_index=1)
        loss.backward()
    assert np.isnan(loss.item())
    assert not x.grad.data.any()


def test_sums_over_samples_are_independent_of_ignored_ones() -> None:
    x = mg.Tensor(np.random.default_rng(0).standard_normal((3, 4)))
    for kind in ("sum", "mean"):
        part = F.cross_entropy(x[:2], labels(1, 2), reduction=kind)
        assert F.cross_entropy(x, labels(1, 2, 9), ignore_index=9, reduction=kind).item() == pytest.approx(part.item())


@pytest.mark.parametrize(("x", "expected"), [(500.0, 500.0), (-500.0, 0.0), (0.0, np.log(2))])
def test_logits_of_any_size_give_a_finite_binary_loss(x: float, expected: float) -> None:
    t = mg.Tensor(np.array([x]), requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(t, mg.zeros((1,), dtype="float64"), pos_weight=mg.Tensor(np.array([3.0])))
    loss.backward()
    assert loss.item() == pytest.approx(expected, abs=1e-12)
    assert np.isfinite(t.grad.data).all()


def test_huber_has_its_second_derivative_at_zero() -> None:
    x = mg.Tensor(np.zeros(1), requires_grad=True)
    (g,) = mg.grad(F.huber_loss(x, mg.Tensor(np.zeros(1))), x, create_graph=True)
    (gg,) = mg.grad(g.sum(), x)
    assert (g.item(), gg.item()) == (0, 1)


@pytest.mark.parametrize(
    ("loss", "dtype"), [(loss, dtype) for loss in (F.mse_loss, F.l1_loss, F.huber_loss, F.kl_div) for dtype in ("float32", "float64")]
)
def test_a_loss_keeps_the_dtype(loss: Any, dtype: str) -> None:
    assert loss(mg.ones((3,), dtype=dtype), mg.zeros((3,), dtype=dtype)).dtype == dtype


def test_class_weights_are_buffers_that_move_and_are_saved() -> None:
    loss = nn.CrossEntropyLoss(mg.Tensor(np.array([1.0, 2.0])))
    assert list(loss.state_dict()) == ["weight"]
    assert loss.to("float32").weight.dtype == np.float32
    assert list(nn.CrossEntropyLoss().state_dict()) == []
