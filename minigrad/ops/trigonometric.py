"""Trigonometric and hyperbolic functions and their inverses, of each element. Angles are in radians."""

from __future__ import annotations

import math

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.elementwise import sqrt, square, where
from minigrad.ops.special import hypot

__all__ = ["acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "sin", "sinc", "sinh", "tan"]


@op
def sin(xp: Namespace, x: Array) -> Array:
    """Sine."""
    return xp.sin(x)


@op
def cos(xp: Namespace, x: Array) -> Array:
    """Cosine."""
    return xp.cos(x)


sin.vjp(x=lambda g, x: g * cos(x))
cos.vjp(x=lambda g, x: -g * sin(x))


@op
def tan(xp: Namespace, x: Array) -> Array:
    """Tangent."""
    return xp.tan(x)


tan.vjp(x=lambda g, y: g * (1 + y * y))


@op
def asin(xp: Namespace, x: Array) -> Array:
    """Inverse sine, in [-pi/2, pi/2]; nan outside -1 <= x <= 1."""
    return xp.arcsin(x)


asin.vjp(x=lambda g, x: g / sqrt((1 - x) * (1 + x)))


@op
def acos(xp: Namespace, x: Array) -> Array:
    """Inverse cosine, in [0, pi]; nan outside -1 <= x <= 1."""
    return xp.arccos(x)


acos.vjp(x=lambda g, x: -g / sqrt((1 - x) * (1 + x)))


@op
def atan(xp: Namespace, x: Array) -> Array:
    """Inverse tangent, in [-pi/2, pi/2]."""
    return xp.arctan(x)


atan.vjp(x=lambda g, x: g / (1 + x * x))


@op(broadcasts=True)
def atan2(xp: Namespace, a: Array, b: Array) -> Array:
    """The angle of the point with abscissa b and ordinate a, in [-pi, pi]; it has no derivative at the origin."""
    return xp.arctan2(a, b)


atan2.vjp(a=lambda g, a, b: g * b / (a * a + b * b), b=lambda g, a, b: -g * a / (a * a + b * b))


@op
def sinh(xp: Namespace, x: Array) -> Array:
    """(e**x - e**-x) / 2"""
    return xp.sinh(x)


@op
def cosh(xp: Namespace, x: Array) -> Array:
    """(e**x + e**-x) / 2"""
    return xp.cosh(x)


sinh.vjp(x=lambda g, x: g * cosh(x))
cosh.vjp(x=lambda g, x: g * sinh(x))


@op
def asinh(xp: Namespace, x: Array) -> Array:
    """Inverse hyperbolic sine."""
    return xp.arcsinh(x)


asinh.vjp(x=lambda g, x: g / hypot(x, 1))  # sqrt(x * x + 1), without overflow


@op
def acosh(xp: Namespace, x: Array) -> Array:
    """Inverse hyperbolic cosine, not negative; nan where x < 1."""
    return xp.arccosh(x)


acosh.vjp(x=lambda g, x: g / (sqrt(x - 1) * sqrt(x + 1)))


@op
def atanh(xp: Namespace, x: Array) -> Array:
    """Inverse hyperbolic tangent; nan outside -1 <= x <= 1."""
    return xp.arctanh(x)


atanh.vjp(x=lambda g, x: g / ((1 - x) * (1 + x)))


@op
def sinc(xp: Namespace, x: Array) -> Array:
    """sin(pi x) / (pi x), and 1 at 0."""
    angle = math.pi * xp.where(x == 0, 1, x)
    return xp.where(x == 0, 1, xp.sin(angle) / angle).astype(xp.result_type(x, 1.0))


# derivative of sinc, divided by x, in powers of (pi x)**2: the quotient has no digits left near 0, and is undefined there
_SINC_SERIES = [math.pi**2 * (-1) ** n * 2 * n / math.factorial(2 * n + 1) for n in range(1, 13)]


@sinc.vjp("x")
def sinc_d_x(g: Array, x: Array) -> Array:
    near = abs(x) < 0.5
    inside, outside = where(near, x, 0), where(near, 1, x)
    t = square(math.pi * inside)
    series = 0 * t
    for c in reversed(_SINC_SERIES):
        series = series * t + c
    return g * where(near, inside * series, (cos(math.pi * outside) - sinc(outside)) / outside)
