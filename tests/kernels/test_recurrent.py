"""LSTM kernels, by NumPy and by Numba, against the formula: sizes, layouts, extreme values."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.mode import changed_mode
from minigrad.kernels import loops

TOLERANCE = {np.float64: 1e-11, np.float32: 5e-6}


@pytest.fixture(
    params=["numpy", pytest.param("numba", marks=pytest.mark.skipif(find_spec("numba") is None, reason="the extra `fast`"))], autouse=True
)
def form(request, monkeypatch):
    if request.param == "numpy":
        monkeypatch.setattr(loops, "find", lambda family: None)


def normal(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def arrays(steps, n, hidden, dtype):
    """x, h0, c0 and w"""
    scale = dtype(hidden**-0.5)
    shapes = (steps, n, 4 * hidden), (n, hidden), (n, hidden), (4 * hidden, hidden)
    values = [normal(*shape, dtype=dtype, seed=k) for k, shape in enumerate(shapes)]
    return [*values[:3], values[3] * scale]


def results(inputs, kernels, outputs="hc"):
    """h, c, gates, and the gradients of a weighted sum of h, of c or of both."""
    with changed_mode(plain=not kernels):
        tensors = [mg.Tensor(a, requires_grad=True) for a in inputs]
        made = dict(zip(("h", "c", "gates"), mg.lstm(*tensors), strict=True))
        total = sum(((made[name] * normal(*made[name].shape, dtype=made[name].dtype, seed=7)).sum() for name in outputs), mg.tensor(0.0))
        total.backward()
    return [*(t.data for t in made.values()), *(t.grad.data for t in tensors)]


def agree(inputs, outputs="hc"):
    exact = results([a.astype(np.float64) for a in inputs], False, outputs)
    for value, right in zip(results(inputs, True, outputs), exact, strict=True):
        assert value.dtype == inputs[0].dtype
        bound = TOLERANCE[value.dtype.type] * max(1, np.abs(right).max(initial=0))
        np.testing.assert_allclose(value, right, rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("size", [(1, 1, 1), (3, 2, 5), (4, 9, 33), (2, 8, 32), (12, 17, 40)], ids=str)
@pytest.mark.parametrize("outputs", ["h", "c", "hc"])
def test_agrees(dtype, size, outputs):
    agree(arrays(*size, dtype), outputs)


def test_the_gates_cotangent_goes_by_the_formula():
    agree(arrays(3, 2, 4, np.float64), ["h", "gates"])


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_an_empty_batch(dtype):
    agree(arrays(3, 0, 4, dtype))


LAYOUTS = {"Fortran": np.asfortranarray, "reversed": lambda a: a[..., ::-1], "every second": lambda a: np.repeat(a, 2, axis=0)[::2]}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_any_layout(dtype, layout):
    agree([layout(a) for a in arrays(3, 9, 12, dtype)])


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_read_only(dtype):
    inputs = arrays(3, 2, 4, dtype)
    for a in inputs:
        a.flags.writeable = False
    agree(inputs)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_broadcast_cotangent(dtype):
    x, *rest = (mg.Tensor(a, requires_grad=True) for a in arrays(3, 2, 4, dtype))
    mg.lstm(x, *rest)[0].sum().backward()
    given = x.grad.data
    with changed_mode(plain=True):
        x.grad = None
        mg.lstm(x, *rest)[0].sum().backward()
    np.testing.assert_allclose(given, x.grad.data, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("size", [1e2, 1e4, np.inf])
def test_saturated_gates(dtype, size):
    x, *rest = arrays(4, 3, 8, dtype)
    x[1, :, ::3] = dtype(size)
    x[2, :, 1::3] = -dtype(size)
    agree([x, *rest])
    gates = mg.lstm(x, *rest)[2]
    assert np.abs(gates).max() <= 1


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_nan_goes_where_the_formula_takes_it(dtype):
    inputs = arrays(5, 3, 8, dtype)
    inputs[0][2, 1, 6] = np.nan
    for value, right in zip(results(inputs, True), results(inputs, False), strict=True):
        np.testing.assert_array_equal(np.isnan(value), np.isnan(right))


def test_an_argument_is_not_changed():
    inputs = arrays(3, 9, 12, np.float32)
    before = [a.copy() for a in inputs]
    results(inputs, True)
    for a, b in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(a, b)
