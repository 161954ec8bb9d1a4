"""Convolution: by number of axes, as adjoint of its transpose, third order, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


@pytest.mark.parametrize(("n", "conv"), [(1, mg.conv1d), (2, mg.conv2d), (3, mg.conv3d)])
def test_an_input_may_lack_the_batch_axis(n: int, conv: Any) -> None:
    x, weight, bias = normal(2, *[4] * n), normal(3, 2, *[2] * n), normal(3)
    np.testing.assert_array_equal(conv(Tensor(x), weight, bias, 2, 1).data, mg.convolution(x[None], weight, bias, stride=2, padding=1)[0])


@pytest.mark.parametrize(("n", "conv"), [(1, mg.conv_transpose1d), (2, mg.conv_transpose2d), (3, mg.conv_transpose3d)])
def test_a_transposed_input_may_lack_the_batch_axis(n: int, conv: Any) -> None:
    x, weight, bias = normal(2, *[3] * n), normal(2, 3, *[2] * n), normal(3)
    expected = mg.conv_transpose(x[None], weight, bias, stride=2, padding=1, output_padding=1)[0]
    np.testing.assert_array_equal(conv(x, weight, bias, 2, 1, 1), expected)


def test_convolution_by_hand() -> None:
    x, weight = np.array([[[1.0, 2.0, 3.0, 4.0]]]), np.array([[[10.0, 1.0]]])
    np.testing.assert_array_equal(mg.conv1d(x, weight), [[[12, 23, 34]]])
    np.testing.assert_array_equal(mg.conv_transpose1d(x, weight), [[[10, 21, 32, 43, 4]]])


def test_each_transpose_is_the_adjoint() -> None:
    """<conv(x), y> = <x, conv_transpose(y)>, and the same for unfold and fold."""
    params = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}
    x, weight = normal(2, 4, 6, 5), normal(6, 2, 3, 2)
    y = normal(*mg.convolution(x, weight, groups=2, **params).shape)
    left = np.sum(mg.convolution(x, weight, groups=2, **params) * y)
    right = np.sum(x * mg.conv_transpose(y, weight, groups=2, output_padding=(1, 0), **params))
    np.testing.assert_allclose(left, right)
    columns = mg.unfold(x, kernel_size=(3, 2), **params)
    y = normal(*columns.shape)
    np.testing.assert_allclose(np.sum(columns * y), np.sum(x * mg.fold(y, output_size=(6, 5), kernel_size=(3, 2), **params)))


def test_fold_of_unfold_counts_the_windows() -> None:
    ones = np.ones((1, 1, 4))
    np.testing.assert_array_equal(mg.fold(mg.unfold(ones, kernel_size=2), output_size=4, kernel_size=2), [[[1, 2, 2, 1]]])


def test_sizes_may_be_integers_of_numpy() -> None:
    x, weight = normal(1, 1, 5), normal(1, 1, 2)
    np.testing.assert_array_equal(mg.conv1d(x, weight, stride=np.int64(2)), mg.conv1d(x, weight, stride=[2]))


def test_third_order() -> None:
    result = mg.gradcheck(lambda x, w: mg.conv2d(x, w, stride=2, padding=1), [normal(1, 1, 3, 3), normal(1, 1, 2, 2)], order=3)
    assert result.ok, str(result)


def test_no_gradient_is_computed_that_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **params: Any) -> Any:
        raise AssertionError("the gradient for x was computed")

    monkeypatch.setattr(mg.conv_transpose, "forward", refuse)
    weight = Tensor(normal(2, 1, 2), requires_grad=True)
    mg.conv1d(Tensor(normal(1, 1, 4)), weight).sum().backward()
    assert weight.grad is not None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mg.conv2d(normal(1, 3, 4, 4), normal(2, 2, 3, 3)), r"x has shape \(1, 3, 4, 4\) and weight \(2, 2, 3, 3\).*2 channels"),
        (lambda: mg.conv2d(normal(1, 4, 4, 4), normal(3, 2, 3, 3), groups=2), "do not divide into 2 groups"),
        (lambda: mg.conv2d(normal(1, 4, 4, 4), normal(4, 4, 3, 3), groups=2), "needs 8 channels in x, which has 4"),
        (lambda: mg.conv2d(normal(1, 1, 4, 4), normal(1, 1, 3, 3), groups=0), "0 groups"),
        (lambda: mg.conv2d(normal(1, 1, 4, 4), normal(1, 1, 3)), "equally many spatial axes"),
        (lambda: mg.conv2d(normal(4, 4), normal(1, 1, 3, 3)), r"conv2d: x has shape \(4, 4\)"),
        (lambda: mg.conv2d(normal(1, 1, 4, 4), normal(2, 1, 3, 3), normal(3)), r"bias has shape \(3,\); expected \(2,\)"),
        (lambda: mg.conv2d(normal(1, 1, 4, 2), normal(1, 1, 3, 3)), r"reaches over \(3, 3\), more than the input, which is \(4, 2\)"),
        (lambda: mg.conv1d(normal(1, 1, 4), normal(1, 1, 3), dilation=2, padding=0), r"reaches over \(5,\)"),
        (lambda: mg.conv1d(normal(1, 1, 4), normal(1, 1, 3), stride=0), "stride is 0; expected an integer >= 1"),
        (lambda: mg.conv1d(normal(1, 1, 4), normal(1, 1, 3), stride=1.5), "stride is 1.5; expected an integer"),
        (lambda: mg.conv2d(normal(1, 1, 4, 4), normal(1, 1, 3, 3), stride=(1, 2, 3)), "or 2 of them, one for each spatial axis"),
        (lambda: mg.conv1d(normal(1, 1, 4), normal(1, 1, 3), dilation=-1), "dilation is -1"),
        (lambda: mg.conv1d(normal(1, 1, 4), normal(1, 1, 3), padding=-1), "padding is -1; expected an integer >= 0"),
        (lambda: mg.conv1d(normal(1, 1, 4), normal(1, 1, 3), padding="full"), "padding is 'full'; expected 'same', 'valid'"),
        (lambda: mg.conv1d(normal(1, 1, 4), normal(1, 1, 3), padding="same", stride=2), "padding='same' needs stride 1"),
        (lambda: mg.conv_transpose1d(normal(1, 2, 4), normal(3, 2, 3)), "needs 3 channels in x, which has 2"),
        (lambda: mg.conv_transpose1d(normal(1, 2, 4), normal(2, 3, 3), normal(2)), r"bias has shape \(2,\); expected \(3,\)"),
        (lambda: mg.conv_transpose1d(normal(1, 1, 4), normal(1, 1, 3), output_padding=1), "must be smaller than the stride"),
        (lambda: mg.conv_transpose1d(normal(1, 1, 1), normal(1, 1, 3), padding=2), "padding 2 leaves nothing"),
        (lambda: mg.unfold(normal(1, 1, 2, 2), kernel_size=3), r"reaches over \(3, 3\)"),
        (lambda: mg.unfold(normal(2, 2), kernel_size=3), r"unfold: x has shape \(2, 2\)"),
        (lambda: mg.fold(normal(1, 4, 5), output_size=(3, 3), kernel_size=2), r"x has shape \(1, 4, 5\).*channels \* 4, 4\)"),
    ],
)
def test_errors(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
