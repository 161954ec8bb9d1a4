"""Convolution by the loops that Numba compiles: layouts of many kinds, several parts and pieces, and what is not finite."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.mode import changed_mode
from minigrad.kernels import direct, winograd

pytest.importorskip("numba", reason="the extra `fast`")


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    """Names of the functions of `direct` that were called."""
    names = []
    for name in ("convolve", "weight_gradient"):
        run = getattr(direct, name)
        monkeypatch.setattr(direct, name, lambda *args, name=name, run=run: names.append(name) or run(*args))
    return names


def operands(n, c, o, size, kernel=(3, 3), dtype=np.float64):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for shape in ((n, c, *size), (o, c, *kernel), (o,))]


def results(arrays, kernels, **params):
    with changed_mode(plain=not kernels), np.errstate(invalid="ignore"):
        tensors = [mg.Tensor(a, requires_grad=True) for a in arrays]
        y = mg.convolution(*tensors, **params)
        y.backward(np.random.default_rng(9).standard_normal(y.shape).astype(y.dtype))
    return [y.data, *(t.grad.data for t in tensors)]


def compare(arrays, calls, **params):
    formula = results(arrays, False, **params)
    calls.clear()
    fast = results(arrays, True, **params)
    assert sorted(calls) == ["convolve", "convolve", "weight_gradient"]
    tolerance = 1e-13 if arrays[0].dtype == np.float64 else 1e-5
    for a, b in zip(fast, formula, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert np.abs(a - b).max() <= tolerance * np.abs(b).max()


PARAMS = [{}, {"padding": 1}, {"padding": "same"}, {"padding": ((0, 2), (3, 1))}, {"padding": 4}, {"padding": 3, "dilation": (1, 2)}]


@pytest.mark.parametrize("params", PARAMS, ids=str)
@pytest.mark.parametrize("kernel", [(3, 3), (1, 2), (2, 1), (4, 3)], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_agrees(params, kernel, dtype, calls):
    compare(operands(3, 4, 6, (7, 8), kernel, dtype), calls, **params)


@pytest.mark.parametrize(("c", "o"), [(1, 1), (1, 5), (3, 4), (8, 3)])
def test_any_number_of_channels(c, o, calls):
    compare(operands(2, c, o, (5, 6)), calls, padding=1)


@pytest.mark.parametrize("padding", [0, 1, ((2, 0),)])
def test_one_spatial_axis(padding, calls):
    compare(operands(3, 2, 5, (9,), (3,)), calls, padding=padding)


@pytest.mark.parametrize(
    ("n", "size"), [(41, (7, 7)), (3, (28, 28)), (2, (40, 60)), (1, (1, 5000)), (1, (5, 5))], ids=["parts", "odd", "pieces", "wide", "one"]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_any_number_of_samples_and_positions(n, size, dtype, calls):
    compare(operands(n, 3, 5, size, (1, 3), dtype), calls, padding="same")


def test_padding_beyond_the_window(calls):
    compare(operands(2, 2, 3, (4, 5), (2, 2)), calls, padding=3)


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


@pytest.mark.parametrize("layout", [read_only, np.asfortranarray, lambda a: a[..., ::-1], lambda a: np.broadcast_to(a[:1], a.shape)])
def test_any_layout_and_nothing_more_is_compiled(layout, calls):
    x, weight, bias = operands(3, 4, 6, (6, 7))
    compare([x, weight, bias], calls)
    compiled = direct.loops.find("convolution")
    kinds = [len(f.signatures) for f in (compiled.convolve, compiled.weight_gradient)]
    compare([layout(x), layout(weight), layout(bias)], calls)
    assert kinds == [len(f.signatures) for f in (compiled.convolve, compiled.weight_gradient)]


@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("place", [(0, 0), (0, 5), (3, 3), (5, 5)])
def test_what_is_not_finite_stays_where_the_definition_has_it(value, place):
    arrays = operands(3, 2, 5, (6, 6))
    arrays[0][1, 1, *place] = value
    fast, formula = (results(arrays, kernels, padding=1) for kernels in (True, False))
    for a, b in zip(fast, formula, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    assert not np.isfinite(fast[0]).all()
    assert not np.isfinite(fast[2]).all()


@pytest.mark.parametrize("params", [{"stride": 2}, {"groups": 2}])
def test_other_forms_do_the_rest(params, calls):
    x, weight, bias = operands(2, 4, 6, (6, 7))
    results([x, weight[:, : 4 // params.get("groups", 1)], bias], True, **params)
    results([x, weight[..., :1, :1], bias], True)
    assert not calls


def test_many_channels_go_to_winograd(calls, monkeypatch):
    ran = []
    monkeypatch.setattr(winograd, "_outputs", lambda product, run=winograd._outputs: ran.append(1) or run(product))
    results(operands(1, 128, 128, (4, 4), dtype=np.float32), True, padding=1)
    assert ran
    assert not calls


def test_the_result_is_not_overwritten_by_later_work():
    x, weight, bias = operands(8, 16, 32, (28, 28), dtype=np.float32)
    first = mg.convolution(x, weight, bias, padding=1)
    kept = first.copy()
    mg.convolution(x + 1, weight, bias, padding=1)
    np.testing.assert_array_equal(first, kept)
