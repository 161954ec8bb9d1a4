"""Trigonometric and hyperbolic functions and their inverses, of each element. Angles are in radians."""

from __future__ import annotations

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.elementwise import sqrt
from minigrad.ops.special import hypot

__all__ = ["acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "sin", "sinh", "tan"]


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
