"""Names of types, what is known of them, which type a result has; constants."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

import minigrad as mg

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
ALL = ["bool", *INTEGERS, *FLOATS]


@pytest.mark.parametrize("name", ALL)
def test_a_name_is_the_type_of_a_tensor_of_it(name: str) -> None:
    dtype = getattr(mg, name)
    x = mg.ones(2, dtype=dtype)
    assert x.dtype is dtype
    assert {dtype: 1}[x.dtype] == 1
    assert mg.ones(2, dtype=name).dtype == dtype == np.dtype(name)
    assert x.astype("float64").astype(dtype).dtype == dtype


def test_constants() -> None:
    assert (mg.pi, mg.e, mg.inf) == (math.pi, math.e, math.inf)
    assert math.isnan(mg.nan)
    assert mg.ones((2, 3))[:, mg.newaxis].shape == (2, 1, 3)


@pytest.mark.parametrize("name", FLOATS)
def test_finfo(name: str) -> None:
    ours, theirs = mg.finfo(name), np.finfo(name)
    for part in ("bits", "eps", "max", "min", "smallest_normal"):
        assert getattr(ours, part) == getattr(theirs, part)
        assert type(getattr(ours, part)) in (int, float)
    assert ours == mg.finfo(mg.ones(1, dtype=name)) == mg.finfo(np.ones(1, name))
    assert (mg.ones(1, dtype=name) + ours.eps).dtype == ours.dtype == name


@pytest.mark.parametrize("name", INTEGERS)
def test_iinfo(name: str) -> None:
    ours, theirs = mg.iinfo(name), np.iinfo(name)
    assert ours == (theirs.bits, theirs.max, theirs.min, np.dtype(name)) == mg.iinfo(mg.ones(1, dtype=name))


def test_limits_of_another_kind_are_refused() -> None:
    with pytest.raises(TypeError, match="finfo: int32 is no type of floating point; iinfo has"):
        mg.finfo(mg.int32)
    with pytest.raises(TypeError, match="iinfo: float32 is no type of integers; finfo has"):
        mg.iinfo(mg.ones(2))


def test_isdtype() -> None:
    kinds = {
        "bool": ["bool"], "signed integer": INTEGERS[:4], "unsigned integer": INTEGERS[4:], "integral": INTEGERS, "real floating": FLOATS,
        "complex floating": [], "numeric": INTEGERS + FLOATS,
    }  # fmt: skip
    for kind, members in kinds.items():
        assert [name for name in ALL if mg.isdtype(getattr(mg, name), kind)] == members
    assert mg.isdtype(mg.float32, (mg.bool, "real floating"))
    assert mg.isdtype(mg.float32, mg.float32)
    assert not mg.isdtype(mg.float32, mg.float64)


@pytest.mark.parametrize(("a", "b"), [*product(ALL, ALL)])
def test_the_type_of_a_result_is_what_an_op_makes(a: str, b: str) -> None:
    x, y = mg.ones(2, dtype=a), mg.ones(2, dtype=b)
    assert mg.result_type(x, y) == mg.result_type(x.dtype, b) == (x * y).dtype
    assert mg.can_cast(x, b) == ((x * y).dtype == b)


@pytest.mark.parametrize(("a", "number"), [*product(ALL[1:], [2, 2.5, True])])
def test_the_type_beside_a_number_of_pythons(a: str, number: float) -> None:
    x = mg.ones(2, dtype=a)
    assert mg.result_type(x, number) == mg.result_type(number, a) == (x * number).dtype
