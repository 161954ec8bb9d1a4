"""What operators are given: Tensors, NumPy arrays where a value depends on shapes and constants alone, and plain numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.core.device import to_host
from minigrad.core.tensor import array_of

Numbers = Any  #: plain Python numbers, or lists of them; an input with this annotation is given so

MOST_ELEMENTS = 2**28  #: of an array that is made from numbers in the file alone; a gibibyte of float32


class OnnxImportError(ValueError):
    """An ONNX file is damaged, or holds what minigrad has no counterpart for: the text names the node and its operator."""


def numbers_of(value: Any) -> Any:
    """Return an array or a Tensor as plain numbers."""
    return None if value is None else np.asarray(to_host(array_of(value))).tolist()


def sized(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape, if an array of it may be made."""
    if any(n < 0 for n in shape) or math.prod(shape) > MOST_ELEMENTS:
        raise OnnxImportError(f"it makes an array of shape {tuple(shape)}, and {MOST_ELEMENTS} elements are the most")
    return tuple(shape)


def like(y: Any, x: Any) -> Any:
    """Return y in the type of x: ONNX's results have the type of their input."""
    return y if y.dtype == x.dtype else ops.astype(y, dtype=x.dtype)


def refuse_unless(usual: bool, setting: str) -> None:
    """Refuse a setting that has no counterpart."""
    if not usual:
        raise OnnxImportError(f"it has {setting}, for which there is no counterpart")
