"""Initial values: functions that overwrite a tensor, named and defined as in PyTorch, and LeCun's.

Each draws from `minigrad.random`, so that ``mg.manual_seed`` fixes them, and returns the tensor. ``fan_in`` is the number of
inputs that one output depends on, ``fan_out`` the number of outputs that depend on one input; for a weight of
shape (out, in, *kernel) these are in * prod(kernel) and out * prod(kernel).

Sources: Glorot and Bengio, AISTATS 2010 (Xavier); He et al., ICCV 2015 (Kaiming); LeCun et al., "Efficient backprop",
1998; Saxe et al., ICLR 2014 (orthogonal); Zagoruyko and Komodakis, 2017 (dirac); Martens, ICML 2010 (sparse).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from minigrad import random
from minigrad.backends import namespace
from minigrad.core.tensor import Tensor

if TYPE_CHECKING:
    from minigrad.nn.module import Module

T = TypeVar("T", bound=Tensor)
M = TypeVar("M", bound="Module")

_GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
_GAINS |= {f"conv{kind}{n}d": 1.0 for kind in ("", "_transpose") for n in (1, 2, 3)}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return by how much weights before this nonlinearity should be larger to keep the variance.

    ``param`` is the negative slope where ``nonlinearity`` is "leaky_relu" (0.01 if it is None).
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"unknown nonlinearity {nonlinearity!r}: expected one of {', '.join([*_GAINS, 'leaky_relu'])}")
    return _GAINS[nonlinearity]


def calculate_fans(shape: Sequence[int]) -> tuple[int, int]:
    """Return fan_in and fan_out of a weight of this shape."""
    if len(shape) < 2:
        raise ValueError(f"fan in and fan out need a weight with at least 2 axes, and this one has shape {tuple(shape)}")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def uniform_(tensor: T, a: float = 0.0, b: float = 1.0) -> T:
    """Fill with numbers spread evenly over [a, b)."""
    return tensor.copy_(random.uniform(tensor.shape, low=a, high=b, dtype=tensor.dtype, device=tensor.device))


def normal_(tensor: T, mean: float = 0.0, std: float = 1.0) -> T:
    """Fill with normally distributed numbers."""
    return tensor.copy_(random.normal(tensor.shape, mean=mean, std=std, dtype=tensor.dtype, device=tensor.device))


def trunc_normal_(tensor: T, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> T:
    """Fill with normally distributed numbers of [a, b], by inverting the distribution function."""
    if not a < b:
        raise ValueError(f"trunc_normal_: a must be less than b, and they are {a} and {b}")
    normal = NormalDist(mean, std)
    p = random.uniform(tensor.shape, low=normal.cdf(a), high=normal.cdf(b), dtype=np.float64, device="cpu").data
    p = np.clip(p, 2.0**-1022, 1 - 2.0**-53)
    values = np.array([normal.inv_cdf(q) for q in p.ravel().tolist()]).reshape(p.shape)
    return tensor.copy_(np.clip(values, a, b))


def constant_(tensor: T, val: float) -> T:
    """Fill with ``val``."""
    tensor.copy_(namespace(tensor.data).full((), val, tensor.dtype))
    return tensor


def zeros_(tensor: T) -> T:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: T) -> T:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def eye_(tensor: T) -> T:
    """Fill a matrix with the identity."""
    if tensor.ndim != 2:
        raise ValueError(f"eye_ needs a matrix, and this tensor has shape {tensor.shape}")
    return tensor.copy_(np.eye(tensor.shape[0], tensor.shape[1]))


def dirac_(tensor: T, groups: int = 1) -> T:
    """Fill the weight of a convolution so that it passes on as many channels as it can, unchanged."""
    if not 3 <= tensor.ndim <= 5:
        raise ValueError(f"dirac_ needs the weight of a convolution, of 3 to 5 axes, and this tensor has shape {tensor.shape}")
    out, n_in, *kernel = tensor.shape
    if out % groups:
        raise ValueError(f"dirac_: {out} output channels cannot be split into {groups} groups")
    values = np.zeros(tensor.shape)
    for group in range(groups):
        for d in range(min(out // groups, n_in)):
            values[(group * (out // groups) + d, d, *(k // 2 for k in kernel))] = 1
    return tensor.copy_(values)


def xavier_uniform_(tensor: T, gain: float = 1.0) -> T:
    """Fill evenly from +-gain sqrt(6 / (fan_in + fan_out))."""
    bound = gain * math.sqrt(6 / sum(calculate_fans(tensor.shape)))
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: T, gain: float = 1.0) -> T:
    """Fill with normal numbers of deviation gain sqrt(2 / (fan_in + fan_out))."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(calculate_fans(tensor.shape))))


def kaiming_uniform_(tensor: T, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> T:
    """Fill evenly from +-gain sqrt(3 / fan); ``a`` is the slope of a leaky ReLU below 0."""
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(tensor: T, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> T:
    """Fill with normal numbers of deviation gain / sqrt(fan); ``a`` is the slope of a leaky ReLU below 0."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity))


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"unknown mode {mode!r}: expected 'fan_in' or 'fan_out'")
    fan = calculate_fans(tensor.shape)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0


def lecun_uniform_(tensor: T) -> T:
    """Fill evenly from +-sqrt(3 / fan_in)."""
    bound = math.sqrt(3 / calculate_fans(tensor.shape)[0])
    return uniform_(tensor, -bound, bound)


def lecun_normal_(tensor: T) -> T:
    """Fill with normal numbers of deviation 1 / sqrt(fan_in)."""
    return normal_(tensor, 0.0, 1 / math.sqrt(calculate_fans(tensor.shape)[0]))


def orthogonal_(tensor: T, gain: float = 1.0) -> T:
    """Fill with a random orthogonal matrix of (axis 0, all others), or its part, times ``gain``."""
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_ needs at least 2 axes, and this tensor has shape {tensor.shape}")
    if tensor.size == 0:
        return tensor
    rows, columns = tensor.shape[0], tensor.size // tensor.shape[0]
    draws = random.normal((max(rows, columns), min(rows, columns)), dtype=np.float64, device="cpu").data
    q, r = np.linalg.qr(draws)
    q = q * np.sign(np.diagonal(r))  # without this the distribution is not even over the orthogonal matrices
    return tensor.copy_(gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def sparse_(tensor: T, sparsity: float, std: float = 0.01) -> T:
    """Fill a matrix with normal numbers, and set the fraction ``sparsity`` of each column to zero."""
    if tensor.ndim != 2:
        raise ValueError(f"sparse_ needs a matrix, and this tensor has shape {tensor.shape}")
    rows, columns = tensor.shape
    values = random.normal(tensor.shape, std=std, dtype=np.float64, device="cpu").data
    for column in range(columns):
        values[random.permutation(rows)[: math.ceil(sparsity * rows)], column] = 0
    return tensor.copy_(values)


def default_(weight: Tensor, bias: Tensor | None, fan_in: int) -> None:
    """Fill weight and bias as linear and convolution layers do: evenly from +-1/sqrt(fan_in)."""
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    for tensor in (weight, bias):
        if tensor is not None:
            uniform_(tensor, -bound, bound)


def weights_(model: M, function: Callable[[Tensor], Tensor], bias: float | None = 0.0) -> M:
    """Give a whole net its start: ``function(weight)`` for each weight of at least two axes, and a constant for the biases beside them.

    Parameters
    ----------
    model
        A module; it is changed, and returned. The weights of normalization layers, which have one axis, stay.
    function
        Overwrites a weight, as the functions here do: ``nn.init.xavier_normal_``, ``lambda w: nn.init.normal_(w, 0, 0.1)``.
    bias
        What the biases of these layers become; None leaves them.

    Raises
    ------
    ValueError
        If the model has no such weight.
    """
    found = False
    for module in model.modules():
        weight, beside = getattr(module, "weight", None), getattr(module, "bias", None)
        if isinstance(weight, Tensor) and weight.ndim >= 2:
            found = True
            function(weight)
            if bias is not None and isinstance(beside, Tensor):
                constant_(beside, bias)
    if not found:
        raise ValueError(f"init.weights_: the {type(model).__name__} has no weight of at least two axes")
    return model
