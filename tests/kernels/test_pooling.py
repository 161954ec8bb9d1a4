"""Max pooling kernels: float32, integers, windows that overlap or leave a rest, NaN, layouts."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.mode import changed_mode


def results(x, kernels, **params):
    with changed_mode(plain=not kernels):
        t = mg.Tensor(x, requires_grad=x.dtype.kind == "f")
        y, indices = mg.max_pool(t, **params)
        found = [y.data, indices.data]
        if t.requires_grad:
            y.backward(np.random.default_rng(1).standard_normal(y.shape).astype(x.dtype))
            found.append(t.grad.data)
    return found


CASES = [
    {"kernel_size": 2},
    {"kernel_size": (2, 3)},
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 2, "stride": 3},
    {"kernel_size": 2, "dilation": 2},
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 2, "ceil_mode": True},
    {"kernel_size": 6},
]


@pytest.mark.parametrize("params", CASES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("layout", [np.asarray, np.asfortranarray, lambda a: a[:, :, ::-1]], ids=["c", "fortran", "reversed"])
def test_agrees_with_the_formula(params, dtype, layout):
    x = layout(np.random.default_rng(0).integers(-9, 9, (2, 3, 7, 8)).astype(dtype))  # with ties
    for a, b in zip(results(x, True, **params), results(x, False, **params), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("place", [0, 1, 4, 5])
def test_nan_counts_as_largest(place):
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    x.flat[place] = np.nan
    for a, b in zip(results(x, True, kernel_size=2), results(x, False, kernel_size=2), strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.isnan(mg.max_pool(x, kernel_size=2)[0][0, 0, 0, 0])


def test_minus_infinity_is_a_value():
    x = np.full((1, 1, 2, 2), -np.inf)
    y, indices = mg.max_pool(x, kernel_size=2)
    assert (y.item(), indices.item()) == (-np.inf, 0)
