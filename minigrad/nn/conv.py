"""Convolutions and transposed convolutions in one, two and three dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.nn import functional as F, init
from minigrad.nn.module import Module, Parameter, empty_parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

Size = int | Sequence[int]


class _Conv(Module):
    """What convolutions of any number of axes, transposed or not, have in common.

    Attributes
    ----------
    weight : drawn evenly from +-1/sqrt(fan_in), where fan_in is the size of ``weight[0]``
    bias : (out_channels,), likewise; None if ``bias`` is false
    """

    _n: int  #: number of spatial axes
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        weight_channels: tuple[int, int],
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size,
        padding: Size | str,
        dilation: Size,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(f"{name}: {in_channels} channels in and {out_channels} out cannot be split into {groups} groups")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(f"{name}: unknown padding_mode {padding_mode!r}: expected 'zeros', 'reflect', 'replicate' or 'circular'")
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f"{name}: padding is {padding!r}; expected 'same', 'valid' or numbers")
        self.in_channels, self.out_channels, self.groups, self.padding_mode = in_channels, out_channels, groups, padding_mode
        self.kernel_size, self.stride = self._sizes("kernel_size", kernel_size, 1), self._sizes("stride", stride, 1)
        self.dilation = self._sizes("dilation", dilation, 1)
        self.padding: Any = padding if isinstance(padding, str) else self._sizes("padding", padding)
        if padding == "same" and any(s != 1 for s in self.stride):
            raise ValueError(f"{name}: padding='same' needs stride 1, and the stride is {self.stride}; give the padding in numbers")
        self.weight = empty_parameter(*weight_channels, *self.kernel_size, device=device, dtype=dtype)
        self.bias = empty_parameter(out_channels, device=device, dtype=dtype) if bias else None
        self.reset_parameters()

    def _sizes(self, name: str, value: Any, least: int = 0) -> tuple[int, ...]:
        """Return a number for each spatial axis."""
        sizes = tuple(value) if isinstance(value, (tuple, list)) else (value,) * self._n
        if len(sizes) != self._n or not all(isinstance(n, (int, np.integer)) and n >= least for n in sizes):
            expected = f"an integer of at least {least}, or one for each of {self._n} spatial axes"
            raise ValueError(f"{type(self).__name__}: {name}={value!r} must be {expected}")
        return sizes

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.default_(self.weight, self.bias, math.prod(self.weight.shape[1:]))

    def extra_repr(self) -> str:
        shown = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        for name, default in (("padding", (0,) * self._n), ("dilation", (1,) * self._n), ("output_padding", (0,) * self._n), ("groups", 1)):
            if getattr(self, name, default) != default:
                shown.append(f"{name}={getattr(self, name)!r}")
        if self.bias is None:
            shown.append("bias=False")
        if self.padding_mode != "zeros":
            shown.append(f"padding_mode={self.padding_mode!r}")
        return ", ".join(shown)


class _PlainConv(_Conv):
    """y[o] = bias[o] + sum over c of the correlation of x[c] with weight[o, c]; see `minigrad.ops.conv`.

    Attributes
    ----------
    weight : (out_channels, in_channels / groups, *kernel_size)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        channels = out_channels, in_channels // max(groups, 1)
        super().__init__(
            channels, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )

    def forward(self, input: Any) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._around(), mode=self.padding_mode), 0
        conv = (F.conv1d, F.conv2d, F.conv3d)[self._n - 1]
        return conv(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _around(self) -> list[int]:
        """How much to pad before and after along each spatial axis, the last one first."""
        if self.padding == "valid":
            return [0] * (2 * self._n)
        if self.padding == "same":
            spare = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            return [n for s in reversed(spare) for n in (s // 2, s - s // 2)]
        return [p for p in reversed(self.padding) for _ in range(2)]


class Conv1d(_PlainConv):
    """Convolution over one axis: (N, C, L) or (C, L)."""

    _n = 1


class Conv2d(_PlainConv):
    """Convolution over two axes: (N, C, H, W) or (C, H, W)."""

    _n = 2


class Conv3d(_PlainConv):
    """Convolution over three axes: (N, C, D, H, W) or (C, D, H, W)."""

    _n = 3


class _TransposedConv(_Conv):
    """The transpose of a convolution: its gradient with respect to the input; see `minigrad.ops.conv_transpose`.

    Attributes
    ----------
    weight : (in_channels, out_channels / groups, *kernel_size)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f"{type(self).__name__}: padding_mode can only be 'zeros', not {padding_mode!r}")
        channels = in_channels, out_channels // max(groups, 1)
        super().__init__(
            channels, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )
        self.output_padding = self._sizes("output_padding", output_padding)

    def forward(self, input: Any, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self.output_padding if output_size is None else self._output_padding(input.shape[-self._n :], output_size)
        conv = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[self._n - 1]
        return conv(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)

    def _output_padding(self, size: Sequence[int], output_size: Sequence[int]) -> tuple[int, ...]:
        """Return what has to be added at the end for the output to have the lengths ``output_size``."""
        wanted = tuple(output_size)[-self._n :]
        shortest = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(size, self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        ]
        extra = tuple(w - n for w, n in zip(wanted, shortest, strict=True))
        if any(not 0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
            longest = [n + s - 1 for n, s in zip(shortest, self.stride, strict=True)]
            raise ValueError(f"{type(self).__name__}: output_size {wanted} is not within {shortest} to {longest}")
        return extra


class ConvTranspose1d(_TransposedConv):
    """Transposed convolution over one axis: (N, C, L) or (C, L)."""

    _n = 1


class ConvTranspose2d(_TransposedConv):
    """Transposed convolution over two axes: (N, C, H, W) or (C, H, W)."""

    _n = 2


class ConvTranspose3d(_TransposedConv):
    """Transposed convolution over three axes: (N, C, D, H, W) or (C, D, H, W)."""

    _n = 3
