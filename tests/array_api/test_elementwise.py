"""Elementwise functions: the special cases of the standard, NumPy's values for all types, promotion, broadcasting, operators."""

from __future__ import annotations

import math
import operator
from itertools import product
from typing import Any

import numpy as np
import pytest
from array_api.standard import ALL, BOOL, FLOATS, INTEGERS, NUMBERS, SIGNED, arrays, calmly, quick, same, values, xp, xps
from hypothesis import given, strategies as st

import minigrad as mg

inf, nan, pi = math.inf, math.nan, math.pi

# -------------------------------------------------------------------------------- special cases, from the standard's text

#: function -> argument and result; nan in, nan out is said once for all
OF_ONE: dict[str, list[tuple[float, float]]] = {
    "abs": [(-0.0, 0.0), (-inf, inf)],
    "acos": [(1.5, nan), (-1.5, nan), (1, 0.0)],
    "acosh": [(0.5, nan), (1, 0.0), (inf, inf)],
    "asin": [(1.5, nan), (-1.5, nan), (0.0, 0.0), (-0.0, -0.0)],
    "asinh": [(0.0, 0.0), (-0.0, -0.0), (inf, inf), (-inf, -inf)],
    "atan": [(0.0, 0.0), (-0.0, -0.0), (inf, pi / 2), (-inf, -pi / 2)],
    "atanh": [(-1.5, nan), (1.5, nan), (-1, -inf), (1, inf), (0.0, 0.0), (-0.0, -0.0)],
    "ceil": [(3, 3), (inf, inf), (-inf, -inf), (0.0, 0.0), (-0.0, -0.0), (-0.5, -0.0)],
    "cos": [(0.0, 1), (-0.0, 1), (inf, nan), (-inf, nan)],
    "cosh": [(0.0, 1), (-0.0, 1), (inf, inf), (-inf, inf)],
    "exp": [(0.0, 1), (-0.0, 1), (inf, inf), (-inf, 0.0)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (inf, inf), (-inf, -1)],
    "floor": [(3, 3), (inf, inf), (-inf, -inf), (0.0, 0.0), (-0.0, -0.0)],
    "log": [(-1, nan), (0.0, -inf), (-0.0, -inf), (1, 0.0), (inf, inf)],
    "log1p": [(-2, nan), (-1, -inf), (-0.0, -0.0), (0.0, 0.0), (inf, inf)],
    "log2": [(-1, nan), (0.0, -inf), (-0.0, -inf), (1, 0.0), (inf, inf)],
    "log10": [(-1, nan), (0.0, -inf), (-0.0, -inf), (1, 0.0), (inf, inf)],
    "reciprocal": [(0.0, inf), (-0.0, -inf), (inf, 0.0), (-inf, -0.0)],
    "round": [(3, 3), (inf, inf), (-inf, -inf), (0.0, 0.0), (-0.0, -0.0), (0.5, 0), (1.5, 2), (2.5, 2), (-0.5, -0.0)],
    "sign": [(-3, -1), (0.0, 0), (-0.0, 0), (3, 1), (inf, 1), (-inf, -1)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (inf, nan), (-inf, nan)],
    "sinh": [(0.0, 0.0), (-0.0, -0.0), (inf, inf), (-inf, -inf)],
    "sqrt": [(-1, nan), (0.0, 0.0), (-0.0, -0.0), (inf, inf)],
    "tan": [(0.0, 0.0), (-0.0, -0.0), (inf, nan), (-inf, nan)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (inf, 1), (-inf, -1)],
    "trunc": [(3, 3), (inf, inf), (-inf, -inf), (0.0, 0.0), (-0.0, -0.0), (-0.5, -0.0)],
}

#: function -> two arguments and the result
OF_TWO: dict[str, list[tuple[float, float, float]]] = {
    "add": [
        (nan, 1, nan), (inf, -inf, nan), (-inf, inf, nan), (inf, inf, inf), (-inf, -inf, -inf), (inf, 1, inf), (1, -inf, -inf),
        (-0.0, -0.0, -0.0), (-0.0, 0.0, 0.0), (0.0, -0.0, 0.0), (0.0, 0.0, 0.0), (-0.0, 3, 3), (3, -3, 0.0),
    ],
    "atan2": [
        (nan, 1, nan), (1, nan, nan), (2, 0.0, pi / 2), (2, -0.0, pi / 2), (0.0, 2, 0.0), (0.0, 0.0, 0.0), (0.0, -0.0, pi), (0.0, -2, pi),
        (-0.0, 2, -0.0), (-0.0, 0.0, -0.0), (-0.0, -0.0, -pi), (-0.0, -2, -pi), (-2, 0.0, -pi / 2), (-2, -0.0, -pi / 2), (2, inf, 0.0),
        (2, -inf, pi), (-2, inf, -0.0), (-2, -inf, -pi), (inf, 2, pi / 2), (-inf, 2, -pi / 2), (inf, inf, pi / 4), (inf, -inf, 3 * pi / 4),
        (-inf, inf, -pi / 4), (-inf, -inf, -3 * pi / 4),
    ],
    "copysign": [(2, -3, -2), (2, 0.0, 2), (2, -0.0, -2), (-2, 3, 2), (nan, 1, nan), (inf, -1, -inf), (0.0, -1, -0.0)],
    "divide": [
        (nan, 1, nan), (1, nan, nan), (inf, inf, nan), (-inf, inf, nan), (0.0, 0.0, nan), (-0.0, 0.0, nan), (0.0, 2, 0.0), (-0.0, 2, -0.0),
        (0.0, -2, -0.0), (-0.0, -2, 0.0), (2, 0.0, inf), (2, -0.0, -inf), (-2, 0.0, -inf), (-2, -0.0, inf), (inf, 2, inf), (inf, -2, -inf),
        (-inf, 2, -inf), (-inf, -2, inf), (2, inf, 0.0), (2, -inf, -0.0), (-2, inf, -0.0), (-2, -inf, 0.0),
    ],
    "floor_divide": [
        (nan, 1, nan), (1, nan, nan), (inf, inf, nan), (inf, -inf, nan), (0.0, 0.0, nan), (0.0, -0.0, nan), (0.0, 2, 0.0), (-0.0, 2, -0.0),
        (0.0, -2, -0.0), (-0.0, -2, 0.0), (2, 0.0, inf), (2, -0.0, -inf), (-2, 0.0, -inf), (-2, -0.0, inf), (2, inf, 0.0), (2, -inf, -1),
        (-2, inf, -1), (-2, -inf, 0.0), (7, -2, -4),
    ],
    "hypot": [(inf, nan, inf), (nan, -inf, inf), (inf, 1, inf), (nan, 1, nan), (1, nan, nan), (3, -4, 5), (0.0, -0.0, 0.0)],
    "logaddexp": [(nan, 1, nan), (inf, nan, nan), (inf, 1, inf), (-2, inf, inf), (-inf, -inf, -inf), (0.0, -inf, 0.0)],
    "maximum": [(nan, 1, nan), (1, nan, nan), (inf, 2, inf), (-inf, 2, 2)],
    "minimum": [(nan, 1, nan), (1, nan, nan), (inf, 2, 2), (-inf, 2, -inf)],
    "multiply": [
        (nan, 1, nan), (inf, 0.0, nan), (-inf, -0.0, nan), (inf, inf, inf), (inf, -inf, -inf), (inf, -2, -inf), (-0.0, 2, -0.0),
        (-0.0, -2, 0.0),
    ],
    "nextafter": [(nan, 1, nan), (1, nan, nan), (2, 2, 2), (-0.0, 0.0, 0.0), (0.0, -0.0, -0.0)],
    "pow": [
        (1, nan, 1), (1, inf, 1), (2, nan, nan), (nan, 0.0, 1), (nan, -0.0, 1), (inf, 0.0, 1), (nan, 2, nan), (2, inf, inf), (-2, inf, inf),
        (2, -inf, 0.0), (-1, inf, 1), (-1, -inf, 1), (0.5, inf, 0.0), (-0.5, -inf, inf), (inf, 2, inf), (inf, -2, 0.0), (-inf, 3, -inf),
        (-inf, 2, inf), (-inf, 2.5, inf), (-inf, -3, -0.0), (-inf, -2, 0.0), (0.0, 2, 0.0), (0.0, -2, inf), (-0.0, 3, -0.0), (-0.0, 2, 0.0),
        (-0.0, 2.5, 0.0), (-0.0, -3, -inf), (-0.0, -2, inf), (-0.0, -2.5, inf), (-2, 0.5, nan),
    ],
    "remainder": [
        (nan, 1, nan), (1, nan, nan), (inf, inf, nan), (inf, -inf, nan), (0.0, 0.0, nan), (-0.0, 0.0, nan), (0.0, 2, 0.0), (-0.0, 2, 0.0),
        (0.0, -2, -0.0), (-0.0, -2, -0.0), (2, 0.0, nan), (2, -0.0, nan), (-2, 0.0, nan), (inf, 2, nan), (-inf, 2, nan), (2, inf, 2),
        (2, -inf, -inf), (-2, inf, inf), (-2, -inf, -2), (7, -2, -1), (-7, 2, 1),
    ],
}  # fmt: skip


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", OF_ONE)
@calmly
def test_special_cases_of_one_argument(name: str, dtype: Any) -> None:
    arguments, results = zip(*OF_ONE[name], (nan, nan), strict=True)
    same(getattr(xp, name)(xp.asarray(arguments, dtype=dtype)), np.array(results, dtype), ulps=1)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", OF_TWO)
@calmly
def test_special_cases_of_two_arguments(name: str, dtype: Any) -> None:
    a, b, results = zip(*OF_TWO[name], strict=True)
    same(getattr(xp, name)(xp.asarray(a, dtype=dtype), xp.asarray(b, dtype=dtype)), np.array(results, dtype), ulps=1)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_special_values_are_told_apart(dtype: Any) -> None:
    x = xp.asarray([nan, inf, -inf, 0.0, -0.0, -1.0], dtype=dtype)
    assert xp.isnan(x).tolist() == [True, False, False, False, False, False]
    assert xp.isinf(x).tolist() == [False, True, True, False, False, False]
    assert xp.isfinite(x).tolist() == [False, False, False, True, True, True]
    assert xp.signbit(x)[1:].tolist() == [False, True, False, True, True]
    assert xp.equal(x, x).tolist() == [False, True, True, True, True, True]
    assert xp.equal(x[3], x[4])


# ---------------------------------------------------------------------------------------------- NumPy's, for all types

DOMAINS: dict[tuple[str, ...], list[Any]] = {
    ("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "expm1", "log", "log1p", "log2", "log10"): FLOATS,
    ("reciprocal", "signbit", "sin", "sinh", "sqrt", "tan", "tanh"): FLOATS,
    ("abs", "ceil", "floor", "isfinite", "isinf", "isnan", "negative", "positive", "round", "sign", "square", "trunc"): NUMBERS,
    ("logical_not",): BOOL,
    ("bitwise_invert",): BOOL + INTEGERS,
}
PAIRED: dict[tuple[str, ...], list[Any]] = {
    ("atan2", "copysign", "divide", "hypot", "logaddexp", "nextafter"): FLOATS,
    ("add", "floor_divide", "maximum", "minimum", "multiply", "remainder", "subtract"): NUMBERS,
    ("greater", "greater_equal", "less", "less_equal"): NUMBERS,
    ("equal", "not_equal"): ALL,
    ("pow",): FLOATS,
    ("logical_and", "logical_or", "logical_xor"): BOOL,
    ("bitwise_and", "bitwise_or", "bitwise_xor"): BOOL + INTEGERS,
}
NAMES = {name: dtypes for names, dtypes in DOMAINS.items() for name in names}
PAIRS = {name: dtypes for names, dtypes in PAIRED.items() for name in names}


@pytest.mark.parametrize("name", NAMES)
@calmly
def test_functions_of_one_argument(name: str) -> None:
    for dtype in NAMES[name]:
        x = values(dtype)
        theirs = getattr(np, name)(x)
        if name in ("ceil", "floor", "trunc") and dtype.kind != "f":
            theirs = x  # NumPy's are floats before 2.1
        same(getattr(xp, name)(xp.asarray(x)), theirs, ulps=4)


@pytest.mark.parametrize("name", PAIRS)
@calmly
def test_functions_of_two_arguments(name: str) -> None:
    for dtype in PAIRS[name]:
        a, b = values(dtype)[:, None], values(dtype)
        same(getattr(xp, name)(xp.asarray(a), xp.asarray(b)), getattr(np, name)(a, b), ulps=4)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_shifts_and_powers_of_integers(dtype: Any) -> None:
    a, b = values(dtype)[:, None], np.arange(dtype.itemsize * 8, dtype=dtype)
    for name in ("bitwise_left_shift", "bitwise_right_shift", "pow"):
        same(getattr(xp, name)(xp.asarray(a), xp.asarray(b)), getattr(np, name)(a, b))


@quick
@given(arrays(NUMBERS), st.data())
@calmly
def test_clip(x: Any, data: Any) -> None:
    low, high = data.draw(st.none() | st.just(-3 if x.dtype.kind != "u" else 1)), data.draw(st.none() | st.just(2))
    expected = x.numpy() if low is None and high is None else np.clip(x.numpy(), low, high)
    same(xp.clip(x, low, high), expected)
    same(xp.clip(x, min=low, max=None if high is None else xp.asarray(high, dtype=x.dtype)), expected)


@quick
@given(xps.mutually_broadcastable_shapes(3, max_dims=3), st.data())
def test_where_broadcasts(shapes: Any, data: Any) -> None:
    condition = data.draw(xps.arrays(xp.bool, shapes.input_shapes[0], fill=st.nothing()))
    kind = data.draw(st.sampled_from([SIGNED, INTEGERS[4:], FLOATS]))
    a, b = (data.draw(arrays(kind, st.just(shape))) for shape in shapes.input_shapes[1:])
    same(xp.where(condition, a, b), np.where(condition.numpy(), a.numpy(), b.numpy()))


# ------------------------------------------------------------------------------------------------ promotion, operators

#: the tables of the standard, as the result of two types of one kind, and of signed and unsigned integers
RANKS = [SIGNED, INTEGERS[4:], FLOATS]
MIXED = {
    (mg.int8, mg.uint8): mg.int16, (mg.int8, mg.uint16): mg.int32, (mg.int8, mg.uint32): mg.int64,
    (mg.int16, mg.uint8): mg.int16, (mg.int16, mg.uint16): mg.int32, (mg.int16, mg.uint32): mg.int64,
    (mg.int32, mg.uint8): mg.int32, (mg.int32, mg.uint16): mg.int32, (mg.int32, mg.uint32): mg.int64,
    (mg.int64, mg.uint8): mg.int64, (mg.int64, mg.uint16): mg.int64, (mg.int64, mg.uint32): mg.int64,
}  # fmt: skip
PROMOTION = {
    **{(a, b): max(a, b, key=rank.index) for rank in RANKS for a, b in product(rank, rank)},
    **MIXED,
    **{(b, a): c for (a, b), c in MIXED.items()},
    (mg.bool, mg.bool): mg.bool,
}


@pytest.mark.parametrize(("a", "b"), PROMOTION, ids=str)
@calmly
def test_promotion(a: Any, b: Any) -> None:
    expected = PROMOTION[a, b]
    assert xp.result_type(a, b) == expected
    assert xp.can_cast(a, b) == (expected == b)
    for name, dtypes in PAIRS.items():
        if a in dtypes and b in dtypes:
            y = getattr(xp, name)(xp.ones(2, dtype=a), xp.ones(2, dtype=b))
            assert y.dtype == (mg.bool if name.startswith(("equal", "greater", "less", "logical_", "not_equal")) else expected), name
    assert xp.where(xp.asarray(True), xp.ones(2, dtype=a), xp.ones(2, dtype=b)).dtype == expected
    assert xp.concat([xp.ones(2, dtype=a), xp.ones(2, dtype=b)]).dtype == expected


SYMBOLS = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv, "floor_divide": operator.floordiv,
    "remainder": operator.mod, "pow": operator.pow, "bitwise_and": operator.and_, "bitwise_or": operator.or_, "bitwise_xor": operator.xor,
    "bitwise_left_shift": operator.lshift, "bitwise_right_shift": operator.rshift, "less": operator.lt, "less_equal": operator.le,
    "greater": operator.gt, "greater_equal": operator.ge, "equal": operator.eq, "not_equal": operator.ne,
}  # fmt: skip


@pytest.mark.parametrize("name", SYMBOLS)
def test_operators_take_tensors_and_numbers_on_both_sides_and_keep_the_type(name: str) -> None:
    symbol, function = SYMBOLS[name], getattr(xp, name)
    dtypes = BOOL if name in ("bitwise_and", "bitwise_or", "bitwise_xor") else []
    dtypes = [*dtypes, *(INTEGERS if name != "divide" else []), *([] if name.startswith("bitwise") else FLOATS)]
    for dtype in dtypes:
        x = xp.ones((2, 3), dtype=dtype)
        number: Any = {"b": True, "f": 2.0}.get(dtype.kind, 2)
        kept = function(x, x)
        for y in (symbol(x, x), symbol(x, number), symbol(number, x), function(x, number), function(number, x)):
            assert (y.dtype, y.shape) == (kept.dtype, (2, 3))
        same(symbol(x, number), symbol(x.numpy(), number))
        same(symbol(number, x), symbol(number, x.numpy()))


def test_operators_of_one_side_and_those_that_rebind() -> None:
    x = xp.asarray([1, -2], dtype=xp.int16)
    for y, expected in ((+x, [1, -2]), (-x, [-1, 2]), (abs(x), [1, 2]), (~x, [-2, 1])):
        assert (y.tolist(), y.dtype) == (expected, xp.int16)
    before = x
    x += 1
    assert (x.tolist(), before.tolist()) == ([2, -1], [1, -2])
    a = xp.ones((2, 3, 4))
    assert (a @ xp.ones((4, 5))).shape == (2, 3, 5)
    assert (a.T if a.ndim == 2 else a.mT).shape == (2, 4, 3)


def test_conversions_of_one_element() -> None:
    for dtype in ALL:
        x = xp.ones((), dtype=dtype)
        assert (bool(x), int(x), float(x), complex(x)) == (True, 1, 1.0, 1 + 0j)
        if dtype in INTEGERS:
            assert operator.index(x) == 1
    with pytest.raises(TypeError):
        operator.index(xp.ones(()))
