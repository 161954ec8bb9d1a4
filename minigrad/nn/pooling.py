"""Pooling layers: the settings of a function in `minigrad.nn.functional`, in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.core.tensor import Tensor
from minigrad.nn import functional as F
from minigrad.nn.module import Module

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d",
    "AvgPool1d", "AvgPool2d", "AvgPool3d", "LPPool1d", "LPPool2d", "LPPool3d", "MaxPool1d", "MaxPool2d", "MaxPool3d",
]  # fmt: skip


class _Pool(Module):
    """A pooling with settings: attributes that are handed to the function by name."""

    _function: Callable[..., Any]

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings = tuple(settings)
        for name, value in settings.items():
            setattr(self, name, value)

    def forward(self, input: Any) -> Tensor:
        return self._function(input, **{name: getattr(self, name) for name in self._settings})

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)}" for name in self._settings)


class _MaxPool(_Pool):
    """The largest element of each window; with ``return_indices`` also where it is."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            stride=kernel_size if stride is None else stride,
            padding=padding,
            dilation=dilation,
            return_indices=return_indices,
            ceil_mode=ceil_mode,
        )


class _AvgPool(_Pool):
    """The mean of each window. ``divisor_override`` (in two and three dimensions) replaces the number of elements."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            stride=kernel_size if stride is None else stride,
            padding=padding,
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
            divisor_override=divisor_override,
        )


class _LPPool(_Pool):
    """(sum of x**p)**(1/p) over each window, for p = ``norm_type``."""

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__(norm_type=norm_type, kernel_size=kernel_size, stride=stride, ceil_mode=ceil_mode)


class _AdaptiveAvgPool(_Pool):
    """The mean of each of ``output_size`` windows that cover the input. None keeps the length of an axis."""

    def __init__(self, output_size: Any) -> None:
        super().__init__(output_size=output_size)


class _AdaptiveMaxPool(_Pool):
    """The largest element of each of ``output_size`` windows that cover the input. None keeps the length of an axis."""

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size=output_size, return_indices=return_indices)


def _over_axes(base: type, n: int) -> Any:
    """Return the class for ``n`` spatial axes."""
    function = {_MaxPool: "max", _AvgPool: "avg", _LPPool: "lp", _AdaptiveAvgPool: "adaptive_avg", _AdaptiveMaxPool: "adaptive_max"}[base]
    members = {"_function": staticmethod(getattr(F, f"{function}_pool{n}d")), "__doc__": base.__doc__, "__module__": __name__}
    return type(f"{base.__name__[1:]}{n}d", (base,), members)


MaxPool1d, MaxPool2d, MaxPool3d = (_over_axes(_MaxPool, n) for n in (1, 2, 3))
AvgPool1d, AvgPool2d, AvgPool3d = (_over_axes(_AvgPool, n) for n in (1, 2, 3))
LPPool1d, LPPool2d, LPPool3d = (_over_axes(_LPPool, n) for n in (1, 2, 3))
AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d = (_over_axes(_AdaptiveAvgPool, n) for n in (1, 2, 3))
AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d = (_over_axes(_AdaptiveMaxPool, n) for n in (1, 2, 3))
