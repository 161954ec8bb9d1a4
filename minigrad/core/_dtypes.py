"""Which type the result of an op has where the types of its inputs differ: the one place that decides.

================================================  ==============================================================
inputs that a derivative could be wanted for      the result
================================================  ==============================================================
floats of one type                                that type
floats of two types                               the wider one, by NumPy's table
floats and integers or booleans                   the floats' type: integers never widen a float
integers alone, where the result is a float       float32, the default (``images / 255.0``, a mean, a square root)
a tensor beside a number of Python's or NumPy's   the tensor's type
a layer's weights and floats of another type      refused; float16 beside float32 is mixed precision, and allowed
real tensors beside a complex number              refused, as it has no derivative here
================================================  ==============================================================

Positions, labels and masks are no such inputs: they have no derivative, and do not count. Where small or unsigned integers alone
give a float, all of it is worked out in floats: in their own type a difference on the way to it would wrap around.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.backends import XP, Array, is_array, namespace
from minigrad.core._capturing import can_look
from minigrad.core._interop import DEFAULT_DTYPE

if TYPE_CHECKING:
    from minigrad.core.op import Op

_WIDE = np.dtype(np.float64)
_FLOAT32 = np.dtype(np.float32)
_WHOLE = "?l"  #: truth values and int64, which are right whatever they were made of
_WEIGHTS = {"weight", "w"}


@cache
def _numbers(op: Op, formulas: int) -> frozenset[str]:
    """Names of the inputs that have a derivative, be it zero."""
    return frozenset(name for formula in op.formulas for name in formula.inputs)


def _counting(op: Op, arrays: Sequence[Any]) -> list[tuple[int, np.dtype[Any]]]:
    """Position and type of each array that counts."""
    names = _numbers(op, len(op.formulas))
    return [(i, a.dtype) for i, a in enumerate(arrays) if (op.inputs[0] if op.variadic else op.inputs[i]) in names and is_array(a)]


def settled(op: Op, arrays: list[Any]) -> list[Any]:
    """Return the inputs with integers in the type of the floats beside them."""
    if len({a.dtype for a in arrays if hasattr(a, "dtype")}) < 2:
        return arrays
    counting = _counting(op, arrays)
    floats = [dtype for _, dtype in counting if dtype.kind in "fc"]
    if not floats:
        for number in [a for a in arrays if a.__class__ is int]:
            for _, dtype in counting:
                if dtype.kind in "iu":
                    dtype.type(number)  # raises OverflowError where it does not fit; NumPy's where would wrap it around
    if not floats or len(counting) < 2:
        return arrays
    _check_weights(op, counting)
    wide = np.result_type(*floats)
    integers = {i for i, dtype in counting if dtype.kind in "iub"}
    return [a.astype(wide) if i in integers else a for i, a in enumerate(arrays)]


def _check_weights(op: Op, counting: list[tuple[int, np.dtype[Any]]]) -> None:
    """Refuse data of another type than a layer's weights: the whole layer would silently compute in the wider one."""
    types = {op.input_name(i): dtype for i, dtype in counting}
    weight = next((name for name in op.inputs if name in _WEIGHTS and name in types), None)
    x = types.get("x")
    if weight is None or x is None or op.broadcasts or x == types[weight] or x.kind == "c" or types[weight].kind != "f":
        return
    if x.kind != "f":
        raise TypeError(f"{op.name}: x must be of floating point, not {x}; convert it with x.astype({types[weight].name!r})")
    if x.itemsize == 2:
        return
    raise TypeError(
        f"{op.name}: x is {x} and {weight} {types[weight]}; give both one type: x.astype({types[weight].name!r}), "
        f"or the model in {x}, model.to({x.name!r})"
    )


def result_of(op: Op, arrays: Sequence[Any], out: Any, params: Mapping[str, Any]) -> Any:
    """Return what an op computed, in the type that it has by the table above."""
    first = arrays[0]
    usual = "f?l" if first.__class__ in XP and first.dtype is _FLOAT32 else _WHOLE  # where there is nothing to decide
    if out.__class__ is not tuple:
        if out.dtype.char in usual:
            return out
        return _typed(op, arrays, _in_floats(op, arrays, params) if out.dtype.kind == "f" and _may_be_wrong(op, arrays, [out]) else out)
    floats = [o for o in out if o.dtype.char not in usual and o.dtype.kind == "f"]
    if floats and _may_be_wrong(op, arrays, floats):
        out = _in_floats(op, arrays, params)
    return tuple([o if o.dtype.char in usual else _typed(op, arrays, o) for o in out])


def _may_be_wrong(op: Op, arrays: Sequence[Any], floats: Sequence[Any]) -> bool:
    """Tell whether all arrays that count are whole numbers, and some in a type in which a sum wraps around or a float has few digits."""
    types = [dtype for _, dtype in _counting(op, arrays)]
    small = any(t.char not in _WHOLE for t in types) or any(out.dtype.itemsize < 4 for out in floats)
    return "dtype" not in op.params and small and all(t.kind in "iub" for t in types)


def _in_floats(op: Op, arrays: Sequence[Any], params: Mapping[str, Any]) -> Any:
    places = {i for i, _ in _counting(op, arrays)}
    floats = [a.astype(_WIDE) if i in places else a for i, a in enumerate(arrays)]
    return op.forward(namespace(*floats), *floats, **params)


def _typed(op: Op, arrays: Sequence[Any], out: Array) -> Array:
    if out.dtype.kind == "c" and not any(is_array(a) and a.dtype.kind == "c" for a in arrays):
        raise TypeError(f"{op.name}: the result is complex, and derivatives here are those of real numbers; keep the two parts apart")
    if out.dtype.kind != "f" or "dtype" in op.params:
        return out
    counting = _counting(op, arrays)
    floats = [dtype for _, dtype in counting if dtype.kind in "fc"]
    if not floats:
        return out.astype(DEFAULT_DTYPE) if counting else out
    wide = np.result_type(*floats)
    return out.astype(wide) if out.dtype == _WIDE != wide and op.broadcasts else out


def cast_exactly(name: str, values: Array, dtype: Any) -> Array:
    """Return values in another type, of integers only those that they can have: 300 is no uint8, and 1.5 no integer."""
    if values.dtype == dtype:
        return values
    if np.dtype(dtype).kind not in "iu" or values.dtype.kind == "b" or not can_look(values):
        return values.astype(dtype)
    with np.errstate(invalid="ignore"):
        cast = values.astype(dtype)
    wrong = values[(cast != values) | ((cast < 0) != (values < 0))]  # uint64 beside int64 is compared as floats
    if wrong.size:
        limits = np.iinfo(dtype)
        raise ValueError(
            f"{name}: {wrong.flat[0]} is none of the integers of {limits.dtype}, from {limits.min} to {limits.max}; "
            f"if it is to be made one of them, cast it yourself: astype({limits.dtype.name!r})"
        )
    return cast
