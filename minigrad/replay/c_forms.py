"""NumPy's functions of elements as expressions of C: which there are, in which types, with NaN and infinities as NumPy has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.replay.program import Call, Live, Ref

TYPES = {
    "f4": "float", "f8": "double", "b1": "uint8_t", "u1": "uint8_t", "i1": "int8_t", "i2": "int16_t", "u2": "uint16_t", "i4": "int32_t",
    "u4": "uint32_t", "i8": "int64_t", "u8": "uint64_t",
}  # fmt: skip
COMPARISONS = {"greater": ">", "less": "<", "greater_equal": ">=", "less_equal": "<=", "equal": "==", "not_equal": "!="}
BINARY = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^",
    "left_shift": "<<", "right_shift": ">>", "logical_and": "&&", "logical_or": "||", **COMPARISONS,
}  # fmt: skip
FORMS = {
    **{name: f"{{0}} {symbol} {{1}}" for name, symbol in BINARY.items()},
    "maximum": "({0} >= {1} || {0} != {0}) ? {0} : {1}", "minimum": "({0} <= {1} || {0} != {0}) ? {0} : {1}",
    "negative": "-{0}", "positive": "{0}", "square": "{0} * {0}", "reciprocal": "1 / {0}", "logical_not": "!{0}", "invert": "~{0}",
    "absolute": "@fabs({0})", "sqrt": "@sqrt({0})", "exp": "@wide_exp({0})", "log": "@log({0})", "tanh": "@tanh({0})",
    "log1p": "@log1p({0})", "expm1": "@expm1({0})", "sin": "@sin({0})", "cos": "@cos({0})", "floor": "@floor({0})", "ceil": "@ceil({0})",
    "trunc": "@trunc({0})", "rint": "@rint({0})", "power": "@pow({0}, {1})", "isnan": "{0} != {0}",
    "isfinite": "{0} - {0} == 0", "sign": "{0} > 0 ? 1 : {0} < 0 ? -1 : {0} == 0 ? 0 : {0}",
}  # fmt: skip
ONLY_FLOATS = {name for name, form in FORMS.items() if "@" in form} | {"reciprocal", "divide", "isfinite", "sign"}
REDUCTIONS = {np.add: ("+", "0"), np.maximum: (">", "-INFINITY"), np.minimum: ("<", "INFINITY")}


def c_type(dtype: np.dtype[Any]) -> str | None:
    """Return the C type of a dtype; None where there is none."""
    return TYPES.get(f"{dtype.kind}{dtype.itemsize}") if dtype.isnative else None


def loop_types(call: Call) -> tuple[np.dtype[Any], np.dtype[Any]] | None:
    """Return the dtypes in which NumPy computes a call of a ufunc: of its operands and of its result."""
    given = [a.dtype if isinstance(a, Ref) else _kind(a) for a in call.args]
    try:
        natural = call.function.resolve_dtypes((*given, None))  # type: ignore[attr-defined]
    except TypeError:
        return None
    return (natural[0], natural[-1]) if len(set(natural[:-1])) == 1 else None


def _kind(value: Any) -> Any:
    if isinstance(value, Live):
        return type(value.value)
    return np.dtype(type(value)) if isinstance(value, np.generic) else type(value)


def is_elementwise(call: Call) -> bool:
    """Tell whether a call can be part of a group: each element of the result depends on one of each operand."""
    refs = [*call.reads, *[out for out in call.outs if isinstance(out, Ref)]]
    numbers = [a for a in call.args if not isinstance(a, Ref)]
    if not all(c_type(ref.dtype) for ref in refs) or not all(isinstance(a, (int, float, np.number, np.bool_, Live)) for a in numbers):
        return False
    if call.kind == "copy":
        (source,) = call.args
        return not (isinstance(source, Ref) and source.dtype.kind == "f" and call.outs[0].dtype.kind in "iu")
    if call.kind == "where":
        return isinstance(call.args[0], Ref)
    if call.kind != "ufunc" or call.function.__name__ not in FORMS or call.kwargs.keys() - {"casting"}:
        return False
    types = loop_types(call)
    if types is None or c_type(types[0]) is None or c_type(types[1]) is None:
        return False
    name = call.function.__name__
    if types[0].kind == "b" and name in ("add", "multiply", "subtract", "maximum", "minimum", "invert", "negative"):
        return False
    return types[0].kind == "f" if name in ONLY_FLOATS else True


def is_reduction(call: Call) -> bool:
    """Tell whether a call sums values, or finds the largest, in a way that can be part of a group."""
    if call.kind != "reduce" or call.function not in REDUCTIONS or not call.args[0].shape:
        return False
    x, out = call.args[0].dtype, call.outs[0].dtype
    if call.function is not np.add and (x.kind != "f" or out != x):
        return False
    return c_type(x) is not None and c_type(out) is not None and x.kind in "fiub" and out.kind in "fiu"


def literal(value: Any, kind: str) -> str:
    """Write a number in C."""
    number = float(value) if kind in ("float", "double") else int(value)
    if number != number:
        return f"({kind})NAN"
    if number in (float("inf"), float("-inf")):
        return f"({kind}){'-' if number < 0 else ''}INFINITY"
    text = repr(number)
    if isinstance(number, int) and abs(number) >= 1 << 31:
        text += "ull" if number >= 1 << 63 else "ll"
    return f"(({kind}){text})" if text.startswith("-") else f"({kind}){text}"
