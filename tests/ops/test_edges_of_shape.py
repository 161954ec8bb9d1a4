"""Scalars with an axis, axes without elements, cut-off padding: one rule for all ops with an axis, beside PyTorch where it has one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.nn import functional as F

#: ops that take an axis, and what they make of the scalar 2
OF_SCALAR: dict[str, Any] = {
    "sum": 2, "mean": 2, "prod": 2, "var": 0, "std": 0, "max": 2, "min": 2, "logsumexp": 2, "vector_norm": 2, "softmax": 1,
    "log_softmax": 0, "cumulative_sum": 2, "cumulative_prod": 2, "flip": 2, "sort": 2, "argsort": 0, "argmax": 0, "argmin": 0, "all": True,
    "any": True, "count_nonzero": 1,
}  # fmt: skip
SLOPES = dict.fromkeys(["var", "std", "softmax", "log_softmax"], 0.0)


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("name", OF_SCALAR)
def test_axes_0_and_minus_1_of_a_scalar_are_the_scalar(name: str, axis: int) -> None:
    for plain in (False, True):
        with mg.core.mode.changed_mode(plain=plain):
            x = mg.tensor(np.array(2.0), requires_grad=True)
            y = getattr(mg, name)(x, axis=axis)
            y = y[0] if isinstance(y, tuple) else y
            assert y.shape == ()
            assert y.numpy() == OF_SCALAR[name] if not y.requires_grad else y.item() == pytest.approx(OF_SCALAR[name])
            if y.requires_grad:
                (g,) = mg.grad(y * y, x, create_graph=True)
                assert g.item() == pytest.approx(2 * OF_SCALAR[name] * SLOPES.get(name, 1.0))


@pytest.mark.parametrize("axis", [1, -2])
@pytest.mark.parametrize("name", OF_SCALAR)
def test_other_axes_of_a_scalar_are_refused(name: str, axis: int) -> None:
    with pytest.raises(np.exceptions.AxisError):
        getattr(mg, name)(mg.tensor(np.array(2.0)), axis=axis)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "logsumexp", "vector_norm", "all"])
def test_axes_kept_of_a_scalar(name: str) -> None:
    assert getattr(mg, name)(mg.tensor(np.array(2.0)), axis=0, keepdims=True).shape == ()


def test_an_axis_without_elements() -> None:
    x = mg.tensor(np.zeros((2, 0)), requires_grad=True)
    for name in ("softmax", "log_softmax", "cumulative_sum", "flip"):
        y = getattr(mg, name)(x, axis=1)
        assert (y.shape, y.dtype) == ((2, 0), np.float64)
        assert mg.grad(y.sum(), x)[0].shape == (2, 0)
    for name, value in (("logsumexp", -math.inf), ("sum", 0), ("prod", 1), ("vector_norm", 0)):
        y = getattr(mg, name)(x, axis=1)
        np.testing.assert_array_equal(y.detach().numpy(), [value, value])
        assert mg.grad(y.sum(), x)[0].shape == (2, 0)
    for name in ("max", "min", "mean"):
        with pytest.raises(ValueError, match=rf"the {name} of no elements is not defined: shape \(2, 0\), axis 1"):
            getattr(mg, name)(x, axis=1)


def test_attention_without_keys_is_zero() -> None:
    q, k, v = (mg.tensor(np.ones(shape), requires_grad=True) for shape in ((1, 2, 3), (1, 0, 3), (1, 0, 4)))
    y = F.scaled_dot_product_attention(q, k, v)
    np.testing.assert_array_equal(y.detach().numpy(), np.zeros((1, 2, 4)))
    np.testing.assert_array_equal(mg.grad(y.sum(), q)[0].numpy(), 0)


def test_bilinear_of_no_samples() -> None:
    assert mg.nn.Bilinear(2, 3, 4)(mg.zeros((0, 2)), mg.zeros((0, 3))).shape == (0, 4)


@pytest.mark.torch
@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("lengths", [(-1, 2), (2, -1), (-1, -1), (-1, 1), (1, -2), (-3, 0)])
def test_negative_lengths_cut_off_as_in_pytorch(mode: str, lengths: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = np.arange(1.0, 5).reshape(1, 1, 4)
    right = torch.nn.functional.pad(torch.from_numpy(x), lengths, mode=mode)
    np.testing.assert_array_equal(F.pad(mg.tensor(x), lengths, mode=mode).numpy(), right.numpy())


def test_more_than_there_is_cannot_be_cut_off() -> None:
    for lengths in ([-5, 3], [-2, -2], [2, -4]):
        with pytest.raises(ValueError, match="cuts more off than there is"):
            F.pad(mg.ones((1, 1, 3)), lengths)
