"""Elementwise ops: a function of each element, and its derivative on the line below.  (Read this file first.)

An *op* is a function of arrays, and beside it, for each input, a formula for the derivative. `exp` and `multiply` read::

    y = e**x        given g = dL/dy, the chain rule says        dL/dx = g * y
    y = a * b       given g = dL/dy                             dL/da = g * b      dL/db = g * a

L is the number that is differentiated in the end, a loss; g is called the *cotangent* of y. ``@op`` declares the function,
``.vjp`` its formulas (a formula computes a vector-Jacobian product: g times the derivative). ``xp`` is NumPy or CuPy, whichever the
arrays belong to; CuPy is NumPy on a GPU. A formula is given what it names and nothing else: g, inputs, outputs (an output is called
y), and after ``*`` parameters, which have no derivative. ``.zero`` declares a derivative that is 0 wherever it exists, ``.nondiff``
that there is none. How ops are applied and formulas run is the subject of core/, from graph.py on.

Inputs of ops declared with ``@elementwise`` broadcast against one another; the engine sums each gradient back to the shape of its
input, so no formula here mentions shapes. An op of one input has nothing to broadcast against, and is a plain ``@op``. A formula
names the output where that is cheaper than the input (``exp`` keeps y and not x). Where a function has a kink or a tie, the
subgradient chosen stands in its docstring and is tested by itself.

A formula is made of ops (``abs`` and ``pow`` in it are the ops), so it can be differentiated again. It must be right at
every order, and that takes care where a value is not finite: ``0 * inf`` is nan. The cure is always to replace the
*argument* before the dangerous function (``log(where(a == 0, 1, a))``); to replace its result would stop the nan in the
value and let it through in the next derivative. For the same reason a formula with a mask writes ``where(mask, g, 0)`` and not
``g * mask``, which is nan where g is infinite and the mask does not hold.
"""

from __future__ import annotations

from math import prod

from minigrad.backends import Array, DType, Namespace
from minigrad.core.op import op

__all__ = [
    "abs", "add", "astype", "clip", "copy", "divide", "exp", "floor_divide", "log", "maximum", "minimum", "multiply", "negative",
    "positive", "pow", "power", "reciprocal", "remainder", "sigmoid", "sign", "sqrt", "square", "subtract", "tanh", "where",
]  # fmt: skip

elementwise = op(broadcasts=True)  #: declares an op whose inputs broadcast against one another

# --------------------------------------------------------------------------------------------------------- arithmetic


@elementwise
def add(xp: Namespace, a: Array, b: Array) -> Array:
    """a + b"""
    return a + b


add.vjp(a=lambda g: g, b=lambda g: g)


@elementwise
def subtract(xp: Namespace, a: Array, b: Array) -> Array:
    """a - b"""
    return a - b


subtract.vjp(a=lambda g: g, b=lambda g: -g)


@elementwise
def multiply(xp: Namespace, a: Array, b: Array) -> Array:
    """a * b"""
    return a * b


multiply.vjp(a=lambda g, b: g * b, b=lambda g, a: g * a)


@elementwise
def divide(xp: Namespace, a: Array, b: Array) -> Array:
    """a / b"""
    return a / b


divide.vjp(a=lambda g, b: g / b, b=lambda g, b, y: -g * y / b)


@elementwise
def floor_divide(xp: Namespace, a: Array, b: Array) -> Array:
    """floor(a / b). Its gradient is zero."""
    return a // b


floor_divide.zero(a="piecewise constant", b="piecewise constant")


@elementwise
def remainder(xp: Namespace, a: Array, b: Array) -> Array:
    """a - b * floor(a / b), which has the sign of b. Where it jumps, the gradient is that of the piece it is on."""
    return a % b


remainder.vjp(a=lambda g: g, b=lambda g, a, b: -g * (a // b))


@op
def negative(xp: Namespace, x: Array) -> Array:
    """-x"""
    return -x


negative.vjp(x=lambda g: -g)


@op
def positive(xp: Namespace, x: Array) -> Array:
    """+x, a copy."""
    return +x


positive.vjp(x=lambda g: g)


@op
def sign(xp: Namespace, x: Array) -> Array:
    """-1, 0 or 1. Its gradient is zero."""
    return xp.sign(x)


sign.zero(x="piecewise constant")


@op
def abs(xp: Namespace, x: Array) -> Array:
    """|x|. Its derivative at 0 is 0."""
    return xp.abs(x)


abs.vjp(x=lambda g, x: g * sign(x))

# ------------------------------------------------------------------------------------------------------------- powers


@op
def square(xp: Namespace, x: Array) -> Array:
    """x**2"""
    return x * x


square.vjp(x=lambda g, x: 2 * g * x)


@op
def sqrt(xp: Namespace, x: Array) -> Array:
    """Square root. Its derivative at 0 is infinite."""
    return xp.sqrt(x)


sqrt.vjp(x=lambda g, y: g / (2 * y))


@op
def reciprocal(xp: Namespace, x: Array) -> Array:
    """1 / x"""
    return 1 / x


reciprocal.vjp(x=lambda g, y: -g * y * y)


@elementwise
def pow(xp: Namespace, a: Array, b: Array) -> Array:
    """a**b, with 0**0 = 1.

    Where a = 0 and b >= 0 the derivative with respect to b is 0. Where a < 0, or a = 0 and b < 0, it is nan: only integers b have a
    real power there (where a**b rounds to 0, it is 0).
    """
    if isinstance(b, int) and 2 < b <= 8:
        return prod([a] * (b - 1), start=a)  # NumPy's power takes 100 to 1000 times as long where a < 0
    return a**b


@pow.vjp("a")
def pow_d_a(g: Array, a: Array, b: Array) -> Array:
    if isinstance(b, (int, float)):
        return g * (b * pow(a, b - 1)) if b else where(False, g, 0)
    exponent = where((a == 0) & (b == 0), 1, b)  # the factor b makes it 0 there, unless it meets the infinite 0**-1
    return g * b * pow(a, exponent - 1)


@pow.vjp("b")
def pow_d_b(g: Array, a: Array, b: Array, y: Array) -> Array:
    return g * y * log(where((a == 0) | (y == 0), 1, a))


power = pow  #: NumPy's name

# -------------------------------------------------------------------------------------------- exponentials, logarithms


@op
def exp(xp: Namespace, x: Array) -> Array:
    """e**x"""
    return xp.exp(x)


exp.vjp(x=lambda g, y: g * y)


@op
def log(xp: Namespace, x: Array) -> Array:
    """Natural logarithm."""
    return xp.log(x)


log.vjp(x=lambda g, x: g / x)


@op
def tanh(xp: Namespace, x: Array) -> Array:
    """(e**x - e**-x) / (e**x + e**-x). Its derivative, 1 - y * y, is right to the rounding of 1: far out it has no digits left."""
    return xp.tanh(x)


tanh.vjp(x=lambda g, y: g * (1 - y * y))


@op
def sigmoid(xp: Namespace, x: Array) -> Array:
    """1 / (1 + e**-x), written so that no exponential overflows."""
    e = xp.exp(xp.minimum(x, 0))
    return e / (e + xp.exp(xp.minimum(-1.0 * x, 0)))  # -x would wrap around in unsigned integers


sigmoid.vjp(x=lambda g, x: g * (sigmoid(x) * sigmoid(-x)))  # 1 - y would lose all digits near 1


# ------------------------------------------------------------------------------------------------------------- choices


@elementwise
def where(xp: Namespace, condition: Array, a: Array, b: Array) -> Array:
    """a where condition holds, b elsewhere.

    The branch not chosen gets a gradient of 0; if it was computed by a function whose derivative there is infinite, 0 * inf
    makes nan on the way back: choose the argument of that function, not its result.
    """
    return xp.where(condition, a, b)


where.vjp(a=lambda g, condition: where(condition, g, 0), b=lambda g, condition: where(condition, 0, g))
where.nondiff(condition="a truth value")


def of_larger(g: Array, a: Array, b: Array) -> Array:
    """What a gets of g where the larger of a and b is taken."""
    return where(a > b, g, 0) + where(a == b, 0.5 * g, 0)


@elementwise
def maximum(xp: Namespace, a: Array, b: Array) -> Array:
    """The larger of a and b; nan where either is. Where they are equal, each gets half of the gradient."""
    return xp.maximum(a, b)


maximum.vjp(a=of_larger, b=lambda g, a, b: of_larger(g, b, a))


@elementwise
def minimum(xp: Namespace, a: Array, b: Array) -> Array:
    """The smaller of a and b; nan where either is. Where they are equal, each gets half of the gradient."""
    return xp.minimum(a, b)


minimum.vjp(a=lambda g, a, b: of_larger(g, b, a), b=of_larger)


@elementwise
def clip(xp: Namespace, x: Array, min: Array | None = None, max: Array | None = None) -> Array:
    """x, but not less than min and not more than max, which must not be less than min.

    The gradient goes to the one of the three that y is; where x meets a bound, to x.
    """
    x = x if min is None else xp.maximum(x, min)
    return x if max is None else xp.minimum(x, max)


clip.vjp(x=lambda g, x, y: where(x == y, g, 0), min=lambda g, x, y: where(x < y, g, 0), max=lambda g, x, y: where(x > y, g, 0))

# -------------------------------------------------------------------------------------------------- the same elements


@op
def copy(xp: Namespace, x: Array) -> Array:
    """x in memory of its own."""
    return xp.array(x)


copy.vjp(x=lambda g: g)


@op
def astype(xp: Namespace, x: Array, *, dtype: DType) -> Array:
    """x with elements of another type. Its gradient has the type of x again; there is none through integers."""
    return xp.asarray(x).astype(dtype)


astype.vjp(x=lambda g: g)  # the engine brings every gradient to the type of its input
