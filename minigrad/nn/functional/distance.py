"""Norms, distances and angles between vectors."""

from __future__ import annotations

from typing import Any

from minigrad import ops
from minigrad.core._advice import tells_spelling
from minigrad.core.tensor import Tensor
from minigrad.ops.floating import without_wrapping

__all__ = ["cosine_similarity", "normalize", "pairwise_distance"]


@tells_spelling
def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis."""
    return ops.vector_norm(without_wrapping(x1) - without_wrapping(x2) + eps, axis=-1, ord=p, keepdims=keepdim)


@tells_spelling
def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / (abs(x1) abs(x2)) along an axis of the two broadcast to one shape; each length counts as at least ``eps``."""
    x1, x2 = ops.broadcast_arrays(x1, x2)

    def length(x: Any) -> Any:
        return ops.maximum(ops.vector_norm(x, axis=dim, keepdims=True), eps)

    return ops.clip((x1 / length(x1) * (x2 / length(x2))).sum(axis=dim), -1.0, 1.0)  # beyond which only rounding goes


@tells_spelling
def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x divided by its p-norm along an axis, which counts as at least ``eps``."""
    return input / ops.maximum(ops.vector_norm(input, axis=dim, ord=p, keepdims=True), eps)
