"""Statistics, truth, positions and running sums: axes, kept axes, types of results, too few elements; beside NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from array_api.standard import ALL, FLOATS, INTEGERS, NUMBERS, SIGNED, arrays, calmly, quick, same, values, xp, xps
from hypothesis import assume, given, strategies as st

import minigrad as mg

SHAPES = xps.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
FILLED = xps.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4)
AMOUNTS = {"min_value": -100, "max_value": 100}
OF_SEVERAL_AXES: dict[str, tuple[list[Any], Any]] = {
    "sum": (NUMBERS, SHAPES),
    "prod": (NUMBERS, SHAPES),
    "max": (NUMBERS, FILLED),
    "min": (NUMBERS, FILLED),
    "all": (ALL, SHAPES),
    "any": (ALL, SHAPES),
    "count_nonzero": (ALL, SHAPES),
    "mean": (FLOATS, FILLED),
    "var": (FLOATS, FILLED),
    "std": (FLOATS, FILLED),
}


def axes_of(data: Any, x: Any) -> Any:
    """None, an axis, or several."""
    if not x.ndim:
        return data.draw(st.sampled_from([None, ()]))
    one = st.integers(-x.ndim, x.ndim - 1)
    return data.draw(st.none() | one | xps.valid_tuple_axes(x.ndim))


def numpys(name: str) -> Any:
    return np.count_nonzero if name == "count_nonzero" else getattr(np, name)


@pytest.mark.parametrize("name", OF_SEVERAL_AXES)
def test_any_axes_and_kept_ones(name: str) -> None:
    dtypes, shapes = OF_SEVERAL_AXES[name]

    @quick
    @given(arrays(dtypes, shapes, **AMOUNTS), st.booleans(), st.data())
    @calmly
    def check(x: Any, keepdims: bool, data: Any) -> None:
        axis = axes_of(data, x)
        theirs = numpys(name)(x.numpy(), axis=axis, keepdims=keepdims)
        if name == "count_nonzero":
            theirs = np.asarray(theirs, dtype=np.int64)
        atol = 1e-3 if x.dtype == xp.float32 else 1e-9
        loose = name in ("sum", "mean", "var", "std") and x.dtype.kind == "f"
        same(getattr(xp, name)(x, axis=axis, keepdims=keepdims), theirs, ulps=200 if x.dtype.kind == "f" else 0, atol=atol if loose else 0)

    check()


@pytest.mark.parametrize("name", ["sum", "prod", "cumulative_sum", "cumulative_prod"])
@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
def test_types_of_sums_and_products(name: str, dtype: Any) -> None:
    x = xp.ones(3, dtype=dtype)
    kept = dtype if dtype.kind == "f" else xp.int64 if dtype in SIGNED else xp.uint64
    assert getattr(xp, name)(x).dtype == kept
    for wanted in (xp.int16, xp.float64, xp.float32):
        assert getattr(xp, name)(x, dtype=wanted).dtype == wanted


def test_sums_are_made_in_the_wanted_type() -> None:
    assert xp.sum(xp.asarray([100, 100], dtype=xp.uint8)).item() == 200
    assert xp.sum(xp.asarray([100, 200], dtype=xp.uint8), dtype=xp.uint8).item() == 44
    assert xp.sum(xp.full(3, 0.1, dtype=xp.float64), dtype=xp.float32).dtype == xp.float32
    assert xp.prod(xp.asarray([2e30, 3e30]), dtype=xp.float64).item() == pytest.approx(6e60, rel=1e-6)


@pytest.mark.parametrize("name", ["mean", "var", "std"])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_of_too_few_elements_comes_nan(name: str, dtype: Any) -> None:
    function = getattr(xp, name)
    for keepdims, shape in ((False, (2,)), (True, (2, 1))):
        y = function(xp.ones((2, 0), dtype=dtype), axis=1, keepdims=keepdims)
        assert (y.shape, y.dtype) == (shape, dtype)
        assert np.isnan(y.numpy()).all()
    assert function(xp.ones((2, 0), dtype=dtype), axis=0).shape == (0,)
    if name != "mean":
        assert np.isnan(function(xp.ones((2, 3), dtype=dtype), axis=1, correction=3).numpy()).all()
        assert np.isnan(function(xp.ones(1, dtype=dtype), correction=1.5).item())


@quick
@given(arrays(FLOATS, xps.array_shapes(min_dims=1, max_dims=2, min_side=3), **AMOUNTS), st.sampled_from([0, 0.0, 1, 0.5, 2]))
def test_statistical_correction(x: Any, correction: float) -> None:
    for name in ("var", "std"):
        theirs = getattr(np, name)(x.numpy().astype(np.float64), axis=-1, correction=correction)
        ours = getattr(xp, name)(x, axis=-1, correction=correction)
        assert ours.dtype == x.dtype
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-5 if x.dtype == xp.float32 else 1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@quick
@given(arrays(NUMBERS, FILLED, allow_nan=False), st.booleans(), st.data())
def test_positions_of_extremes(name: str, x: Any, keepdims: bool, data: Any) -> None:
    axis = data.draw(st.none() | st.integers(-x.ndim, x.ndim - 1)) if x.ndim else None
    same(getattr(xp, name)(x, axis=axis, keepdims=keepdims), getattr(np, name)(x.numpy(), axis=axis, keepdims=keepdims))


@pytest.mark.parametrize(("name", "numpys", "initial"), [("cumulative_sum", np.cumsum, 0), ("cumulative_prod", np.cumprod, 1)])
@quick
@given(arrays(NUMBERS, xps.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4), **AMOUNTS), st.booleans(), st.data())
@calmly
def test_running_sums_and_products(name: str, numpys: Any, initial: int, x: Any, include_initial: bool, data: Any) -> None:
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    function = getattr(xp, name)
    ours = function(x, axis=axis, include_initial=include_initial)
    theirs = numpys(x.numpy(), axis=axis)
    before = [(int(include_initial and i == axis % x.ndim), 0) for i in range(x.ndim)]
    same(ours, np.pad(theirs, before, constant_values=initial), ulps=50)
    if x.ndim == 1:
        same(function(x, include_initial=include_initial), ours.numpy())
    else:
        with pytest.raises(ValueError, match="axis"):
            function(x, include_initial=include_initial)
    assert not include_initial or (xp.take(ours, xp.asarray([0]), axis=axis).numpy() == initial).all()


@quick
@given(arrays(NUMBERS, xps.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4), **AMOUNTS), st.integers(0, 3), st.data())
@calmly
def test_diff(x: Any, n: int, data: Any) -> None:
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    same(xp.diff(x, n=n, axis=axis), np.diff(x.numpy(), n=n, axis=axis))
    same(xp.diff(x, axis=axis, prepend=x, append=x), np.diff(x.numpy(), axis=axis, prepend=x.numpy(), append=x.numpy()))


@pytest.mark.parametrize("name", ["max", "min", "sum", "prod"])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@calmly
def test_what_is_no_number_stays(name: str, dtype: Any) -> None:
    x = values(dtype).reshape(1, -1)
    same(getattr(xp, name)(xp.asarray(x)), getattr(np, name)(x))
    same(getattr(xp, name)(xp.asarray(x), axis=0), getattr(np, name)(x, axis=0))


def test_all_and_any_of_nothing_and_of_nan() -> None:
    assert (xp.all(xp.zeros(0)).item(), xp.any(xp.zeros(0)).item()) == (True, False)
    assert (xp.all(xp.asarray(mg.nan)).item(), xp.any(xp.asarray(mg.nan)).item()) == (True, True)


@pytest.mark.parametrize("name", [*OF_SEVERAL_AXES, "argmax", "cumulative_sum"])
def test_an_axis_that_is_not_there_is_an_index_error(name: str) -> None:
    with pytest.raises(IndexError):
        getattr(xp, name)(xp.ones((2, 3)), axis=2)


# ----------------------------------------------------------------------------------- sorting, searching, sets


@quick
@given(arrays(NUMBERS, xps.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=8), allow_nan=False), st.booleans(), st.data())
def test_sorting(x: Any, descending: bool, data: Any) -> None:
    assume(not (x.numpy() == 0).any() or x.dtype.kind != "f")  # the order of 0.0 and -0.0 is that they came in, below
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    expected = np.sort(x.numpy(), axis=axis, stable=True)
    same(xp.sort(x, axis=axis, descending=descending), np.flip(expected, axis) if descending else expected)
    places = xp.argsort(x, axis=axis, descending=descending)
    assert places.dtype == xp.int64
    same(xp.take_along_axis(x, places, axis=axis), np.flip(expected, axis) if descending else expected)


@pytest.mark.parametrize("descending", [False, True])
def test_equal_elements_keep_their_order(descending: bool) -> None:
    keys = np.random.default_rng(0).integers(0, 3, 40)
    places = xp.argsort(xp.asarray(keys), descending=descending, stable=True).numpy()
    for key in range(3):
        assert (np.diff(places[keys[places] == key]) > 0).all()
    zeros = xp.sort(xp.asarray([0.0, -0.0, 0.0]), descending=descending)
    assert np.signbit(zeros.numpy()).tolist() == [False, True, False]


@quick
@given(arrays(NUMBERS, xps.array_shapes(min_dims=1, max_dims=1), allow_nan=False), st.sampled_from(["left", "right"]), st.data())
def test_searchsorted(x: Any, side: str, data: Any) -> None:
    v = data.draw(arrays([x.dtype], allow_nan=False))
    order = xp.argsort(x)
    expected = np.searchsorted(np.sort(x.numpy()), v.numpy(), side=side)
    same(xp.searchsorted(x, v, side=side, sorter=order), expected)
    same(xp.searchsorted(xp.sort(x), v, side=side), expected)


@quick
@given(arrays(ALL, xps.array_shapes(min_dims=1, max_dims=3, min_side=0)))
def test_nonzero(x: Any) -> None:
    same(xp.nonzero(x), np.nonzero(x.numpy()))


@quick
@given(arrays(ALL))
def test_sets(x: Any) -> None:
    found, theirs = xp.unique_all(x), np.unique_all(x.numpy())
    assert found._fields == ("values", "indices", "inverse_indices", "counts")
    same(found.counts, theirs.counts)
    values, n = found.values, x.numpy()
    np.testing.assert_array_equal(values.numpy(), theirs.values)
    np.testing.assert_array_equal(n.reshape(-1)[found.indices.numpy()], values.numpy())
    assert found.inverse_indices.shape == x.shape
    np.testing.assert_array_equal(values.numpy()[found.inverse_indices.numpy()], n)
    for part in (xp.unique_counts(x), xp.unique_inverse(x)):
        for name in part._fields:
            same(getattr(part, name), getattr(found, name).numpy())
    same(xp.unique_values(x), values.numpy())


def test_each_nan_is_an_element_of_its_own() -> None:
    x = xp.asarray([mg.nan, 1.0, mg.nan, 0.0, -0.0])
    found = xp.unique_counts(x)
    assert found.values.shape == (4,)
    assert found.counts.tolist() == [2, 1, 1, 1]


def test_integers_count_as_they_are() -> None:
    for dtype in INTEGERS:
        x = values(dtype)
        same(xp.sort(xp.asarray(x)), np.sort(x))
        same(xp.max(xp.asarray(x)), x.max())
