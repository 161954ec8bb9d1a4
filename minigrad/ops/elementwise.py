"""Elementwise ops: a function of each element, and its derivative on the line below.  (Read after op.py.)

Inputs broadcast against one another; the engine sums each gradient back to the shape of its input, so no formula here
mentions shapes. A formula names the output where that is cheaper than the input (``exp`` keeps y and not x). Where a
function has a kink or a tie, the subgradient chosen stands in its docstring and is tested by itself.
"""

from __future__ import annotations

from typing import Any

from minigrad.op import op

__all__ = ["add", "divide", "exp", "log", "multiply", "negative", "subtract", "tanh"]

elementwise = op(broadcasts=True)

# --------------------------------------------------------------------------------------------------------- arithmetic


@elementwise
def add(xp: Any, a: Any, b: Any) -> Any:
    """a + b"""
    return a + b


add.vjp(a=lambda g: g, b=lambda g: g)


@elementwise
def subtract(xp: Any, a: Any, b: Any) -> Any:
    """a - b"""
    return a - b


subtract.vjp(a=lambda g: g, b=lambda g: -g)


@elementwise
def multiply(xp: Any, a: Any, b: Any) -> Any:
    """a * b"""
    return a * b


multiply.vjp(a=lambda g, b: g * b, b=lambda g, a: g * a)


@elementwise
def divide(xp: Any, a: Any, b: Any) -> Any:
    """a / b"""
    return a / b


divide.vjp(a=lambda g, b: g / b, b=lambda g, b, y: -g * y / b)


@op
def negative(xp: Any, x: Any) -> Any:
    """-x"""
    return -x


negative.vjp(x=lambda g: -g)


@op
def exp(xp: Any, x: Any) -> Any:
    """e**x"""
    return xp.exp(x)


exp.vjp(x=lambda g, y: g * y)


@op
def tanh(xp: Any, x: Any) -> Any:
    """(e**x - e**-x) / (e**x + e**-x)"""
    return xp.tanh(x)


tanh.vjp(x=lambda g, y: g * (1 - y * y))


@op
def log(xp: Any, x: Any) -> Any:
    """Natural logarithm."""
    return xp.log(x)


log.vjp(x=lambda g, x: g / x)
