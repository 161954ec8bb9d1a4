"""Special functions of each element: error functions, logarithms of sums, and what is precise where the plain formula is not."""

from __future__ import annotations

import math

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.elementwise import clip, exp, log, sigmoid, square, where

__all__ = ["erf", "erfc", "erfinv", "hypot", "lerp", "logaddexp", "logit", "xlogy"]

elementwise = op(broadcasts=True)

# ----------------------------------------------------------------------------------------------------- error functions
#
# NumPy has none. For |x| < 1 the Taylor series of erf; beyond, erfc(x) = exp(-x**2) u F(2 u - 1) / 4 with u = 4 / (x + 3),
# which takes [1, inf) to (0, 1]. F is a polynomial: the Chebyshev expansion of exp(x**2) erfc(x) (x + 3), computed with 40
# digits, cut where its coefficients fall below 3e-18, and written in powers. Error against 40 digits: erf 1.2 ulp; erfc 6e-16
# of its value.

# erf(x) / x - 1 in powers of x**2, whose first term has more digits than the difference of doubles would have
_SERIES = [0.12837916709551257, *(2 / math.sqrt(math.pi) * (-1) ** n / (math.factorial(n) * (2 * n + 1)) for n in range(1, 19))]
_TAIL = [
    0.885637101864549, 0.47966144308433484, 0.22387273334256388, 0.08762571665292865, 0.027317987192556438,
    0.005992101444648031, 0.000511159875208258, -0.00020565983291438275, -8.285365418270863e-05, -2.2201334925851605e-06,
    6.2272890453330276e-06, 1.115539835155743e-06, -4.4453738824226395e-07, -1.5277939953747662e-07, 3.600439998822189e-08,
    1.8556685554008643e-08, -3.719139862673725e-09, -2.2212991812778053e-09, 4.872190792197832e-10, 2.4416062858086426e-10,
    -6.49000709687958e-11, -1.77513129479398e-11, 5.561053156712522e-12,
]  # fmt: skip


def _polynomial(coefficients: list[float], x: Array) -> Array:
    """Evaluate a polynomial by Horner's rule."""
    value = coefficients[-1] * x + coefficients[-2]
    for c in reversed(coefficients[:-2]):
        value *= x
        value += c
    return value


def _erf_inside(xp: Namespace, x: Array) -> Array:
    """erf(x) for |x| <= 1, of whatever lies beyond that of the bound."""
    x = xp.minimum(xp.maximum(x, -1), 1)
    return x + x * _polynomial(_SERIES, x * x)


def _erfc_outside(xp: Namespace, x: Array) -> Array:
    """erfc(x) for x >= 1, of whatever lies below of 1; 0 from 30 on."""
    x = xp.minimum(xp.maximum(x, 1), 30)
    u = 4 / (x + 3)
    scaled = x * 134217729.0  # 2**27 + 1: the upper half of the digits of x, whose square is exact (Veltkamp's splitting)
    upper = scaled - (scaled - x)
    return xp.exp(-upper * upper) * xp.exp((upper - x) * (upper + x)) * u * _polynomial(_TAIL, 2 * u - 1) / 4


def _in_double(xp: Namespace, x: Array) -> tuple[Array, Array]:
    """Return x in double precision, and the type of floating point that the result should have."""
    x = xp.asarray(x)
    dtype = xp.result_type(x, 1.0)
    return x.astype(xp.result_type(dtype, xp.float64)), dtype


def _bell(x: Array) -> Array:
    """exp(-x**2), which is 0 from 30 on, where the square need not be taken."""
    return exp(-square(clip(x, -30, 30)))


@op
def erf(xp: Namespace, x: Array) -> Array:
    """Error function, 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to x."""
    x, dtype = _in_double(xp, x)
    size = xp.maximum(x, -x)
    outside = 1 - _erfc_outside(xp, size)
    return xp.where(size < 1, _erf_inside(xp, x), xp.where(x < 0, -outside, outside)).astype(dtype)


erf.vjp(x=lambda g, x: g * (2 / math.sqrt(math.pi)) * _bell(x))


@op
def erfc(xp: Namespace, x: Array) -> Array:
    """1 - erf(x), precise where it is small."""
    x, dtype = _in_double(xp, x)
    size = xp.maximum(x, -x)
    outside = _erfc_outside(xp, size)
    return xp.where(size < 1, 1 - _erf_inside(xp, x), xp.where(x < 0, 2 - outside, outside)).astype(dtype)


erfc.vjp(x=lambda g, x: g * (-2 / math.sqrt(math.pi)) * _bell(x))


@op
def erfinv(xp: Namespace, x: Array) -> Array:
    """The y with erf(y) = x: infinite at 1 and -1, nan beyond.

    Winitzki's approximation (2008), right to 2e-3, and three of Halley's steps, each of which triples the digits.
    """
    x, dtype = _in_double(xp, x)
    size = xp.minimum(xp.maximum(x, -x), 1 - 2.0**-53)
    a, log = 0.147, xp.log1p(-size) + xp.log1p(size)
    t = 2 / (math.pi * a) + log / 2
    y = xp.sqrt(-log / a / (xp.sqrt(t * t - log / a) + t))
    for _ in range(3):
        above = xp.where(y < 1, _erf_inside(xp, y) - size, (1 - size) - _erfc_outside(xp, y))
        step = above * (math.sqrt(math.pi) / 2) * xp.exp(y * y)
        y = y - step / (1 + y * step)
    y = xp.where(xp.maximum(x, -x) == 1, math.inf, xp.where(xp.maximum(x, -x) <= 1, y, math.nan))
    return xp.copysign(y, x).astype(dtype)


erfinv.vjp(x=lambda g, y: g * (math.sqrt(math.pi) / 2) * exp(square(y)))

# ----------------------------------------------------------------------------------------------- of one input, precisely


@op
def logit(xp: Namespace, x: Array) -> Array:
    """log(x / (1 - x)), the inverse of sigmoid: infinite at 0 and 1, nan outside. Near 1/2, its zero, it is 2 atanh(2 x - 1)."""
    middle = abs(x - 0.5) < 0.25
    inside, outside = xp.where(middle, x, 0.5), xp.where(middle, 0.5, x)
    return xp.where(middle, 2 * xp.arctanh(2 * inside - 1), xp.log(outside / (1 - outside))).astype(xp.result_type(x, 1.0))


logit.vjp(x=lambda g, x: g / (x * (1 - x)))

# -------------------------------------------------------------------------------------------------------- of two inputs


def quotient(a: Array, b: Array) -> Array:
    """a / b, and 0 where b = 0: a subgradient where there is no derivative. The next derivative is nan there: there is none."""
    return where(b != 0, a / where(b == 0, math.nan, b), 0)


@elementwise
def hypot(xp: Namespace, a: Array, b: Array) -> Array:
    """sqrt(a**2 + b**2) without overflow. Its derivative at the origin is 0."""
    return xp.hypot(a, b)


hypot.vjp(a=lambda g, a, y: g * quotient(a, y), b=lambda g, b, y: g * quotient(b, y))


@elementwise
def logaddexp(xp: Namespace, a: Array, b: Array) -> Array:
    """log(e**a + e**b) without overflow. Where both are infinite alike, each gets half of the gradient."""
    return xp.logaddexp(a, b)


def _share(a: Array, b: Array, y: Array) -> Array:
    """e**a / (e**a + e**b), one half where both are infinite alike."""
    alike = (a == b) & (abs(y) == math.inf)
    return sigmoid(where(alike, 0, a) - where(alike, 0, b))


logaddexp.vjp(a=lambda g, a, b, y: g * _share(a, b, y), b=lambda g, a, b, y: g * _share(b, a, y))


@elementwise
def xlogy(xp: Namespace, a: Array, b: Array) -> Array:
    """a * log(b), and 0 where a = 0, unless b is nan. Where a = 0 and b <= 0 both gradients are 0."""
    b = xp.asarray(b, dtype=xp.result_type(a, b))
    return a * xp.log(xp.where((a == 0) & ((b <= 0) | (b == math.inf)), 1, b))


xlogy.vjp(
    a=lambda g, a, b: g * log(where((a == 0) & (b <= 0), 1, b)),
    b=lambda g, a, b: g * a / where((a == 0) & (b <= 0), 1, b),
)


@elementwise
def lerp(xp: Namespace, a: Array, b: Array, weight: Array) -> Array:
    """a + weight * (b - a): the point at weight on the way from a to b."""
    return a + weight * (b - a)


lerp.vjp(
    a=lambda g, weight: g * (1 - weight),
    b=lambda g, weight: g * weight,
    weight=lambda g, a, b: g * (b - a),
)
