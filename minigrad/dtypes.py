"""Types of elements and what is known of them, and the constants: the names of the Python array API standard.

A type is an instance of `numpy.dtype`, what ``x.dtype`` is; wherever one is asked for, its name will do: ``dtype="float64"``.
"""

from __future__ import annotations

import builtins
import math
from typing import Any, NamedTuple

import numpy as np

from minigrad.core._interop import DEFAULT_DTYPE
from minigrad.core.tensor import Tensor

__all__ = [
    "FloatInfo", "IntegerInfo", "bool", "can_cast", "e", "finfo", "float16", "float32", "float64", "iinfo",
    "inf", "int8", "int16", "int32", "int64", "isdtype", "nan", "newaxis", "pi", "result_type", "uint8", "uint16", "uint32", "uint64",
]  # fmt: skip

bool = np.dtype(np.bool_)  #: truth values
int8 = np.dtype(np.int8)  #: integers from -128 to 127
int16 = np.dtype(np.int16)  #: integers of 16 bits
int32 = np.dtype(np.int32)  #: integers of 32 bits
int64 = np.dtype(np.int64)  #: integers of 64 bits, as Python's integers become
uint8 = np.dtype(np.uint8)  #: integers from 0 to 255
uint16 = np.dtype(np.uint16)  #: integers from 0, of 16 bits
uint32 = np.dtype(np.uint32)  #: integers from 0, of 32 bits
uint64 = np.dtype(np.uint64)  #: integers from 0, of 64 bits
float16 = np.dtype(np.float16)  #: numbers of 3 digits, up to 65504
float32 = np.dtype(np.float32)  #: numbers of 7 digits, as Python's floats become
float64 = np.dtype(np.float64)  #: numbers of 16 digits

e = math.e  #: base of the natural logarithm
inf = math.inf  #: infinity
nan = math.nan  #: not a number
newaxis = None  #: in an index, a new axis of length 1: ``x[:, mg.newaxis]``
pi = math.pi  #: circumference of a circle with the diameter 1


class FloatInfo(NamedTuple):
    """What `finfo` returns; Python's numbers, so that they widen no tensor."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: np.dtype[Any]


class IntegerInfo(NamedTuple):
    """What `iinfo` returns."""

    bits: int
    max: int
    min: int
    dtype: np.dtype[Any]


def finfo(x: Any) -> FloatInfo:
    """Limits of a floating-point type, or of that of a tensor: bits, eps (1 + eps comes next after 1), max, min, smallest_normal.

    Raises
    ------
    TypeError
        If the type is none of floating point.
    """
    dtype = _dtype_of(x)
    if dtype.kind != "f":
        raise TypeError(f"finfo: {dtype} is no type of floating point; iinfo has the limits of integers")
    found = np.finfo(dtype)
    return FloatInfo(found.bits, float(found.eps), float(found.max), float(found.min), float(found.smallest_normal), dtype)


def iinfo(x: Any) -> IntegerInfo:
    """Limits of an integer type, or of that of a tensor: bits, max, min.

    Raises
    ------
    TypeError
        If the type is none of integers.
    """
    dtype = _dtype_of(x)
    if dtype.kind not in "iu":
        raise TypeError(f"iinfo: {dtype} is no type of integers; finfo has the limits of floating-point numbers")
    found = np.iinfo(dtype)
    return IntegerInfo(found.bits, found.max, found.min, dtype)


def isdtype(dtype: Any, kind: Any) -> builtins.bool:
    """Whether a type is of a kind, or of one of several in a tuple.

    A kind is a type, or ``"bool"``, ``"signed integer"``, ``"unsigned integer"``, ``"integral"``, ``"real floating"``,
    ``"complex floating"``, ``"numeric"``.
    """
    return builtins.bool(np.isdtype(np.dtype(dtype), kind))


def result_type(*values: Any) -> np.dtype[Any]:
    """The type of what an op makes of tensors, types and Python's numbers (docs/conventions.md has the table).

    Integers never widen a float, a Python number has the type of the tensor beside it, and a float beside integers is float32.
    """
    types = [value if isinstance(value, (builtins.bool, int, float, complex)) else _dtype_of(value) for value in values]
    floats = [t for t in types if isinstance(t, np.dtype) and t.kind in "fc"]
    found = np.result_type(*(floats or types))
    return DEFAULT_DTYPE if found.kind == "f" and not floats else found


def can_cast(from_: Any, to: Any) -> builtins.bool:
    """Whether an op on a tensor or type ``from_`` beside one of type ``to`` has the type ``to``."""
    return result_type(from_, to) == _dtype_of(to)


def _dtype_of(x: Any) -> np.dtype[Any]:
    """Return the type of a tensor or an array; of anything else, the type that it names."""
    return np.dtype(x.dtype if isinstance(x, (Tensor, np.ndarray)) else x)
