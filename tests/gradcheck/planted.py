"""Functions planted for `test_verdicts`: right and wrong, at points where a numerical derivative is hard to get or does not exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg

Function = Callable[..., Any]
TRIPLE = np.array([1.0, -0.7, 0.4])


def op(forward: Function, gradient: Function) -> Any:
    """An op of one input with this value and, for the cotangent g, this gradient."""

    @mg.op
    def planted(xp: Any, x: Any) -> Any:
        return forward(x)

    planted.vjp(x=gradient)
    return planted


def near(*sizes: float) -> list[Any]:
    """Three numbers of both signs for each size."""
    return [size * TRIPLE for size in sizes]


def single(*values: float) -> list[Any]:
    """One number at a time, alone and beside a number of ordinary size."""
    return [np.array([v]) for v in values] + [np.array([v, 0.9]) for v in values]


TINY = near(1e-2, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6, 1e-8, 1e-12)

#: right functions whose value is small beside what it is computed from, or near the edge of their domain
RIGHT: dict[str, tuple[Function, list[Any]]] = {
    "1 - cos x": (lambda x: 1 - mg.cos(x), TINY),
    "log cosh x": (lambda x: mg.log(mg.cosh(x)), TINY),
    "cosh x - 1": (lambda x: mg.cosh(x) - 1, TINY),
    "exp x - 1": (lambda x: mg.exp(x) - 1, TINY),
    "exp x - 1 - x": (lambda x: mg.exp(x) - 1 - x, TINY),
    "x - sin x": (lambda x: x - mg.sin(x), TINY),
    "tanh x - x": (lambda x: mg.tanh(x) - x, TINY),
    "sqrt(1 + x^2) - 1": (lambda x: mg.sqrt(1 + x * x) - 1, TINY),
    "sqrt(1 + x^2)": (lambda x: mg.sqrt(1 + x * x), TINY),
    "(1e8 + x)^2": (lambda x: (1e8 + x) ** 2, near(1e-4, 1.0)),
    "(x + 1e6) - 1e6": (lambda x: (x + 1e6) - 1e6, near(1e-9, 1e-3, 1.0)),
    "(1 - cos x) / 3": (lambda x: (1 - mg.cos(x)) / 3, TINY),
    "(1 - cos x).sum()": (lambda x: (1 - mg.cos(x)).sum(), TINY),
    "log(exp(x).mean())": (lambda x: mg.log(mg.exp(x).mean()), TINY),
    "log softmax": (lambda x: mg.log_softmax(x, axis=0), near(1e-6, 1.0, 300.0)),
    "sum of batch norm": (lambda x: mg.batch_norm(x, axis=0)[0].sum(), [np.arange(6.0).reshape(3, 2) ** 2]),
    "batch norm of nearly equal numbers": (lambda x: mg.batch_norm(x, axis=0, eps=1e-12)[0], [1 + 1e-6 * TRIPLE, 1e6 + 1e-2 * TRIPLE]),
    "variance of large numbers": (lambda x: ((x - x.mean()) ** 2).mean(), [1e6 + TRIPLE, 1e8 + TRIPLE]),
    "floor, where stairs fit into a step": (mg.floor, single(-1702.5813806740744, 1402.3, 733.6, 2047.4, -3300.25)),
    "a sine whose period fits into a step": (lambda x: mg.sin(2 * np.pi * 256 * x), single(1.3, 0.9)),
    "sinc near 0": (mg.sinc, [np.array([0.0, 1e-6, -3e-4, 6e-4, 2e-3])]),
    "log": (mg.log, single(1e-6, 1e-20, 1e-100, 1e-200)),
    "reciprocal": (mg.reciprocal, single(1e-6, 1e-20, 1e-100)),
    "1 / x": (lambda x: 1 / x, single(1e-6, 1e-20, 1e-100, 1e-160, -1e-100)),
    "x ** -3": (lambda x: x**-3, single(1e-6, 1e-60)),
    "sqrt": (mg.sqrt, single(1e-6, 1e-20, 1e-100, 1e-300)),
    "x ** 0.5 at the edge": (lambda x: x**0.5, [np.zeros(1)]),
    "sqrt at the edge": (mg.sqrt, [np.zeros(1), np.array([0.0, 1.0])]),
    "log1p": (mg.log1p, single(-1 + 1e-6, -1 + 1e-12, 1e-12)),
    "asin": (mg.asin, single(1 - 1e-6, 1 - 1e-12, -1 + 1e-9)),
    "atanh": (mg.atanh, single(1 - 1e-6, 1 - 1e-12)),
    "acosh": (mg.acosh, single(1 + 1e-6, 1 + 1e-12)),
    "tan": (mg.tan, single(np.pi / 2 - 1e-3, np.pi / 2 - 1e-9, np.pi / 2 + 1e-9, np.pi / 2 - 1e-13, np.pi / 2)),
    "log(1 - x)": (lambda x: mg.log(1 - x), single(1 - 1e-9)),
    "x log x": (lambda x: x * mg.log(x), single(1e-9, 1e-100)),
    "exp(1 / x)": (lambda x: mg.exp(-1 / x), single(1e-2, 1e-3)),
    "sigmoid": (mg.sigmoid, single(-30.0, 30.0, -700.0)),
    "tanh(1e6 x)": (lambda x: mg.tanh(1e6 * x), single(0.0, 1e-7, 1.0)),
    "1e-9 tanh(1e9 x) + x": (lambda x: 1e-9 * mg.tanh(1e9 * x) + x, single(0.0)),
    "sin(1e5 x)": (lambda x: mg.sin(1e5 * x), near(1.0)),
    "norm": (lambda x: mg.sqrt((x * x).sum()), near(1e-8, 1e-100)),
    "x^2": (lambda x: x * x, near(1e-100, 1e-170, 1e150)),
    "identity": (lambda x: x + 0, near(1e-300, 1e300)),
    "sum of abs": (lambda x: abs(x).sum(), single(1e-12, 1e-6)),
    "floor, a step as long as its stairs": (mg.floor, single(-296.64, 300.3, 205.6)),
    "sum of large and small": (lambda x: (x * np.array([1e12, 1.0, 1e-12])).sum(), near(1.0)),
}

#: functions with a kink at zero, and right choices of a gradient there
KINKS: dict[str, Function] = {
    "relu": mg.relu,
    "abs": abs,
    "max(x, 0)": lambda x: mg.maximum(x, 0.0),
    "clip": lambda x: mg.clip(x, 0.0, 3.0),
    "leaky": op(lambda x: np.where(x > 0, x, 0.1 * x), lambda g, x: g * ((x > 0) + 0.1 * (x <= 0))),
    "hinge with curvature": op(lambda x: np.maximum(x, 0) + np.sin(x), lambda g, x: g * ((x > 0) + np.cos(x))),
    "abs beside large": lambda x: abs(x) + 1e3 * x,
}
KINK_POINTS = [np.array([0.0]), np.array([-1.0, 0.0, 2.0]), np.array([1e-5, -1e-5, 1.0]), np.array([1e-12, 0.5])]

#: functions that jump at zero: the value, and the slope beside the jump
JUMPS: dict[str, tuple[Function, Function]] = {
    "step": (lambda x: (x >= 0) + 0.0, lambda x: 0 * x),
    "step from the left": (lambda x: (x > 0) + 0.0, lambda x: 0 * x),
    "sign": (np.sign, lambda x: 0 * x),
    "floor": (np.floor, lambda x: 0 * x),
    "ceil": (np.ceil, lambda x: 0 * x),
    "one at zero": (lambda x: (x == 0) + 0.0, lambda x: 0 * x),
    "a small step": (lambda x: 1e-4 * (x >= 0) + 0.0, lambda x: 0 * x),
    "a step on a slope": (lambda x: 3 * x + (x >= 0), lambda x: 3 + 0 * x),
    "a step on exp": (lambda x: np.exp(x) + (x >= 0), np.exp),
    "a step up and a turn": (lambda x: np.where(x >= 0, 1 + 2 * x, 5 * x), lambda x: np.where(x >= 0, 2.0, 5.0)),
}
JUMP_POINTS = [np.array([0.0]), np.array([-1.5, 0.0, 2.5])]
#: what a wrong gradient adds to the right one at the jump
JUMP_ERRORS = [55.0, 7.0, -7.0, 1000.0, 1e9, -0.5]

#: functions whose gradient is not finite where it should be: a point, the element, and what the sentence names
NOT_FINITE: dict[str, tuple[Function, Any, list[int], str]] = {
    "norm at zero": (lambda x: mg.sqrt((x * x).sum()), np.zeros(3), [0], "sqrt"),
    "norm of a row at zero": (lambda x: mg.sqrt((x * x).sum(axis=1)), np.array([[1.0, 2.0], [0.0, 0.0]]), [1, 0], "sqrt"),
    "sin x / x behind where": (lambda x: mg.where(x == 0, 1.0, mg.sin(x) / x), np.array([0.0, 1.0]), [0], "divide"),
    "x^2 log x behind where": (lambda x: mg.where(x > 0, x * x * mg.log(x), 0.0), np.array([1.0, 0.0]), [1], "log"),
    "sqrt behind where": (lambda x: mg.where(x > 0, mg.sqrt(x) ** 3, 0.0), np.array([2.0, 0.0]), [1], "sqrt"),
    "sqrt(x^2)^2": (lambda x: mg.sqrt(x * x) * mg.sqrt(x * x), np.array([0.0]), [0], "sqrt"),
    "|x| by sqrt": (lambda x: mg.sqrt(x * x), np.array([3.0, 0.0]), [1], "sqrt"),
    "x / |x| times x": (lambda x: mg.where(x == 0, 0.0, x / abs(x)) * x, np.array([0.0, -2.0]), [0], "divide"),
    "a formula that divides by zero": (op(lambda x: x * x, lambda g, x: g * 2 * x * x / x), np.array([1.0, 0.0]), [1], "planted"),
    "a formula that returns nan": (op(lambda x: x * x, lambda g, x: g * 2 * x * np.nan), np.ones(2), [0], "planted"),
    "a formula that returns inf": (op(lambda x: x + 0.0, lambda g, x: g * np.inf), np.ones(2), [0], "planted"),
}
BEHIND_WHERE = {"sin x / x behind where", "x^2 log x behind where", "sqrt behind where", "x / |x| times x"}

#: functions whose gradient is not finite because they have no derivative there
NO_DERIVATIVE: dict[str, tuple[Function, Any]] = {
    "x ** 0.5": (lambda x: x**0.5, np.zeros(1)),
    "sqrt": (mg.sqrt, np.array([0.0, 1.0])),
    "cube root": (op(np.cbrt, lambda g, x: g / (3 * np.cbrt(x) ** 2)), np.zeros(2)),
    "sqrt |x|": (lambda x: mg.sqrt(abs(x)), np.zeros(1)),
    "1 / x, too large": (lambda x: 1 / x, np.array([1e-160])),
}


def wrong(forward: Function, slope: Function) -> Any:
    """An op whose gradient is twice the right one."""
    return op(forward, lambda g, x: 2 * g * slope(x))


#: wrong formulas at points where the numerical derivative is hard to get, and good enough
WRONG: dict[str, tuple[Any, list[Any]]] = {
    "1 - cos x": (wrong(lambda x: 1 - np.cos(x), np.sin), near(1e-2, 1e-3, 1e-4)),
    "log cosh": (wrong(lambda x: np.log(np.cosh(x)), np.tanh), near(1e-2, 1e-3, 3e-4)),
    "log": (wrong(np.log, lambda x: 1 / x), single(1e-6, 1e-20, 1e-100)),
    "1 / x": (wrong(lambda x: 1 / x, lambda x: -1 / (x * x)), single(1e-6, 1e-20, 1e-100)),
    "sqrt": (wrong(np.sqrt, lambda x: 0.5 / np.sqrt(x)), single(1e-6, 1e-100)),
    "tan": (wrong(np.tan, lambda x: 1 + np.tan(x) ** 2), single(np.pi / 2 - 1e-3, np.pi / 2 - 1e-6)),
    "atanh": (wrong(np.arctanh, lambda x: 1 / (1 - x * x)), single(1 - 1e-6)),
    "tanh(1e6 x)": (wrong(lambda x: np.tanh(1e6 * x), lambda x: 1e6 / np.cosh(1e6 * x) ** 2), single(0.0, 1e-7)),
    "x^2": (wrong(lambda x: x * x, lambda x: 2 * x), near(1e-100, 1.0, 1e100)),
    "(x + 1e6) - 1e6": (wrong(lambda x: (x + 1e6) - 1e6, lambda x: 1 + 0 * x), near(1e-3, 1.0)),
    "a dead relu": (op(lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0) + 0.25 * g), [np.array([-1.0, -2.0]), np.array([-1e-5, 1.0])]),
    "floor": (op(np.floor, lambda g, x: g), [np.array([0.3, 10.02, -2.5])]),
}
