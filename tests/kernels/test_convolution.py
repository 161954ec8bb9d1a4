"""Convolution kernels where the samples of the op, which are small, do not reach: Winograd, chunks, float32, layouts.

These are the kernels for NumPy alone; test_loops.py has the one in loops that Numba compiles.
"""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.mode import changed_mode
from minigrad.kernels import convolution, loops, winograd


@pytest.fixture(autouse=True)
def without_loops(monkeypatch):
    monkeypatch.setattr(loops, "find", lambda family: None)


def results(x, weight, bias, g, kernels, **params):
    with changed_mode(plain=not kernels):
        tensors = [mg.Tensor(a, requires_grad=True) for a in (x, weight, bias)]
        y = mg.convolution(*tensors, **params)
        y.backward(g)
    return [y.data, *(t.grad.data for t in tensors)]


def compare(x, weight, bias, tolerance, **params):
    g = np.random.default_rng(9).standard_normal(mg.convolution(x, weight, bias, **params).shape).astype(x.dtype)
    fast, plain = (results(x, weight, bias, g, kernels, **params) for kernels in (True, False))
    for a, b in zip(fast, plain, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert np.abs(a - b).max() <= tolerance * np.abs(b).max()


def operands(n, c, o, size, kernel=(3, 3), dtype=np.float64):
    rng = np.random.default_rng(0)
    shapes = (n, c, *size), (o, c, *kernel), (o,)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (8, 6), (9, 12)])
@pytest.mark.parametrize("padding", [0, 1, 2, (1, 0)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 2e-5)])
def test_winograd_agrees_with_the_definition(size, padding, dtype, tolerance, monkeypatch):
    monkeypatch.setattr(winograd, "CHUNK", 1)  # two samples at a time, and one in the last part
    called = []
    monkeypatch.setattr(winograd, "_outputs", lambda product, run=winograd._outputs: called.append(1) or run(product))
    compare(*operands(3, 32, 33, size, dtype=dtype), tolerance, padding=padding)
    assert called  # for the gradient of x at least


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda a: a[:, :, ::-1], lambda a: a.swapaxes(2, 3)])
def test_winograd_takes_any_layout(layout):
    x, weight, bias = operands(2, 32, 32, (8, 8))
    compare(layout(x), weight, bias, 1e-13, padding=1)
    compare(x, layout(weight), bias, 1e-13, padding=1)


@pytest.mark.parametrize(
    "params",
    [{}, {"stride": 2, "padding": 1}, {"dilation": (1, 2), "padding": 2}, {"padding": "same"}, {"padding": ((0, 2), (1, 0))}],
    ids=str,
)
@pytest.mark.parametrize("kernel", [(1, 1), (3, 2)])
def test_a_few_samples_at_a_time(params, kernel, monkeypatch):
    monkeypatch.setattr(convolution, "CHUNK", 1)
    compare(*operands(3, 4, 6, (7, 8), kernel), 1e-13, **params)
    compare(*operands(3, 4, 6, (7, 8), kernel, np.float32), 1e-5, **params)


def test_groups_a_few_samples_at_a_time(monkeypatch):
    monkeypatch.setattr(convolution, "CHUNK", 1)
    x, weight, bias = operands(3, 2, 6, (5, 5))
    compare(np.concatenate([x, x + 1], axis=1), weight, bias, 1e-13, groups=2)


def test_other_dtypes_run_by_the_formula():
    x, weight, bias = operands(2, 32, 32, (6, 6), dtype=np.float16)
    assert mg.convolution(x, weight, bias, padding=1).dtype == np.float16


def test_the_result_is_not_overwritten_by_later_work():
    x, weight, bias = operands(8, 32, 32, (28, 28), dtype=np.float32)
    first = mg.convolution(x, weight, bias, padding=1)
    kept = first.copy()
    mg.convolution(x + 1, weight, bias, padding=1)
    np.testing.assert_array_equal(first, kept)
