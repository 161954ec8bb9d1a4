"""Activations: PyTorch's arguments for the ops of `minigrad.ops.activation`.

``inplace`` is accepted where PyTorch has it and changes nothing: the result is always a new tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad import ops, random
from minigrad.core._advice import tells_spelling
from minigrad.core.tensor import Tensor

__all__ = [
    "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log_softmax", "logsigmoid",
    "mish", "prelu", "relu", "relu6", "rrelu", "selu", "sigmoid", "silu", "softmax", "softmin", "softplus", "softshrink", "softsign",
    "tanh", "tanhshrink", "threshold",
]  # fmt: skip


def _plain(op: Callable[[Any], Any]) -> Callable[..., Any]:
    """Give an op without settings the argument ``inplace``."""

    def function(input: Any, inplace: bool = False) -> Any:
        return op(input)

    function.__name__, function.__doc__ = op.__name__, op.__doc__
    return function


hardsigmoid, hardswish, mish = _plain(ops.hardsigmoid), _plain(ops.hardswish), _plain(ops.mish)
relu, relu6, selu, silu = _plain(ops.relu), _plain(ops.relu6), _plain(ops.selu), _plain(ops.silu)
hardshrink, softshrink, gelu, prelu = ops.hardshrink, ops.softshrink, ops.gelu, ops.prelu
logsigmoid, sigmoid, softsign, tanh, tanhshrink = ops.logsigmoid, ops.sigmoid, ops.softsign, ops.tanh, ops.tanhshrink


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, negative_slope x elsewhere."""
    return ops.leaky_relu(input, negative_slope=negative_slope)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, alpha (e**x - 1) elsewhere."""
    return ops.elu(input, alpha=alpha)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, x) + min(0, alpha (e**(x / alpha) - 1))"""
    return ops.celu(input, alpha)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x, but at least min_val and at most max_val."""
    return ops.hardtanh(input, min_val=min_val, max_val=max_val)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, value elsewhere."""
    return ops.threshold(input, threshold, value)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + e**(beta x)) / beta, and x itself where beta x > threshold."""
    return ops.softplus(input, beta=beta, threshold=threshold)


def rrelu(input: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False) -> Tensor:
    """x where x > 0, a x elsewhere: a is drawn for each element in training, and (lower + upper) / 2 otherwise."""
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    slopes = random.uniform(input.shape, low=lower, high=upper, dtype=input.dtype, device=input.device)
    return ops.where(input > 0, input, slopes * input)


@tells_spelling
def glu(input: Any, dim: int = -1) -> Tensor:
    """a sigmoid(b) for the two halves a, b of x along ``dim``."""
    return ops.glu(input, dim)


@tells_spelling
def softmax(input: Any, dim: int | None = None) -> Tensor:
    """e**x / sum(e**x) along ``dim``."""
    return ops.softmax(input, axis=_dim("softmax", dim))


@tells_spelling
def softmin(input: Any, dim: int | None = None) -> Tensor:
    """softmax(-x)"""
    return ops.softmin(input, _dim("softmin", dim))


@tells_spelling
def log_softmax(input: Any, dim: int | None = None) -> Tensor:
    """log(softmax(x)), precise where softmax is small."""
    return ops.log_softmax(input, axis=_dim("log_softmax", dim))


def _dim(name: str, dim: int | None) -> int:
    if dim is None:
        raise TypeError(f"{name} needs to know the axis to sum over: pass dim, for example dim=1 (PyTorch would guess, and warn)")
    return dim
