"""Activation functions.

Those with a formula of their own are ops; the rest are a line of composition, which is as right at every order. At a kink
the derivative is that of PyTorch unless the docstring says otherwise; relu'(0) = 0.
"""

from __future__ import annotations

import math

from minigrad.backends import Array, Namespace
from minigrad.core._advice import tells_spelling
from minigrad.core.op import op
from minigrad.core.tensor import Tensor
from minigrad.ops.elementwise import abs, clip, exp, sigmoid, sign, square, tanh, where
from minigrad.ops.shape import Axes, within
from minigrad.ops.special import erfc

__all__ = [
    "alpha_dropout", "celu", "dropout", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu",
    "log_softmax", "logsigmoid", "mish", "prelu", "relu", "relu6", "selu", "silu", "softmax", "softmin", "softplus", "softshrink",
    "softsign", "tanhshrink", "threshold",
]  # fmt: skip

# --------------------------------------------------------------------------------------------------- rectifiers and kin


@op
def relu(xp: Namespace, x: Array) -> Array:
    """max(x, 0)"""
    return xp.maximum(x, 0)


relu.vjp(x=lambda g, y: where(y > 0, g, 0))


@op
def leaky_relu(xp: Namespace, x: Array, *, negative_slope: float = 0.01) -> Array:
    """x where x > 0, negative_slope * x elsewhere. Its derivative at 0 is negative_slope."""
    return xp.where(x > 0, x, negative_slope * x)


@leaky_relu.vjp("x")
def leaky_relu_d_x(g: Array, x: Array, *, negative_slope: float) -> Array:
    return where(x > 0, g, negative_slope * g)


def prelu(x: Array, weight: Array) -> Tensor:
    """x where x > 0, weight * x elsewhere. Its derivative at 0 is weight.

    ``weight`` is one slope, or one for each channel: axis 1 of x, or its only axis.
    """
    if weight.size > 1:
        channels = 1 if len(x.shape) > 1 else 0
        if not x.shape or weight.shape != (x.shape[channels],):
            raise ValueError(f"prelu: weight has shape {weight.shape}; x, of shape {x.shape}, needs one slope or one for each channel")
        weight = weight.reshape(weight.shape + (1,) * (len(x.shape) - channels - 1))
    return where(x > 0, x, (weight if weight.size > 1 else weight.reshape(())) * x)


@op
def elu(xp: Namespace, x: Array, *, alpha: float = 1.0) -> Array:
    """x where x > 0, alpha * (e**x - 1) elsewhere. Its derivative at 0 is alpha."""
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0)))


@elu.vjp("x")
def elu_d_x(g: Array, x: Array, *, alpha: float) -> Array:
    return g * where(x > 0, 1, alpha * exp(where(x > 0, 0, x)))  # y + alpha would lose the digits of what is small


def selu(x: Array) -> Tensor:
    """The elu that keeps mean 0 and variance 1 from layer to layer (Klambauer et al. 2017, arXiv:1706.02515)."""
    return 1.0507009873554805 * elu(x, alpha=1.6732632423543772)


def celu(x: Array, alpha: float = 1.0) -> Tensor:
    """max(0, x) + min(0, alpha * (e**(x / alpha) - 1)), for alpha > 0."""
    return alpha * elu(x / alpha)


@op
def hardtanh(xp: Namespace, x: Array, *, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """x, but not less than min_val and not more than max_val. Its derivative at both is 0."""
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val is {min_val} and max_val is {max_val}; expected min_val <= max_val")
    return xp.minimum(xp.maximum(x, min_val), max_val)


@hardtanh.vjp("x")
def hardtanh_d_x(g: Array, x: Array, *, min_val: float, max_val: float) -> Array:
    return where((x > min_val) & (x < max_val), g, 0)


def relu6(x: Array) -> Tensor:
    """min(max(x, 0), 6)"""
    return hardtanh(x, min_val=0.0, max_val=6.0)


def hardsigmoid(x: Array) -> Tensor:
    """min(max(x + 3, 0), 6) / 6"""
    return relu6(x + 3.0) / 6  # a float, in which no small integer wraps around


def hardswish(x: Array) -> Tensor:
    """x * hardsigmoid(x). Its derivative is 0 at -3 and 1 at 3 (there PyTorch has 1.5, that of the other side)."""
    inside = (x > -3) & (x < 3)
    between = where(inside, x, 0)
    return where(inside, between * (between + 3) / 6, relu(x))


def hardshrink(x: Array, lambd: float = 0.5) -> Tensor:
    """x where |x| > lambd, 0 elsewhere."""
    return where((x >= -lambd) & (x <= lambd), 0, x)  # the absolute value of the smallest integer would be negative


def softshrink(x: Array, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by lambd, and 0 where |x| <= lambd."""
    return where((x >= -lambd) & (x <= lambd), 0, x - lambd * sign(x))


@op
def tanhshrink(xp: Namespace, x: Array) -> Array:
    """x - tanh(x)"""
    return x - xp.tanh(x)


tanhshrink.vjp(x=lambda g, x: g * square(tanh(x)))  # not 1 - (1 - tanh(x)**2), which is 0 where x is small


def threshold(x: Array, threshold: float, value: float) -> Tensor:
    """x where x > threshold, value elsewhere."""
    return where(x <= threshold, value, x)


# --------------------------------------------------------------------------------------------------------------- smooth


@op
def gelu(xp: Namespace, x: Array, *, approximate: str = "none") -> Array:
    """x times the probability that a standard normal variable is below x (Hendrycks and Gimpel 2016, arXiv:1606.08415).

    ``approximate="tanh"`` takes x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x**3))) / 2.
    """
    if approximate == "tanh":
        return x * sigmoid(_twice_the_argument(clip(x, -50, 50)))
    if approximate != "none":
        raise ValueError(f"gelu: approximate is {approximate!r}, expected 'none' or 'tanh'")
    return x * (0.5 * erfc(-math.sqrt(0.5) * x))


@gelu.vjp("x")
def gelu_d_x(g: Array, x: Array, *, approximate: str) -> Array:
    z = clip(x, -50, 50)  # beyond, all that decays is exactly 0, and squares could overflow
    if approximate == "tanh":
        s = sigmoid(_twice_the_argument(z))
        return g * (s + z * s * (1 - s) * (math.sqrt(8 / math.pi) * (1 + 3 * 0.044715 * z * z)))
    return g * (0.5 * erfc(-math.sqrt(0.5) * x) + z * exp(-0.5 * z * z) / math.sqrt(2 * math.pi))


def _twice_the_argument(x: Array) -> Array:
    """Twice what the tanh in gelu is taken of: (1 + tanh(u)) / 2 = sigmoid(2 u)."""
    return math.sqrt(8 / math.pi) * x * (1 + 0.044715 * x * x)


@op
def silu(xp: Namespace, x: Array) -> Array:
    """x * sigmoid(x), also called swish."""
    return x * sigmoid(x)


@silu.vjp("x")
def silu_d_x(g: Array, x: Array) -> Array:
    s = sigmoid(x)
    return g * (s + x * s * sigmoid(-x))


@op
def softplus(xp: Namespace, x: Array, *, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """log(1 + e**(beta * x)) / beta, and x itself where beta * x > threshold."""
    if beta == 0:
        raise ValueError(f"softplus: beta is {beta}; expected a number that is not 0, as the result is divided by it")
    z = beta * x
    return xp.where(z > threshold, x, (xp.maximum(z, 0) + xp.log1p(xp.exp(xp.minimum(z, -z)))) / beta)


@softplus.vjp("x")
def softplus_d_x(g: Array, x: Array, *, beta: float, threshold: float) -> Array:
    return g * where(beta * x > threshold, 1, sigmoid(beta * x))


def logsigmoid(x: Array) -> Tensor:
    """log(sigmoid(x))"""
    return -softplus(x * -1.0, threshold=math.inf)  # by a float, as -x wraps around where x is of integers


def mish(x: Array) -> Tensor:
    """x * tanh(log(1 + e**x)) (Misra 2019, arXiv:1908.08681)."""
    return x * tanh(softplus(x))


@op
def softsign(xp: Namespace, x: Array) -> Array:
    """x / (1 + |x|)"""
    return x / (1 + xp.abs(x))


softsign.vjp(x=lambda g, x: g / (1 + abs(x)) / (1 + abs(x)))  # a square would overflow


@tells_spelling
def glu(x: Array, axis: int = -1) -> Tensor:
    """Of the two halves a and b of x along ``axis``: a * sigmoid(b) (Dauphin et al. 2016, arXiv:1612.08083)."""
    if not len(x.shape):
        raise ValueError("glu: a scalar has no two halves")
    n = x.shape[axis]
    if n % 2:
        raise ValueError(f"glu: the length along axis {axis} must be even; x has shape {x.shape}")
    before = (slice(None),) * (axis % len(x.shape))
    return x[(*before, slice(None, n // 2))] * sigmoid(x[(*before, slice(n // 2, None))])


# -------------------------------------------------------------------------------------------------------- along an axis


@op
def softmax(xp: Namespace, x: Array, *, axis: Axes = -1) -> Array:
    """e**x / sum(e**x) along ``axis``, one or several: positive, and 1 in sum. An entry of -inf gets 0; where all are, it is nan."""
    axis = within(axis, x.ndim)
    if not x.size:
        return x + 0.0
    e = xp.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


@softmax.vjp("x")
def softmax_d_x(g: Array, y: Array, *, axis: Axes) -> Array:
    return y * (g - (g * y).sum(axis=within(axis, len(y.shape)), keepdims=True))


@op
def log_softmax(xp: Namespace, x: Array, *, axis: int = -1) -> Array:
    """log(softmax(x)), precise where softmax is small."""
    axis = within(axis, x.ndim)
    if not x.size:
        return x + 0.0
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))


@log_softmax.vjp("x")
def log_softmax_d_x(g: Array, y: Array, *, axis: int) -> Array:
    return g - exp(y) * g.sum(axis=within(axis, len(y.shape)), keepdims=True)


@tells_spelling
def softmin(x: Array, axis: int = -1) -> Tensor:
    """softmax(-x)"""
    return softmax(x * -1.0, axis=axis)  # by a float, as -x wraps around where x is of integers


# ------------------------------------------------------------------------------------------------------------- dropout


@op
def dropout(xp: Namespace, x: Array, mask: Array, *, p: float) -> Array:
    """x / (1 - p) where mask holds, 0 elsewhere, so that the mean stays (Srivastava et al. 2014).

    The mask, true with probability 1 - p, is an input: an op draws no random numbers (`minigrad.nn.Dropout` does).
    """
    return where(mask, x, 0) * _kept(p)


@dropout.vjp("x")
def dropout_d_x(g: Array, mask: Array, *, p: float) -> Array:
    return where(mask, g, 0) * _kept(p)


dropout.nondiff(mask="a truth value")


def _kept(p: float) -> float:
    """The factor of what is kept."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is {p}; expected a probability, from 0 to 1")
    return 1 / (1 - p) if p < 1 else 0.0


def alpha_dropout(x: Array, mask: Array, p: float) -> Tensor:
    """x where mask holds, the limit of `selu` at -inf elsewhere, brought back to the mean and variance of x.

    For p < 1 and x of mean 0 and variance 1 (Klambauer et al. 2017, arXiv:1706.02515).
    """
    low = -1.0507009873554805 * 1.6732632423543772
    scale = 1 / math.sqrt((1 - p) * (1 + p * low * low))
    return scale * where(mask, x, low) - scale * p * low
