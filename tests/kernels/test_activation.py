"""GELU in float32, by NumPy and by Numba: against the formula in float64, where it is tiny, far from 0, and for any layout."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.mode import changed_mode
from minigrad.kernels import loops
from minigrad.nn import functional as F

FORMS = ["none", "tanh"]


@pytest.fixture(
    params=["numpy", pytest.param("numba", marks=pytest.mark.skipif(find_spec("numba") is None, reason="the extra `fast`"))], autouse=True
)
def form(request, monkeypatch):
    if request.param == "numpy":
        monkeypatch.setattr(loops, "find", lambda family: None)


def value_and_gradient(x, approximate, g=None):
    t = mg.Tensor(x, requires_grad=True)
    y = F.gelu(t, approximate=approximate)
    y.backward(np.ones_like(y.data) if g is None else g)
    return y.data, t.grad.data


def exact(x, approximate, g=None):
    with changed_mode(plain=True):
        return value_and_gradient(x.astype(np.float64), approximate, None if g is None else g.astype(np.float64))


@pytest.mark.parametrize("approximate", FORMS)
def test_agrees(approximate):
    x = np.concatenate([np.linspace(-6, 6, 40_001), np.geomspace(1e-20, 1e20, 1001), -np.geomspace(1e-20, 1e4, 1001)]).astype(np.float32)
    for value, right, bound in zip(value_and_gradient(x, approximate), exact(x, approximate), (3e-7, 3e-6), strict=True):
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, right, rtol=1e-6, atol=bound)  # 1 - p in the gradient loses a digit where p is nearly 1


@pytest.mark.parametrize("approximate", FORMS)
def test_where_it_is_tiny(approximate):
    x = np.linspace(-8 if approximate == "none" else -5, -2, 1001).astype(np.float32)
    np.testing.assert_allclose(value_and_gradient(x, approximate)[0], exact(x, approximate)[0], rtol=1e-5)


@pytest.mark.parametrize("approximate", FORMS)
@pytest.mark.parametrize("x", [0.0, -0.0, np.inf, -np.inf, np.nan, 1e38, -1e38])
def test_values_out_of_the_ordinary(approximate, x):
    x = np.array([x], np.float32)
    with np.errstate(all="ignore"):
        pairs = zip(value_and_gradient(x, approximate), exact(x, approximate), strict=True)
        for value, right in pairs:
            np.testing.assert_allclose(value, right, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("approximate", FORMS)
@pytest.mark.parametrize(
    "layout", [lambda a: a.T, lambda a: a[::-1], lambda a: a[:0], lambda a: a[0, 0]], ids=["transposed", "reversed", "empty", "0-d"]
)
def test_any_layout(approximate, layout):
    rng = np.random.default_rng(0)
    x, g = (layout(rng.standard_normal((5, 7)).astype(np.float32)) for _ in range(2))
    for value, right in zip(value_and_gradient(x, approximate, g), exact(x, approximate, g), strict=True):
        assert value.shape == x.shape
        np.testing.assert_allclose(value, right, rtol=1e-5, atol=1e-6)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="approximate"):
        F.gelu(mg.Tensor(np.zeros(3, np.float32)), approximate="other")
