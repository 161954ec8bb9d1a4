"""Which arguments have a derivative that can be told, and the error for those that have not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.backends import Array, is_array
from minigrad.core.device import to_host


class BadUse(ValueError):
    """Gradcheck was asked for something that cannot be checked; the message says what to do."""


def check_arguments(args: Sequence[Any], wrt: Sequence[int], names: Sequence[str]) -> None:
    """Refuse arguments whose derivative cannot be told: integers, float32, overlapping memory, infinities.

    Raises
    ------
    BadUse
        With one sentence.
    """
    if not wrt:
        kinds = ", ".join(str(a.dtype) for a in args if is_array(a)) or "no arrays"
        raise BadUse(f"there is nothing to differentiate: the inputs are {kinds}, and only floating-point arrays have a gradient")
    for i in wrt:
        a, name = args[i], names[i]
        if not is_array(a) or a.dtype.kind != "f":
            what = a.dtype if is_array(a) else type(a).__name__
            raise BadUse(f"{name} is {what}; only floating-point arrays have a gradient. Leave it out of wrt, or convert it to float64")
        if a.dtype != np.float64:
            raise BadUse(f"{name} is {a.dtype}, which is too coarse for a numerical derivative: pass float64, or upcast=True")
        if overlaps_itself(a):
            raise BadUse(f"{name} has elements that share memory (strides {a.strides}), so they cannot vary by themselves: pass a copy")
        if not np.isfinite(to_host(a)).all():
            raise BadUse(f"{name} has values that are infinite or not a number: there is no derivative there")
    for n, i in enumerate(wrt):
        for j in wrt[n + 1 :]:
            if args[i] is not args[j] and isinstance(args[i], np.ndarray) and np.shares_memory(args[i], args[j]):
                raise BadUse(f"{names[i]} and {names[j]} overlap in memory, so they cannot vary by themselves: pass copies")


def overlaps_itself(a: Array) -> bool:
    """Tell whether two elements of an array have the same place in memory."""
    axes = sorted((abs(stride), n) for stride, n in zip(a.strides, a.shape, strict=True) if n > 1)
    reach = a.itemsize
    for stride, n in axes:
        if stride < reach:
            offsets = np.zeros((1,) * a.ndim, np.int64)
            for axis, (step, length) in enumerate(zip(a.strides, a.shape, strict=True)):
                offsets = offsets + (step * np.arange(length)).reshape([-1 if k == axis else 1 for k in range(a.ndim)])
            return bool(len(np.unique(offsets)) < a.size)
        reach += stride * (n - 1)
    return False
