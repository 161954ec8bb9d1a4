"""nn.functional: PyTorch's names and arguments for minigrad's ops."""

from __future__ import annotations

import math
from typing import Any

from minigrad import ops


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x W^T + b along the last axis."""
    if x.shape[-1:] != weight.shape[-1:]:
        raise ValueError(f"linear: the last axis of the input, of shape {x.shape}, must have the length {weight.shape[-1]}")
    rows = x if x.ndim <= 2 else x.reshape((-1, x.shape[-1]))  # one large product rather than many small ones
    y = rows @ weight.mT if weight.ndim == 2 else rows @ weight
    y = y if bias is None else y + bias
    return y if x.ndim <= 2 else y.reshape((*x.shape[:-1], *weight.shape[:-1]))


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Make one axis of those from ``start_dim`` to ``end_dim``."""
    n = x.ndim
    if n == 0:
        return x.reshape((1,))
    start, end = start_dim % n, end_dim % n
    if not (-n <= start_dim < n and -n <= end_dim < n and start <= end):
        raise ValueError(f"flatten: there are no axes {start_dim} to {end_dim} in shape {x.shape}")
    return x.reshape((*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def unflatten(x: Any, dim: int, sizes: Any) -> Any:
    """Make several axes of one."""
    dim = dim % x.ndim
    return x.reshape((*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))


def relu(x: Any) -> Any:
    """max(x, 0)"""
    return ops.relu(x)
