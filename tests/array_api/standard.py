"""What the cases of the array API share: the namespace, hypothesis's strategies for it, and NumPy, which conforms, beside it."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.extra.array_api import make_strategies_namespace

import minigrad as mg

xp = mg.array_api
xps = make_strategies_namespace(xp, api_version="2022.12")

BOOL = [mg.bool]
SIGNED = [mg.int8, mg.int16, mg.int32, mg.int64]
UNSIGNED = [mg.uint8, mg.uint16, mg.uint32, mg.uint64]
INTEGERS = SIGNED + UNSIGNED
FLOATS = [mg.float32, mg.float64]
NUMBERS = INTEGERS + FLOATS
ALL = BOOL + NUMBERS

#: few examples of each, as there are many cases
quick = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 0.5, -0.5, 1.5, 2.5, -1.5, 2, 3, -2, 1e-40, -1e-45, 1e30, 4.0, 0.1, 100, 709, 1e300]


def values(dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Values of a type at which functions are likely to go wrong."""
    with np.errstate(over="ignore"):
        if dtype.kind == "f":
            return np.array(SPECIAL).astype(dtype)
        if dtype.kind == "b":
            return np.array([False, True])
        limits = np.iinfo(dtype)
        return np.array([0, 1, 2, 3, 5, limits.max, *([-1, -2, -5, limits.min] if dtype.kind == "i" else [])], dtype)


def arrays(dtypes: list[Any], shapes: Any = None, **elements: Any) -> Any:
    """A strategy for tensors of one of the types."""
    shapes = xps.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4) if shapes is None else shapes
    return st.sampled_from(dtypes).flatmap(
        lambda dtype: xps.arrays(dtype, shapes, elements=elements if dtype.kind == "f" else None, fill=st.nothing())
    )


def same(ours: Any, theirs: Any, ulps: float = 0, atol: float = 0.0) -> None:
    """Assert that a tensor, or each of several, is NumPy's array: type, shape, values, nan and the sign of zero."""
    if isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            same(mine, other, ulps, atol)
        return
    theirs = np.asarray(theirs)
    assert isinstance(ours, mg.Tensor)
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    mine = ours.numpy()
    if theirs.dtype.kind != "f" or not (ulps or atol):
        np.testing.assert_array_equal(mine, theirs)
    else:
        np.testing.assert_allclose(mine, theirs, rtol=ulps * float(np.finfo(theirs.dtype).eps), atol=atol)
    if theirs.dtype.kind == "f" and not atol:
        np.testing.assert_array_equal(np.signbit(mine[theirs == 0]), np.signbit(theirs[theirs == 0]))


def calmly(test: Any) -> Any:
    """Run a test without NumPy's warnings, which tell of overflow and invalid values: those are what is looked at."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            return test(*args, **kwargs)

    return run
