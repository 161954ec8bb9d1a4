"""Layers that surround the spatial axes.

``padding`` is one length for all sides, or a pair (before, after) for each axis, the last axis first: for two axes
(left, right, top, bottom). Negative lengths cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.core.tensor import Tensor
from minigrad.nn import functional as F
from minigrad.nn.module import Module

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d", "ReflectionPad1d",
    "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d",
    "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    """Surround the last ``_n`` axes in one of the modes of `minigrad.nn.functional.pad`."""

    _n: int
    _mode: str
    value: float | None = None

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = (padding,) * (2 * self._n) if isinstance(padding, int) else tuple(padding)
        if len(self.padding) != 2 * self._n:
            raise ValueError(f"{type(self).__name__}: padding is one length or {2 * self._n} of them, not {padding}")

    def forward(self, input: Any) -> Tensor:
        if input.ndim not in (self._n + 1, self._n + 2):
            raise ValueError(f"{type(self).__name__}: the input has shape {input.shape}; expected {self._n + 1} or {self._n + 2} axes")
        return F.pad(input, self.padding, self._mode, self.value)

    def extra_repr(self) -> str:
        return f"{self.padding}" if self.value is None else f"padding={self.padding}, value={self.value}"


class _ConstantPad(_Pad):
    """Surround with one value."""

    _mode = "constant"

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value


class _ZeroPad(_Pad):
    """Surround with zeros."""

    _mode = "constant"


class _ReflectionPad(_Pad):
    """Surround with the elements mirrored at the edge element."""

    _mode = "reflect"


class _ReplicationPad(_Pad):
    """Surround with the edge element."""

    _mode = "replicate"


class _CircularPad(_Pad):
    """Surround with the elements from the other end."""

    _mode = "circular"


def _over_axes(base: type, n: int) -> Any:
    """Return the class for ``n`` spatial axes."""
    return type(f"{base.__name__[1:]}{n}d", (base,), {"_n": n, "__doc__": base.__doc__, "__module__": __name__})


ConstantPad1d, ConstantPad2d, ConstantPad3d = (_over_axes(_ConstantPad, n) for n in (1, 2, 3))
ZeroPad1d, ZeroPad2d, ZeroPad3d = (_over_axes(_ZeroPad, n) for n in (1, 2, 3))
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = (_over_axes(_ReflectionPad, n) for n in (1, 2, 3))
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = (_over_axes(_ReplicationPad, n) for n in (1, 2, 3))
CircularPad1d, CircularPad2d, CircularPad3d = (_over_axes(_CircularPad, n) for n in (1, 2, 3))
