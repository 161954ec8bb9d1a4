"""Exponentials and logarithms beside exp and log: to other bases, and precise near 0."""

from __future__ import annotations

import math

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.elementwise import exp

__all__ = ["exp2", "expm1", "log1p", "log2", "log10"]


@op
def expm1(xp: Namespace, x: Array) -> Array:
    """e**x - 1, precise near 0."""
    return xp.expm1(x)


expm1.vjp(x=lambda g, x: g * exp(x))  # y + 1 would lose the digits of what is small


@op
def exp2(xp: Namespace, x: Array) -> Array:
    """2**x"""
    return xp.exp2(x)


exp2.vjp(x=lambda g, y: g * y * math.log(2))


@op
def log1p(xp: Namespace, x: Array) -> Array:
    """log(1 + x), precise near 0."""
    return xp.log1p(x)


log1p.vjp(x=lambda g, x: g / (1 + x))


@op
def log2(xp: Namespace, x: Array) -> Array:
    """Logarithm to base 2."""
    return xp.log2(x)


log2.vjp(x=lambda g, x: g / (x * math.log(2)))


@op
def log10(xp: Namespace, x: Array) -> Array:
    """Logarithm to base 10."""
    return xp.log10(x)


log10.vjp(x=lambda g, x: g / (x * math.log(10)))
