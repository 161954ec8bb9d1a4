"""Pooling: ties, NaN, infinities in padding, forms by number of axes, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def gradient(function: Any, x: np.ndarray) -> np.ndarray:
    tensor = Tensor(x, requires_grad=True)
    function(tensor).sum().backward()
    assert tensor.grad is not None
    return tensor.grad.data


@pytest.mark.parametrize("function", [lambda x: mg.max_pool2d(x, 2), lambda x: mg.adaptive_max_pool2d(x, 1)])
def test_of_equal_elements_the_first_is_picked(function: Any) -> None:
    np.testing.assert_array_equal(gradient(function, np.ones((1, 1, 2, 2))), [[[[1, 0], [0, 0]]]])
    np.testing.assert_array_equal(gradient(function, np.array([[[[0.0, 1.0], [1.0, 1.0]]]])), [[[[0, 1], [0, 0]]]])


def test_nan_is_passed_on() -> None:
    y, indices = mg.max_pool1d(np.array([[[1.0, np.nan, 3.0, 4.0]]]), 2, return_indices=True)
    np.testing.assert_array_equal(y, [[[np.nan, 4]]])
    np.testing.assert_array_equal(indices, [[[1, 3]]])


def test_padding_is_not_picked_even_if_all_is_minus_infinity() -> None:
    x = np.full((1, 1, 3, 3), -np.inf)
    y, indices = mg.max_pool2d(x, 3, stride=2, padding=1, return_indices=True)
    np.testing.assert_array_equal(y, np.full((1, 1, 2, 2), -np.inf))
    np.testing.assert_array_equal(indices, [[[[0, 1], [3, 4]]]])
    assert gradient(lambda x: mg.max_pool2d(x, 3, stride=2, padding=1), x).sum() == 4


def test_integers_are_pooled() -> None:
    x = np.array([[[-5, -3, -9, -7]]])
    np.testing.assert_array_equal(mg.max_pool1d(x, 2, padding=1), [[[-5, -3, -7]]])


def test_the_picked_elements_are_in_reach_of_other_ops() -> None:
    x = normal(2, 3, 4, 4)
    y, indices = mg.max_pool2d(x, 2, return_indices=True)
    np.testing.assert_array_equal(mg.pick(x, indices), y)
    back = mg.pick_transpose(y, indices, size=(4, 4))
    np.testing.assert_array_equal(back, np.where(np.isin(x, y), x, 0))


def test_gradients_of_overlapping_windows_add_up() -> None:
    x = np.array([[[0.0, 5.0, 1.0]]])
    np.testing.assert_array_equal(gradient(lambda x: mg.max_pool1d(x, 2, stride=1), x), [[[0, 2, 0]]])


POOLS = {
    "max": lambda n: (getattr(mg, f"max_pool{n}d"), (2,)),
    "avg": lambda n: (getattr(mg, f"avg_pool{n}d"), (2,)),
    "lp": lambda n: (getattr(mg, f"lp_pool{n}d"), (2.0, 2)),
    "adaptive max": lambda n: (getattr(mg, f"adaptive_max_pool{n}d"), (2,)),
    "adaptive avg": lambda n: (getattr(mg, f"adaptive_avg_pool{n}d"), (2,)),
}


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("kind", POOLS)
def test_an_input_may_lack_the_batch_axis(kind: str, n: int) -> None:
    pool, args = POOLS[kind](n)
    x = normal(2, *[4] * n)
    np.testing.assert_array_equal(pool(Tensor(x), *args).data, pool(x[None], *args)[0])
    with pytest.raises(ValueError, match=rf"pool{n}d: x has shape \(4,\); expected"):
        pool(normal(4), *args)


def test_indices_without_the_batch_axis() -> None:
    y, indices = mg.adaptive_max_pool1d(np.array([[3.0, 1.0, 2.0, 5.0]]), 2, return_indices=True)
    np.testing.assert_array_equal(y, [[3, 5]])
    np.testing.assert_array_equal(indices, [[0, 3]])


def test_lp_pool_is_the_norm_of_each_window() -> None:
    x = normal(1, 2, 4, 4)
    windows = x.reshape(1, 2, 2, 2, 2, 2).swapaxes(3, 4).reshape(1, 2, 2, 2, 4)
    np.testing.assert_allclose(mg.lp_pool2d(x, 2.0, 2), np.linalg.norm(windows, axis=-1))
    np.testing.assert_allclose(mg.lp_pool2d(np.abs(x), 3.0, 2), np.linalg.norm(windows, ord=3, axis=-1))
    result = mg.gradcheck(lambda x: mg.lp_pool2d(x, 2.0, 2, stride=1), [x], order=2)
    assert result.ok, str(result)


@pytest.mark.torch
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_lp_pool_agrees_with_pytorch(ceil_mode: bool) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the reference here and no dependency")
    x = normal(1, 2, 5, 6)
    expected = torch.nn.functional.lp_pool2d(torch.from_numpy(x), 4.0, (3, 2), stride=2, ceil_mode=ceil_mode)
    np.testing.assert_allclose(mg.lp_pool2d(x, 4.0, (3, 2), stride=2, ceil_mode=ceil_mode), expected.numpy())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mg.max_pool2d(normal(1, 1, 2, 4), 3), r"reaches over \(3, 3\), more than the input, which is \(2, 4\)"),
        (lambda: mg.max_pool2d(normal(1, 1, 4, 4), 0), "kernel_size is 0; expected an integer >= 1"),
        (lambda: mg.max_pool2d(normal(1, 1, 4, 4), 2, stride=0), "stride is 0"),
        (lambda: mg.max_pool2d(normal(1, 1, 4, 4), (2, 2, 2)), "2 of them, one for each spatial axis"),
        (lambda: mg.max_pool2d(normal(1, 1, 4, 4), 2, padding=2), r"max_pool: with padding \(2, 2\) a window of \(2, 2\) holds no element"),
        (lambda: mg.max_pool1d(normal(1, 1, 1), 2, padding=1, dilation=2), "holds no element of x"),
        (lambda: mg.avg_pool1d(normal(1, 1, 4), 2, padding=2), "avg_pool: with padding"),
        (lambda: mg.avg_pool1d(normal(1, 1, 4), 2, divisor_override=0), "divisor_override is 0"),
        (lambda: mg.max_pool(normal(4, 4), kernel_size=2), r"max_pool: x has shape \(4, 4\); expected \(batch, channels"),
        (lambda: mg.adaptive_avg_pool2d(normal(1, 1, 4, 4), (2, 2, 2)), r"output_size is \(2, 2, 2\); expected a positive integer or None"),
        (lambda: mg.adaptive_max_pool2d(normal(1, 1, 4, 4), 0), "output_size is 0"),
        (lambda: mg.adaptive_avg_pool1d(normal(1, 1, 0), 1), "length 0 has nothing to pool"),
    ],
)
def test_errors(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


# ------------------------------------------------------------------------------------------------------------- float16

N = 70_000  # more than float16 can count


@pytest.mark.parametrize(
    "pool",
    [lambda x: mg.avg_pool1d(x, N), lambda x: mg.adaptive_avg_pool1d(x, 1), lambda x: mg.lp_pool1d(x, 4, N)],
    ids=["avg", "adaptive avg", "lp"],
)
def test_averages_of_float16_overflow_only_where_the_result_does(pool: Any) -> None:
    x = np.resize(np.array([-250.0, 300, 350, 310]), (1, 1, N))
    found, expected = [mg.tensor(x, dtype=dtype, requires_grad=True) for dtype in ("float16", "float64")]
    for t in (found, expected):
        pool(t).backward(np.full((1, 1, 1), 3000.0, t.dtype))
    for f, e in ((pool(found), pool(expected)), (found.grad, expected.grad)):
        assert f.dtype == "float16"
        np.testing.assert_allclose(f.data, e.data, rtol=1e-3)
