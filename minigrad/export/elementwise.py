"""Elementwise ops, activations and comparisons in ONNX's words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.export.graph import Graph, Value, onnx_type

Converter = Callable[..., Any]


def same(op_type: str) -> Converter:
    """The op is one node, whose inputs have one type."""
    return lambda g, *inputs: g.node(op_type, *g.alike(*inputs))


def real(op_type: str, **attributes: str) -> Converter:
    """The op is one node for floating-point values; its parameters are the attributes of other names."""
    return lambda g, x, **params: g.node(op_type, g.floating(x), **{attributes[name]: value for name, value in params.items()})


def divide(g: Graph, a: Any, b: Any) -> Value:
    """A quotient, of integers too."""
    a, b = g.alike(a, b)
    return g.floating(a) / g.floating(b)


def remainder(g: Graph, a: Any, b: Any) -> Value:
    """With the sign of the divisor, as in Python."""
    a, b = g.alike(a, b)
    if a.dtype.kind != "f":
        made: Value = g.Mod(a, b)
        return made
    rest = g.Mod(a, b, fmod=1)
    made = g.Where(rest * b < 0, rest + b, rest)
    made.dtype = rest.dtype
    return made


def floor_divide(g: Graph, a: Any, b: Any) -> Value:
    """What is left when the remainder is taken away, divided."""
    a, b = g.alike(a, b)
    quotient = (a - remainder(g, a, b)) / b
    return g.Round(quotient) if quotient.dtype.kind == "f" else quotient


def where(g: Graph, condition: Value, a: Any, b: Any) -> Value:
    """The first where the condition holds."""
    a, b = g.alike(a, b) if isinstance(a, Value) or isinstance(b, Value) else (g.constant(a, np.float32), g.constant(b, np.float32))
    made: Value = g.Where(g.cast(condition, bool), a, b, dtype=a.dtype)
    return made


def clip(g: Graph, x: Value, min: Any = None, max: Any = None) -> Value:
    """Between bounds, which may be arrays."""
    x = x if min is None else g.Max(*g.alike(x, min))
    return x if max is None else g.Min(*g.alike(x, max))


def expm1(g: Graph, x: Value) -> Value:
    """exp(x) - 1, by tanh where that difference would lose digits."""
    t = g.Tanh(x * 0.5)
    return where(g, g.Abs(x) < 0.5, 2.0 * t / (1.0 - t), g.Exp(x) - 1.0)


def log1p(g: Graph, x: Value) -> Value:
    """log(1 + x), with what rounding took from 1 + x put back (Goldberg, 1991, theorem 4)."""
    u = x + 1.0
    return where(g, g.Equal(*g.alike(u, 1.0)), x, g.Log(u) * x / (u - 1.0))


def logaddexp(g: Graph, a: Any, b: Any) -> Value:
    """log(e^a + e^b)"""
    a, b = g.alike(a, b)
    return g.Max(a, b) + g.Log(1.0 + g.Exp(-g.Abs(a - b)))


def xlogy(g: Graph, a: Any, b: Any) -> Value:
    """a log(b), and 0 where a is 0."""
    a, b = g.alike(a, b)
    return where(g, g.Equal(a, g.constant(0, a.dtype)), 0.0, a * g.Log(b))


def hardtanh(g: Graph, x: Value, *, min_val: float, max_val: float) -> Value:
    """Clip, whose bounds are inputs."""
    made: Value = g.Clip(x, min_val, max_val)
    return made


def gelu(g: Graph, x: Value, *, approximate: str) -> Value:
    """By erf or by tanh; ONNX has a node for it from opset 20."""
    if approximate == "tanh":
        return 0.5 * x * (1.0 + g.Tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1.0 + g.Erf(x * math.sqrt(0.5)))


def softplus(g: Graph, x: Value, *, beta: float, threshold: float) -> Value:
    """log(1 + e^(beta x)) / beta, and x itself above the threshold."""
    bent = g.Softplus(x * beta) / beta
    return bent if math.isinf(threshold) else where(g, x * beta > threshold, x, bent)


def softmax(g: Graph, x: Value, *, axis: Any) -> Value:
    """Over one axis a node, over several by its definition."""
    if isinstance(axis, int):
        return g.Softmax(x, axis=axis)
    e = g.Exp(x - g.ReduceMax(x, list(axis), keepdims=1))
    return e / g.ReduceSum(e, list(axis), keepdims=1)


def trunc(g: Graph, x: Value) -> Value:
    """Towards zero."""
    return g.Sign(x) * g.Floor(g.Abs(x))


def round_to(g: Graph, x: Value, *, decimals: int) -> Value:
    """Halves to even."""
    if x.dtype.kind != "f":
        return g.Identity(x)
    return g.Round(x) if not decimals else g.Round(x * 10.0**decimals) / 10.0**decimals


def logical(op_type: str) -> Converter:
    """Of truth values; numbers are true where they are not 0."""
    return lambda g, *inputs: g.node(op_type, *[g.cast(x, bool) for x in inputs])


def bitwise(truth: str, bits: str) -> Converter:
    """Truth values have another node than integers."""

    def convert(g: Graph, *inputs: Any) -> Any:
        values = g.alike(*inputs)
        return g.node(truth if values[0].dtype == bool else bits, *values)

    return convert


LN2, LN10 = math.log(2), math.log(10)

ROWS: dict[str, Converter] = {
    # arithmetic
    "add": same("Add"),
    "subtract": same("Sub"),
    "multiply": same("Mul"),
    "divide": divide,
    "floor_divide": floor_divide,
    "remainder": remainder,
    "negative": same("Neg"),
    "positive": same("Identity"),
    "copy": same("Identity"),
    "sign": same("Sign"),
    "abs": same("Abs"),
    "square": lambda g, x: x * x,
    "sqrt": real("Sqrt"),
    "reciprocal": real("Reciprocal"),
    "pow": same("Pow"),
    "maximum": same("Max"),
    "minimum": same("Min"),
    "clip": clip,
    "where": where,
    "lerp": lambda g, a, b, weight: a + weight * (b - a),
    "astype": lambda g, x, *, dtype: g.Cast(x, to=onnx_type(dtype), dtype=np.dtype(dtype)),
    "transfer": lambda g, x, *, source, target: g.Identity(x),
    # exponentials and special functions
    "exp": real("Exp"),
    "exp2": lambda g, x: g.Exp(g.floating(x) * LN2),
    "expm1": lambda g, x: expm1(g, g.floating(x)),
    "log": real("Log"),
    "log1p": lambda g, x: log1p(g, g.floating(x)),
    "log2": lambda g, x: g.Log(g.floating(x)) / LN2,
    "log10": lambda g, x: g.Log(g.floating(x)) / LN10,
    "erf": real("Erf"),
    "erfc": lambda g, x: 1.0 - g.Erf(g.floating(x)),
    "hypot": lambda g, a, b: g.Sqrt(a * a + b * b),
    "logaddexp": logaddexp,
    "xlogy": xlogy,
    # trigonometry
    "sin": real("Sin"),
    "cos": real("Cos"),
    "tan": real("Tan"),
    "asin": real("Asin"),
    "acos": real("Acos"),
    "atan": real("Atan"),
    "sinh": real("Sinh"),
    "cosh": real("Cosh"),
    "asinh": real("Asinh"),
    "acosh": real("Acosh"),
    "atanh": real("Atanh"),
    # rounding
    "floor": real("Floor"),
    "ceil": real("Ceil"),
    "trunc": trunc,
    "round": round_to,
    # activations
    "relu": real("Relu"),
    "leaky_relu": real("LeakyRelu", negative_slope="alpha"),
    "elu": real("Elu", alpha="alpha"),
    "hardtanh": hardtanh,
    "tanh": real("Tanh"),
    "tanhshrink": lambda g, x: x - g.Tanh(x),
    "sigmoid": real("Sigmoid"),
    "gelu": gelu,
    "silu": lambda g, x: x * g.Sigmoid(x),
    "softplus": softplus,
    "softsign": real("Softsign"),
    "softmax": softmax,
    "log_softmax": real("LogSoftmax", axis="axis"),
    # comparisons
    "equal": same("Equal"),
    "not_equal": lambda g, a, b: g.Not(g.Equal(*g.alike(a, b))),
    "less": same("Less"),
    "less_equal": same("LessOrEqual"),
    "greater": same("Greater"),
    "greater_equal": same("GreaterOrEqual"),
    "logical_and": logical("And"),
    "logical_or": logical("Or"),
    "logical_xor": logical("Xor"),
    "logical_not": logical("Not"),
    "bitwise_and": bitwise("And", "BitwiseAnd"),
    "bitwise_or": bitwise("Or", "BitwiseOr"),
    "bitwise_xor": bitwise("Xor", "BitwiseXor"),
    "bitwise_invert": bitwise("Not", "BitwiseNot"),
    "isnan": real("IsNaN"),
    "isinf": real("IsInf"),
    "isfinite": lambda g, x: g.Not(g.Or(g.IsNaN(x), g.IsInf(x))),
}
