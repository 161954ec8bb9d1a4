"""What a float is made of: its sign, its neighbours, whether it is a number; and what is equal up to rounding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.core.tensor import DEFAULT_DTYPE, Tensor, array_of
from minigrad.ops.comparison import isnan
from minigrad.ops.elementwise import astype, where

__all__ = ["allclose", "copysign", "isclose", "nan_to_num", "nextafter", "signbit"]

elementwise = op(broadcasts=True)


@op
def signbit(xp: Namespace, x: Array) -> Array:
    """Whether the sign bit of x is set: for negative numbers and -0.0."""
    return xp.signbit(x)


signbit.nondiff(x="the result is a truth value")


@elementwise
def copysign(xp: Namespace, a: Array, b: Array) -> Array:
    """The size of a with the sign of b. At a = 0, where there is no derivative, the gradient is 0."""
    return xp.copysign(a, b)


def _agreement(a: Array, y: Array) -> Array:
    """1 where copysign kept a's sign, -1 where it changed it, 0 where a is 0."""
    return where(a == 0, 0, where(signbit(a) == signbit(y), 1, -1))


copysign.vjp(a=lambda g, a, y: g * _agreement(a, y))
copysign.zero(b="piecewise constant")


@elementwise
def nextafter(xp: Namespace, a: Array, b: Array) -> Array:
    """The float next to a in the direction of b.

    Raises
    ------
    TypeError
        If both are integers, of which each is next to itself.
    """
    if all(getattr(x, "dtype", np.dtype(int)).kind in "iub" for x in (a, b)):
        raise TypeError("nextafter: a and b are integers; the next float is of a float: write a.astype('float32')")
    return xp.nextafter(a, b)


nextafter.nondiff(a="the result is a step of rounding", b="only the direction counts")


def nan_to_num(x: Array, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """Replace nan by a number, and infinite elements by the largest and smallest number of the dtype unless others are given.

    The gradient is 0 where an element was replaced.
    """
    if x.dtype.kind != "f":
        return x + 0
    limits = np.finfo(x.dtype)
    top, bottom = float(limits.max) if posinf is None else posinf, float(limits.min) if neginf is None else neginf
    return where(isnan(x), nan, where(x == math.inf, top, where(x == -math.inf, bottom, x)))


def eps_of(dtype: np.dtype[Any]) -> float:
    """Return the distance of 1 from the next number of a type; for integers, that of the floats which are made of them."""
    return float(np.finfo(DEFAULT_DTYPE if dtype.kind in "iub" else dtype).eps)


def without_wrapping(x: Array) -> Array:
    """Return x in a type in which differences do not wrap around: int64 for smaller integers, float64 for uint64."""
    kind = array_of(x).dtype if hasattr(x, "dtype") else None
    if kind is None or kind.kind not in "iub" or kind == np.int64:
        return x
    return astype(x, dtype=np.dtype(np.float64 if kind == np.uint64 else np.int64))


def isclose(a: Array, b: Array, *, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether ``abs(a - b) <= atol + rtol * abs(b)``, elementwise; infinite elements are close to their equals alone."""
    same = (a == b) | (isnan(a) & isnan(b)) if equal_nan else a == b
    a, b = without_wrapping(a), without_wrapping(b)
    finite = abs(b) < math.inf
    return same | (finite & (abs(a - where(finite, b, 0)) <= atol + rtol * abs(b)))


def allclose(a: Array, b: Array, *, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close as `isclose` says; waits for the values."""
    return bool(isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan).all())
