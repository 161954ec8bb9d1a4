"""Activations as modules. Each applies the function of the same name in `minigrad.nn.functional` with its settings.

``inplace`` is accepted where PyTorch has it and changes nothing: the result is always a new tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.core.tensor import Tensor
from minigrad.nn import functional as F
from minigrad.nn.module import Module, Parameter, empty_parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]  # fmt: skip


class _Plain(Module):
    """An activation without settings."""

    _function: Callable[[Any], Any]

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, input: Any) -> Tensor:
        return self._function(input)


class _Set(Module):
    """An activation with settings: attributes that are handed to the function by name."""

    _function: Callable[..., Any]
    _settings: tuple[str, ...]

    def forward(self, input: Any) -> Tensor:
        return self._function(input, **{name: getattr(self, name) for name in self._settings})

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self._settings)


class ReLU(_Plain):
    """max(x, 0)"""

    _function = staticmethod(F.relu)


class ReLU6(_Plain):
    """min(max(x, 0), 6)"""

    _function = staticmethod(F.relu6)


class SELU(_Plain):
    """The ELU that keeps mean 0 and variance 1 from layer to layer."""

    _function = staticmethod(F.selu)


class SiLU(_Plain):
    """x sigmoid(x)"""

    _function = staticmethod(F.silu)


class Mish(_Plain):
    """x tanh(log(1 + e**x))"""

    _function = staticmethod(F.mish)


class Sigmoid(_Plain):
    """1 / (1 + e**-x)"""

    _function = staticmethod(F.sigmoid)


class LogSigmoid(_Plain):
    """log(sigmoid(x))"""

    _function = staticmethod(F.logsigmoid)


class Hardsigmoid(_Plain):
    """min(max(x + 3, 0), 6) / 6"""

    _function = staticmethod(F.hardsigmoid)


class Hardswish(_Plain):
    """x hardsigmoid(x)"""

    _function = staticmethod(F.hardswish)


class Tanh(_Plain):
    """(e**x - e**-x) / (e**x + e**-x)"""

    _function = staticmethod(F.tanh)


class Tanhshrink(_Plain):
    """x - tanh(x)"""

    _function = staticmethod(F.tanhshrink)


class Softsign(_Plain):
    """x / (1 + abs(x))"""

    _function = staticmethod(F.softsign)


class LeakyReLU(_Set):
    """x where x > 0, negative_slope x elsewhere."""

    _function, _settings = staticmethod(F.leaky_relu), ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope


class ELU(_Set):
    """x where x > 0, alpha (e**x - 1) elsewhere."""

    _function, _settings = staticmethod(F.elu), ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha


class CELU(_Set):
    """max(0, x) + min(0, alpha (e**(x / alpha) - 1))"""

    _function, _settings = staticmethod(F.celu), ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha


class GELU(_Set):
    """x times the probability that a standard normal variable is below x; ``approximate="tanh"`` is the cheaper form."""

    _function, _settings = staticmethod(F.gelu), ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate


class GLU(_Set):
    """a sigmoid(b) for the two halves a, b of x along ``dim``."""

    _function, _settings = staticmethod(F.glu), ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim


class Hardshrink(_Set):
    """x where abs(x) > lambd, 0 elsewhere."""

    _function, _settings = staticmethod(F.hardshrink), ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd


class Softshrink(_Set):
    """x moved towards 0 by lambd, and 0 where abs(x) <= lambd."""

    _function, _settings = staticmethod(F.softshrink), ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        if lambd < 0:
            raise ValueError(f"Softshrink: lambd must not be negative, and it is {lambd}")
        self.lambd = lambd


class Hardtanh(_Set):
    """x, but at least min_val and at most max_val."""

    _function, _settings = staticmethod(F.hardtanh), ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        if not max_val > min_val:
            raise ValueError(f"Hardtanh: max_val must be larger than min_val, and they are {max_val} and {min_val}")
        self.min_val, self.max_val = min_val, max_val


class Softplus(_Set):
    """log(1 + e**(beta x)) / beta, and x itself where beta x > threshold."""

    _function, _settings = staticmethod(F.softplus), ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold


class Threshold(_Set):
    """x where x > threshold, value elsewhere."""

    _function, _settings = staticmethod(F.threshold), ("threshold", "value")

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold, self.value = threshold, value


class RReLU(_Set):
    """x where x > 0, a x elsewhere; a is drawn evenly from [lower, upper) in training and is their mean otherwise."""

    _function, _settings = staticmethod(F.rrelu), ("lower", "upper", "training")

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower, self.upper = lower, upper


class Softmax(_Set):
    """e**x / sum(e**x) along ``dim``, which has to be given."""

    _function, _settings = staticmethod(F.softmax), ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim


class LogSoftmax(Softmax):
    """log(softmax(x)) along ``dim``, which has to be given."""

    _function = staticmethod(F.log_softmax)


class Softmin(Softmax):
    """softmax(-x) along ``dim``, which has to be given."""

    _function = staticmethod(F.softmin)


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W)."""

    def forward(self, input: Any) -> Tensor:
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: the input has shape {input.shape}; expected 3 or 4 axes")
        return F.softmax(input, dim=-3)


class PReLU(Module):
    """x where x > 0, weight x elsewhere, with a learned weight: one for all, or one for each channel (axis 1).

    Attributes
    ----------
    weight : (num_parameters,), every value ``init`` at first
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = empty_parameter(num_parameters, device=device, dtype=dtype)
        self.weight.copy_(init)

    def forward(self, input: Any) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"
