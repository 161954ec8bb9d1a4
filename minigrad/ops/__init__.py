"""The ops, a file for each family, and the one table that binds them to Tensor as operators and methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.op import Op
from minigrad.ops import (
    activation,
    batch_norm as _batch_norm,
    convolution,
    elementwise,
    indexing,
    linalg,
    loss,
    normalization,
    pooling,
    reduction,
    shape,
)
from minigrad.tensor import Tensor

FAMILIES = (elementwise, reduction, shape, indexing, linalg, convolution, pooling, activation, _batch_norm, normalization, loss)
for _family in FAMILIES:
    globals().update({name: getattr(_family, name) for name in _family.__all__})

__all__ = [name for family in FAMILIES for name in family.__all__]  # noqa: PLE0605
