"""Kernels of softmax, layer norm, linear and slices: float32, layouts, extreme values, and where they step aside."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.mode import changed_mode


def results(function, arrays, kernels):
    with changed_mode(plain=not kernels), np.errstate(all="ignore"):
        tensors = [mg.Tensor(a, requires_grad=True) for a in arrays]
        y = function(*tensors)
        y.backward(np.random.default_rng(1).standard_normal(y.shape).astype(y.dtype))
    return [y.data, *(t.grad.data for t in tensors)]


def agree(function, *arrays, rtol=2e-5):
    for a, b in zip(results(function, arrays, True), results(function, arrays, False), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def normal(*shape, dtype=np.float32):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


LAYOUTS = [np.asarray, np.asfortranarray, lambda a: a[..., ::-1], lambda a: a.swapaxes(0, 1)]
FUNCTIONS = {
    "softmax": lambda x: mg.softmax(x),
    "softmax over the first axis": lambda x: mg.softmax(x, 0),
    "layer norm": lambda x: mg.layer_norm(x)[0],
    "linear": lambda x: mg.linear(x, mg.Tensor(normal(4, x.shape[-1]).astype(x.dtype)), mg.Tensor(normal(4).astype(x.dtype))),
    "slice": lambda x: x[:, 1:, None, ..., 0],
    "integer": lambda x: x[-1],
    "mask": lambda x: x[np.arange(x.shape[0]) != 1],
    "array": lambda x: x[[0, 0, 1]],
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("layout", range(len(LAYOUTS)))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_layout(function, layout, dtype):
    agree(function, LAYOUTS[layout](normal(3, 4, 5, dtype=dtype)), rtol=2e-5 if dtype is np.float32 else 1e-12)


@pytest.mark.parametrize(
    "row",
    [[-1e9, -1e9, -1e9], [1e4, 0, -1e4], [np.inf, 0, 1], [-np.inf, -np.inf, -np.inf], [-np.inf, 0, 1], [np.nan, 0, 1], [-100, -101, -300]],
    ids=str,
)
def test_softmax_of_rows_far_below_the_largest_value(row):
    x = np.array([row, [0.5, 1, 2]], np.float32)
    with np.errstate(all="ignore"):
        fast = mg.softmax(x)
        with changed_mode(plain=True):
            plain = mg.softmax(x)
    np.testing.assert_allclose(fast, plain, rtol=1e-6)


@pytest.mark.parametrize("mean", [0, 1e2, 1e4])
def test_layer_norm_of_values_far_from_zero(mean):
    x = normal(5, 64) + np.float32(mean)
    weight, bias = normal(64), normal(64)
    exact = x.astype(np.float64)
    exact = (exact - exact.mean(-1, keepdims=True)) / np.sqrt(exact.var(-1, keepdims=True) + 1e-5) * weight + bias
    np.testing.assert_allclose(mg.layer_norm(x, weight, bias)[0], exact, rtol=2e-5, atol=2e-5)
    agree(lambda x, w, b: mg.layer_norm(x, w, b)[0], x, weight, bias, rtol=1e-4)


def test_blocks_of_rows():
    agree(lambda x, w, b: mg.layer_norm(x, w, b)[0], normal(1000, 300), normal(300), normal(300), rtol=1e-4)


def test_a_large_linear_map():
    agree(lambda x, w, b: mg.linear(x, w, b), normal(3, 200, 500), normal(512, 500), normal(512), rtol=1e-3)


def test_linear_with_parameters_of_another_dtype_runs_by_the_formula():
    agree(lambda x, w: mg.linear(x, w), normal(3, 5, dtype=np.float16), normal(4, 5))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 3), (5, 2, 2)])
def test_rows_are_added_in_the_same_order(dtype, shape, monkeypatch):
    monkeypatch.setattr(mg.kernels.indexing, "BLOCK", 7)
    indices = np.random.default_rng(2).integers(-5, 5, (4, 6))
    for a, b in zip(*(results(lambda w: mg.embedding(w, indices), [normal(*shape, dtype=dtype)], k) for k in (True, False)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_rows_out_of_range_are_an_error():
    with pytest.raises(IndexError):
        mg.index_add(normal(3, 2), np.array([3]), normal(1, 2), axis=0)
