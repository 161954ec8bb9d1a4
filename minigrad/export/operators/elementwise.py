"""Elementwise operators, activations and comparisons."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.export.operators.values import OnnxImportError, like

Operator = Callable[..., Any]

#: ONNX's numbers of the types that NumPy has
TYPES = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16,
    11: np.float64, 12: np.uint32, 13: np.uint64, 14: np.complex64, 15: np.complex128,
}  # fmt: skip


def of_all(function: Operator) -> Operator:
    """An operator of one or more inputs, two by two."""
    return lambda *inputs: functools.reduce(function, inputs)


def numpy_type(number: int) -> Any:
    """Return NumPy's type for ONNX's number of one."""
    if number not in TYPES:
        raise OnnxImportError(f"it is of the type number {number} of ONNX, which NumPy has not")
    return TYPES[number]


def cast(x: Any, *, to: int, saturate: int = 1, round_mode: str = "up") -> Any:
    """Another type."""
    return ops.astype(x, dtype=np.dtype(numpy_type(to)))


def divide(a: Any, b: Any) -> Any:
    """A quotient; that of integers is cut off towards zero."""
    if a.dtype.kind == "f":
        return ops.divide(a, b)
    return ops.floor_divide(abs(a), abs(b)) * ops.sign(a) * ops.sign(b)


def modulo(a: Any, b: Any, *, fmod: int = 0) -> Any:
    """The remainder with the sign of the divisor, or with ``fmod`` that of the dividend."""
    rest = ops.remainder(a, b)
    if not fmod:
        return rest
    return ops.where(ops.logical_and(rest != 0, (a < 0) != (b < 0)), rest - b, rest)


def power(a: Any, b: Any) -> Any:
    """In the type of the base."""
    return like(ops.pow(a, like(b, a) if a.dtype.kind == "f" else b), a)


def prelu(x: Any, slope: Any) -> Any:
    """x, and below 0 slope x"""
    return ops.where(x > 0, x, slope * x)


def hard_sigmoid(x: Any, *, alpha: float = 0.2, beta: float = 0.5) -> Any:
    """alpha x + beta, between 0 and 1"""
    return ops.clip(alpha * x + beta, 0.0, 1.0)


def selu(x: Any, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875) -> Any:
    """gamma elu(x)"""
    return gamma * ops.elu(x, alpha=alpha)


def celu(x: Any, *, alpha: float = 1.0) -> Any:
    """max(x, 0) + min(alpha (e^(x / alpha) - 1), 0)"""
    return alpha * ops.elu(x / alpha)


def softplus(x: Any) -> Any:
    """log(1 + e^x)"""
    return ops.softplus(x, threshold=math.inf)


def shrink(x: Any, *, bias: float = 0.0, lambd: float = 0.5) -> Any:
    """Towards zero by ``bias``, and 0 between -lambd and lambd."""
    return ops.where(x < -lambd, x + bias, ops.where(x > lambd, x - bias, 0.0 * x))


def is_infinite(x: Any, *, detect_negative: int = 1, detect_positive: int = 1) -> Any:
    """Of the signs that are asked for."""
    found = ops.isinf(x)
    found = found if detect_negative else ops.logical_and(found, x > 0)
    return found if detect_positive else ops.logical_and(found, x < 0)


ROWS: dict[str, Operator] = {
    # arithmetic
    "Add": ops.add,
    "Sub": ops.subtract,
    "Mul": ops.multiply,
    "Div": divide,
    "Mod": modulo,
    "Neg": ops.negative,
    "Identity": lambda x: x,
    "Sign": ops.sign,
    "Abs": ops.abs,
    "Sqrt": ops.sqrt,
    "Reciprocal": ops.reciprocal,
    "Pow": power,
    "Max": of_all(ops.maximum),
    "Min": of_all(ops.minimum),
    "Sum": of_all(ops.add),
    "Mean": lambda *inputs: of_all(ops.add)(*inputs) / len(inputs),
    "Clip": lambda x, min=None, max=None: ops.clip(x, min, max),
    "Where": lambda condition, a, b: ops.where(condition, a, b),
    "Cast": cast,
    "CastLike": lambda x, target, *, saturate=1, round_mode="up": like(x, target),
    # exponentials, trigonometry, rounding
    "Exp": ops.exp,
    "Log": ops.log,
    "Erf": ops.erf,
    **{name.capitalize(): getattr(ops, name) for name in ("sin", "cos", "tan", "asin", "acos", "atan")},
    **{name.capitalize(): getattr(ops, name) for name in ("sinh", "cosh", "asinh", "acosh", "atanh", "floor", "ceil")},
    "Round": lambda x: ops.round(x),
    # activations
    "Relu": ops.relu,
    "LeakyRelu": lambda x, *, alpha=0.01: ops.leaky_relu(x, negative_slope=alpha),
    "PRelu": prelu,
    "ThresholdedRelu": lambda x, *, alpha=1.0: ops.where(x > alpha, x, 0.0 * x),
    "Elu": lambda x, *, alpha=1.0: ops.elu(x, alpha=alpha),
    "Selu": selu,
    "Celu": celu,
    "Gelu": lambda x, *, approximate="none": ops.gelu(x, approximate=approximate),
    "Tanh": ops.tanh,
    "Sigmoid": ops.sigmoid,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": lambda x: x * hard_sigmoid(x, alpha=1 / 6),
    "Swish": lambda x, *, alpha=1.0: x * ops.sigmoid(alpha * x),
    "Mish": lambda x: x * ops.tanh(softplus(x)),
    "Softplus": softplus,
    "Softsign": ops.softsign,
    "Shrink": shrink,
    "Softmax": lambda x, *, axis=-1: ops.softmax(x, axis=axis),
    "LogSoftmax": lambda x, *, axis=-1: ops.log_softmax(x, axis=axis),
    # comparisons
    "Equal": ops.equal,
    "Less": ops.less,
    "LessOrEqual": ops.less_equal,
    "Greater": ops.greater,
    "GreaterOrEqual": ops.greater_equal,
    "And": ops.logical_and,
    "Or": ops.logical_or,
    "Xor": ops.logical_xor,
    "Not": ops.logical_not,
    "BitwiseAnd": ops.bitwise_and,
    "BitwiseOr": ops.bitwise_or,
    "BitwiseXor": ops.bitwise_xor,
    "BitwiseNot": ops.bitwise_invert,
    "IsNaN": ops.isnan,
    "IsInf": is_infinite,
}
