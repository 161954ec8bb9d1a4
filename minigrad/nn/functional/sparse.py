"""Looking rows up: embedding and one-hot vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import ops
from minigrad.backends import namespace
from minigrad.core._capturing import can_look
from minigrad.core.tensor import Tensor, array_of
from minigrad.ops.indexing import check_labels

__all__ = ["embedding", "one_hot"]


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
) -> Tensor:
    """The rows of ``weight`` at the integers ``input``: shape (*input.shape, columns).

    Parameters
    ----------
    padding_idx
        The row that gets no gradient; may be negative, and counts from the end then.
    max_norm
        Rows that are looked up and have a larger ``norm_type``-norm are first scaled down to it, in place.
    scale_grad_by_freq
        Divide the gradient of each row by how often it was looked up.

    Raises
    ------
    IndexError
        If a number is not that of a row (on the CPU).
    """
    indices, rows = array_of(input), weight.shape[0]
    check_labels("embedding", indices, rows, "index", "rows")
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise ValueError(f"embedding: padding_idx {padding_idx} is outside the {rows} rows")
        padding_idx %= rows
    if max_norm is not None:
        _renormalize(weight, indices, max_norm, norm_type)
    if not scale_grad_by_freq:
        return ops.embedding(weight, indices, padding_idx=padding_idx)
    xp = namespace(indices)
    frequency = xp.bincount(indices.reshape(-1), minlength=rows)[indices][..., None].astype(weight.dtype)
    found = ops.embedding(weight, indices, padding_idx=padding_idx)
    # the value is that of `found`; the gradient passes through the part that is divided
    return found.detach() + (found - found.detach()) / frequency


def _renormalize(weight: Tensor, indices: Any, max_norm: float, norm_type: float) -> None:
    xp = namespace(weight.data)
    norms = ops.vector_norm(weight.data, axis=1, ord=norm_type, keepdims=True)
    used = xp.zeros((weight.shape[0], 1), dtype=bool)
    used[indices.reshape(-1)] = True
    scale = xp.where(used & (norms > max_norm), max_norm / (norms + 1e-7), 1)
    weight.copy_(weight.data * scale.astype(weight.dtype))


def one_hot(input: Any, num_classes: int = -1) -> Tensor:
    """Vectors of zeros with a one at the integer: int64, of shape (*input.shape, num_classes).

    By default there are as many classes as the largest integer needs.
    """
    indices = array_of(input)
    if num_classes < 0:
        if not can_look(indices):
            raise ValueError("one_hot: on a GPU num_classes has to be given, as the largest number would have to be waited for")
        num_classes = int(indices.max(initial=-1)) + 1
    check_labels("one_hot", indices, num_classes)
    return ops.one_hot(input, num_classes=num_classes, dtype=np.int64)
