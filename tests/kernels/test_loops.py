"""The loops that Numba compiles give what the NumPy kernels give; both give what the formulas give."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.mode import changed_mode
from minigrad.kernels import loops

pytest.importorskip("numba", reason="the extra `fast`")


def gradients(function, *arrays):
    tensors = [mg.Tensor(a, requires_grad=True) for a in arrays]
    y = function(*tensors)
    y.backward(np.random.default_rng(1).standard_normal(y.shape).astype(y.dtype) + 3)
    return [y.data, *(t.grad.data for t in tensors)]


FUNCTIONS = {
    "batch norm": lambda x, *affine: mg.batch_norm(x, *affine, axis=(0, 2, 3))[0],
    "batch norm and ReLU": lambda x, *affine: mg.batch_norm_relu(x, *affine, axis=(0, 2, 3))[0],
    "batch norm of columns": lambda x, *affine: mg.batch_norm(x.reshape(180, 9), *[mg.tile(a, 3) for a in affine], axis=0)[0],
    "batch norm of columns and ReLU": lambda x, *affine: mg.batch_norm_relu(x.reshape(180, 9), *[mg.tile(a, 3) for a in affine], axis=0)[0],
    "max pooling": lambda x, *_: mg.max_pool2d(x, 2),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("mean", [0, 1000])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 2e-3)])
@pytest.mark.parametrize("parameters", [0, 2])
def test_agrees(function, mean, dtype, tolerance, parameters, monkeypatch):
    if function is FUNCTIONS["max pooling"] and parameters:
        pytest.skip("pooling has no parameters")
    rng = np.random.default_rng(0)
    arrays = [(rng.standard_normal((6, 3, 9, 10)) + mean).astype(dtype), *(rng.standard_normal(3).astype(dtype) for _ in range(parameters))]
    fast = gradients(function, *arrays)
    monkeypatch.setattr(loops, "find", lambda family: None)
    plain = gradients(function, *arrays)
    with changed_mode(plain=True):
        formula = gradients(function, *arrays)
    for a, b, c in zip(fast, plain, formula, strict=True):
        assert a.dtype == b.dtype == c.dtype
        np.testing.assert_allclose(a, c, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(b, c, rtol=tolerance, atol=tolerance)


def test_nan_goes_through():
    x = np.ones((2, 1, 4, 4))
    x[0, 0, 1, 0] = np.nan
    assert np.isnan(mg.max_pool2d(x, 2)[0, 0, 0, 0])
    assert np.isnan(mg.batch_norm_relu(x, axis=(0, 2, 3))[0]).all()
