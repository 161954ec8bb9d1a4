"""How many digits of float32 are right, at 39 sizes of both signs, with a bound for each op: in units of the last place.

The right values come from 60 digits (mpmath). "Units" are of the value's own last place, so a tail that is lost altogether counts
millions of them; values below the smallest normal number count as zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.nn import functional as F

mp = pytest.importorskip("mpmath")

SIZES = [
    0.0, 1e-38, 1e-30, 1e-20, 1e-10, 1e-7, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.3, 0.5, 0.9, 0.999, 1.0, 1.001, 1.5, 2, 3, 5, 8, 10, 12, 16,
    18, 20, 40, 80, 100, 700, 1e3, 1e4, 1e6, 1e7, 1e10, 1e20, 1e30, 3e38,
]  # fmt: skip
POINTS = np.array([sign * size for size in SIZES for sign in (1, -1)], np.float32)
EPS, TINY, HUGE = 2.0**-23, 2.0**-126, float(np.finfo(np.float32).max)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def softplus(x: Any) -> Any:
    return mp.log1p(mp.exp(x))


#: op, value and derivative by mpmath, and the units of the last place that each may be off
TABLE: dict[str, tuple[Callable[..., Any], Any, Any, float, float]] = {
    "exp": (mg.exp, mp.exp, mp.exp, 2, 2),
    "exp2": (mg.exp2, lambda x: mp.power(2, x), lambda x: mp.power(2, x) * mp.log(2), 2, 2),
    "expm1": (mg.expm1, mp.expm1, mp.exp, 2, 2),
    "log": (mg.log, mp.log, lambda x: 1 / x, 2, 2),
    "log2": (mg.log2, lambda x: mp.log(x, 2), lambda x: 1 / (x * mp.log(2)), 2, 2),
    "log10": (mg.log10, mp.log10, lambda x: 1 / (x * mp.log(10)), 2, 2),
    "log1p": (mg.log1p, mp.log1p, lambda x: 1 / (1 + x), 2, 2),
    "sqrt": (mg.sqrt, mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x)), 1, 2),
    "square": (mg.square, lambda x: x * x, lambda x: 2 * x, 1, 1),
    "reciprocal": (mg.reciprocal, lambda x: 1 / x, lambda x: -1 / x**2, 1, 2),
    "sin": (mg.sin, mp.sin, mp.cos, 2, 2),
    "cos": (mg.cos, mp.cos, lambda x: -mp.sin(x), 2, 2),
    "tan": (mg.tan, mp.tan, lambda x: 1 / mp.cos(x) ** 2, 2, 3),
    "asin": (mg.asin, mp.asin, lambda x: 1 / mp.sqrt(1 - x * x), 2, 2),
    "acos": (mg.acos, mp.acos, lambda x: -1 / mp.sqrt(1 - x * x), 2, 2),
    "atan": (mg.atan, mp.atan, lambda x: 1 / (1 + x * x), 2, 2),
    "sinh": (mg.sinh, mp.sinh, mp.cosh, 2, 2),
    "cosh": (mg.cosh, mp.cosh, mp.sinh, 2, 2),
    "tanh": (mg.tanh, mp.tanh, lambda x: 1 / mp.cosh(x) ** 2, 2, math.inf),  # 1 - y * y: see docs/conventions.md
    "asinh": (mg.asinh, mp.asinh, lambda x: 1 / mp.sqrt(1 + x * x), 2, 2),
    "acosh": (mg.acosh, mp.acosh, lambda x: 1 / mp.sqrt(x * x - 1), 2, 2),
    "atanh": (mg.atanh, mp.atanh, lambda x: 1 / (1 - x * x), 2, 2),
    "sigmoid": (F.sigmoid, sigmoid, lambda x: sigmoid(x) * sigmoid(-x), 3, 3),
    "logsigmoid": (F.logsigmoid, lambda x: -softplus(-x), lambda x: sigmoid(-x), 3, 3),
    "softplus": (lambda x: mg.softplus(x, threshold=math.inf), softplus, sigmoid, 3, 3),
    "silu": (F.silu, lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * sigmoid(-x)), 3, 6),
    "mish": (
        F.mish,
        lambda x: x * mp.tanh(softplus(x)),
        lambda x: mp.tanh(softplus(x)) + x * sigmoid(x) / mp.cosh(softplus(x)) ** 2,
        3,
        12,
    ),
    "gelu": (F.gelu, lambda x: x * mp.ncdf(x), lambda x: mp.ncdf(x) + x * mp.npdf(x), 5, 10),
    "elu": (F.elu, lambda x: x if x > 0 else mp.expm1(x), lambda x: 1 if x > 0 else mp.exp(x), 2, 2),
    "softsign": (F.softsign, lambda x: x / (1 + abs(x)), lambda x: (1 + abs(x)) ** -2, 2, 3),
    "tanhshrink": (F.tanhshrink, lambda x: x - mp.tanh(x), lambda x: mp.tanh(x) ** 2, math.inf, 2),  # x - tanh(x): conventions.md
    "erf": (mg.erf, mp.erf, lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x), 2, 2),
    "erfc": (mg.erfc, mp.erfc, lambda x: -2 / mp.sqrt(mp.pi) * mp.exp(-x * x), 2, 2),
}


def right(f: Any, x: float) -> Any:
    """The value by 60 digits; None where there is none that is real."""
    try:
        value = mp.mpmathify(f(mp.mpf(x)))
    except (ZeroDivisionError, ValueError, OverflowError):
        return None
    return value if isinstance(value, mp.mpf) and not mp.isnan(value) else None


def units(found: float, value: Any) -> float:
    """How far a float32 is from the right value, in units of that value's last place."""
    if mp.isinf(value) or abs(value) > HUGE * (1 - EPS):
        return 0.0 if (math.isinf(found) and (found > 0) == (value > 0)) or abs(value) <= HUGE * (1 + EPS) else math.inf
    if not math.isfinite(found):
        return math.inf
    if abs(value) < TINY:
        return 0.0 if abs(found) <= 2 * TINY else math.inf
    return float(abs(mp.mpf(found) - value) / abs(value)) / EPS


@pytest.mark.parametrize("name", TABLE)
def test_digits_of_elementwise_ops(name: str) -> None:
    f, value, derivative, bound, bound_of_gradient = TABLE[name]
    x = mg.tensor(POINTS, requires_grad=True)
    with mp.workdps(60), np.errstate(all="ignore"):
        y = f(x)
        (g,) = mg.grad(y, x, mg.ones(y.shape))
        tried = 0
        for point, found, slope in zip(POINTS.tolist(), y.tolist(), g.tolist(), strict=True):
            pair = right(value, point), right(derivative, point)
            if None in pair:
                continue
            tried += 1
            assert units(found, pair[0]) <= bound, f"{name}({point}) = {found}, and right is {mp.nstr(pair[0], 9)}"
            assert units(slope, pair[1]) <= bound_of_gradient, f"{name}'({point}) = {slope}, and right is {mp.nstr(pair[1], 9)}"
    assert tried >= 20


#: reductions and norms of (4, 8) numbers along the last axis
REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": lambda x: mg.sum(x, axis=1),
    "mean": lambda x: mg.mean(x, axis=1),
    "max": lambda x: mg.max(x, axis=1),
    "std": lambda x: mg.std(x, axis=1),
    "logsumexp": lambda x: mg.logsumexp(x, axis=1),
    "softmax": lambda x: mg.softmax(x, axis=1),
    "log_softmax": lambda x: mg.log_softmax(x, axis=1),
    "vector_norm": lambda x: mg.vector_norm(x, axis=1),
    "normalize": F.normalize,
    "layer_norm": lambda x: mg.layer_norm(x, axis=1)[0],
    "batch_norm": lambda x: mg.batch_norm(x, axis=1)[0],
    "rms_norm": lambda x: mg.rms_norm(x, axis=1)[0],
}
SQUARES = {"std", "layer_norm", "batch_norm", "rms_norm"}  #: whose squares leave float32 beyond about 1e18: docs/conventions.md


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("shift", [0.0, 10.0])
@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e-10, 1e-4, 1.0, 1e4, 1e10, 1e18, 1e25])
def test_digits_of_reductions_and_norms(name: str, scale: float, shift: float) -> None:
    if scale > 1e17 and name in SQUARES:
        pytest.skip("beyond the squares of float32, as docs/conventions.md says")
    rng = np.random.default_rng(0)
    values = (scale * (rng.standard_normal((4, 8)) + shift)).astype(np.float32)
    found = []
    for dtype in (np.float32, np.float64):
        x = mg.tensor(values.astype(dtype), requires_grad=True)
        y = REDUCTIONS[name](x)
        y = y[0] if isinstance(y, tuple) else y
        v = np.random.default_rng(1).standard_normal(y.shape)
        with np.errstate(all="ignore"):
            found.append((y.data, mg.grad(y, x, mg.tensor(v.astype(dtype)))[0].data))
    for ours, exact in zip(*found, strict=True):
        largest = np.abs(exact).max()
        if largest > TINY:
            assert np.abs(ours - exact).max() <= 64 * EPS * max(1.0, shift) * largest
