"""Comparisons, logic and tests of elements: their values are truth values, and truth values have no derivative."""

from __future__ import annotations

from minigrad.backends import Array, Namespace
from minigrad.core.op import op

__all__ = [
    "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "equal", "greater",
    "greater_equal", "isfinite", "isinf", "isnan",
    "less", "less_equal", "logical_and", "logical_not", "logical_or", "logical_xor", "not_equal",
]  # fmt: skip

elementwise = op(broadcasts=True)


@elementwise
def equal(xp: Namespace, a: Array, b: Array) -> Array:
    """a == b"""
    return a == b


@elementwise
def not_equal(xp: Namespace, a: Array, b: Array) -> Array:
    """a != b"""
    return a != b


@elementwise
def less(xp: Namespace, a: Array, b: Array) -> Array:
    """a < b"""
    return a < b


@elementwise
def less_equal(xp: Namespace, a: Array, b: Array) -> Array:
    """a <= b"""
    return a <= b


@elementwise
def greater(xp: Namespace, a: Array, b: Array) -> Array:
    """a > b"""
    return a > b


@elementwise
def greater_equal(xp: Namespace, a: Array, b: Array) -> Array:
    """a >= b"""
    return a >= b


@elementwise
def logical_and(xp: Namespace, a: Array, b: Array) -> Array:
    """Whether both are true; a number is true unless it is 0."""
    return xp.logical_and(a, b)


@elementwise
def logical_or(xp: Namespace, a: Array, b: Array) -> Array:
    """Whether at least one is true; a number is true unless it is 0."""
    return xp.logical_or(a, b)


@elementwise
def logical_xor(xp: Namespace, a: Array, b: Array) -> Array:
    """Whether exactly one is true; a number is true unless it is 0."""
    return xp.logical_xor(a, b)


@elementwise
def bitwise_and(xp: Namespace, a: Array, b: Array) -> Array:
    """a & b, of integers bit by bit, or of truth values."""
    return a & b


@elementwise
def bitwise_or(xp: Namespace, a: Array, b: Array) -> Array:
    """a | b, of integers bit by bit, or of truth values."""
    return a | b


@elementwise
def bitwise_xor(xp: Namespace, a: Array, b: Array) -> Array:
    """a ^ b, of integers bit by bit, or of truth values."""
    return a ^ b


@elementwise
def bitwise_left_shift(xp: Namespace, a: Array, b: Array) -> Array:
    """a * 2**b of integers: the bits moved up by b places, zeros coming in."""
    return a << b


@elementwise
def bitwise_right_shift(xp: Namespace, a: Array, b: Array) -> Array:
    """floor(a / 2**b) of integers: the bits moved down by b places, the sign coming in."""
    return a >> b


@op
def logical_not(xp: Namespace, x: Array) -> Array:
    """Whether x is false; a number is false if it is 0."""
    return xp.logical_not(x)


@op
def bitwise_invert(xp: Namespace, x: Array) -> Array:
    """~x, of integers bit by bit, or of truth values."""
    return ~x


@op
def isnan(xp: Namespace, x: Array) -> Array:
    """Whether x is not a number."""
    return xp.isnan(x)


@op
def isinf(xp: Namespace, x: Array) -> Array:
    """Whether x is infinite, of either sign."""
    return xp.isinf(x)


@op
def isfinite(xp: Namespace, x: Array) -> Array:
    """Whether x is neither infinite nor nan."""
    return xp.isfinite(x)


for _of_two in (equal, not_equal, less, less_equal, greater, greater_equal, logical_and, logical_or, logical_xor):
    _of_two.nondiff(a="the result is a truth value", b="the result is a truth value")
for _of_one in (logical_not, isnan, isinf, isfinite):
    _of_one.nondiff(x="the result is a truth value")
for _of_bits in (bitwise_and, bitwise_or, bitwise_xor, bitwise_left_shift, bitwise_right_shift):
    _of_bits.nondiff(a="bits have no derivative", b="bits have no derivative")
bitwise_invert.nondiff(x="bits have no derivative")
