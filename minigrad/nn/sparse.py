"""Embedding: a table of vectors that are looked up by number."""

from __future__ import annotations

from typing import Any

from minigrad.core.tensor import Tensor, array_of
from minigrad.nn import functional as F, init
from minigrad.nn.module import Module, Parameter, empty_parameter

__all__ = ["Embedding"]


class Embedding(Module):
    """The rows of a table at integers of any shape.

    Parameters
    ----------
    num_embeddings, embedding_dim
        Number of rows, and their length.
    padding_idx
        The row that is zero at first and is never learned.
    max_norm, norm_type
        Rows that are looked up are first scaled down to this norm, in place.
    scale_grad_by_freq
        Divide the gradient of each row by how often it was looked up in the batch.

    Attributes
    ----------
    weight : (num_embeddings, embedding_dim), drawn from the standard normal distribution
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx {padding_idx} is outside the {num_embeddings} rows")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        self.weight = empty_parameter(num_embeddings, embedding_dim, device=device, dtype=dtype)
        self.reset_parameters()

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, **settings: Any) -> Embedding:
        """Make the layer from a table, which is not learned if ``freeze`` is set."""
        table = Tensor(array_of(embeddings))
        layer = cls(table.shape[0], table.shape[1], **settings, device=table.device, dtype=table.dtype)
        layer.weight.copy_(table)
        layer.weight.requires_grad_(not freeze)
        return layer

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            values = self.weight.data.copy()
            values[self.padding_idx] = 0
            self.weight.copy_(values)

    def forward(self, input: Any) -> Tensor:
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
