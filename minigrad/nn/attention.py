"""Multi-head attention as a layer (Vaswani et al., "Attention is all you need", 2017, section 3.2)."""

from __future__ import annotations

import math
from typing import Any

from minigrad import ops
from minigrad.core.tensor import array_of
from minigrad.nn import functional as F, init
from minigrad.nn.functional.attention import attention_weights, causal_mask
from minigrad.nn.linear import Linear
from minigrad.nn.module import Module, Parameter, empty_parameter

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention of ``num_heads`` heads, each on its own projection of query, key and value.

    Parameters
    ----------
    embed_dim
        Features of the query and of the output; each head has embed_dim / num_heads of them.
    dropout
        With which probability an attention weight is dropped in training.
    bias
        Whether the projections have biases.
    add_bias_kv
        Add one learned position to key and value.
    add_zero_attn
        Add one position of zeros to key and value.
    kdim, vdim
        Features of key and value; ``embed_dim`` by default.
    batch_first
        Whether tensors are (N, L, features) rather than (L, N, features).

    Attributes
    ----------
    in_proj_weight : (3 embed_dim, embed_dim), or q_proj_weight, k_proj_weight and v_proj_weight where kdim or vdim differ
    in_proj_bias : (3 embed_dim,)
    out_proj : Linear(embed_dim, embed_dim)
    bias_k, bias_v : (1, 1, embed_dim)
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: embed_dim {embed_dim} cannot be split into {num_heads} heads")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.add_zero_attn = add_zero_attn
        place = {"device": device, "dtype": dtype}
        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = empty_parameter(3 * embed_dim, embed_dim, **place)
        else:
            self.in_proj_weight = None
            self.q_proj_weight = empty_parameter(embed_dim, embed_dim, **place)
            self.k_proj_weight = empty_parameter(embed_dim, self.kdim, **place)
            self.v_proj_weight = empty_parameter(embed_dim, self.vdim, **place)
        self.in_proj_bias = empty_parameter(3 * embed_dim, **place) if bias else None
        self.bias_k = empty_parameter(1, 1, embed_dim, **place) if add_bias_kv else None
        self.bias_v = empty_parameter(1, 1, embed_dim, **place) if add_bias_kv else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, **place)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the projections anew; biases are zero."""
        for weight in self._projections():
            init.xavier_uniform_(weight)
        if self.in_proj_weight is not None:
            init.xavier_uniform_(self.in_proj_weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for position in (self.bias_k, self.bias_v):
            if position is not None:
                init.xavier_normal_(position)

    def _projections(self) -> list[Any]:
        """The weights for query, key and value; views of one where that is how they are stored."""
        if self.in_proj_weight is None:
            return [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        return []

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """Attend.

        Parameters
        ----------
        query, key, value : (L, N, features), (N, L, features) where ``batch_first`` is set, or (L, features)
        key_padding_mask : (N, S) or (S,)
            True for keys that nobody may look at; or numbers to add.
        attn_mask : (L, S) or (N * heads, L, S)
            True where a query may not look at a key (the opposite of `scaled_dot_product_attention`); or numbers to add.
        need_weights, average_attn_weights
            Whether to return the attention weights, and whether as their mean over the heads.
        is_causal
            Query i may look at the keys up to i only, unless ``attn_mask`` says more.

        Returns
        -------
        output : like ``query``
        weights : (N, L, S), (N, heads, L, S), or without N; None unless ``need_weights``
        """
        batched = query.ndim == 3
        if query.ndim not in (2, 3) or key.ndim != query.ndim or value.ndim != query.ndim:
            raise ValueError(
                f"MultiheadAttention: query {query.shape}, key {key.shape} and value {value.shape} must all have 3 axes, or "
                "2 without a batch"
            )
        same_key, same_value = key is query, value is key
        query = self._batch_first(query)
        key = query if same_key else self._batch_first(key)
        value = key if same_value else self._batch_first(value)
        q, k, v = self._projected(query, key, value)
        n = q.shape[0]
        if self.bias_k is not None and self.bias_v is not None:
            k = ops.concat([k, ops.broadcast_to(self.bias_k, (n, 1, self.embed_dim))], axis=1)
            v = ops.concat([v, ops.broadcast_to(self.bias_v, (n, 1, self.embed_dim))], axis=1)
        if self.add_zero_attn:
            k, v = (ops.pad(x, pad_width=((0, 0), (0, 1), (0, 0))) for x in (k, v))
        q, k, v = (x.reshape((n, x.shape[1], self.num_heads, -1)).swapaxes(1, 2) for x in (q, k, v))
        mask = self._mask(q, k.shape[2], key.shape[1], attn_mask, key_padding_mask, is_causal)
        weights = F.dropout(attention_weights(q, k, mask), self.dropout, self.training)
        out = (weights @ v).swapaxes(1, 2).reshape((n, q.shape[2], self.embed_dim))
        out = self.out_proj(out)
        out = out.squeeze(0) if not batched else out if self.batch_first else out.swapaxes(0, 1)
        if not need_weights:
            return out, None
        weights = weights.mean(axis=1) if average_attn_weights else weights
        return out, weights if batched else weights.squeeze(0)

    def _batch_first(self, x: Any) -> Any:
        if x.ndim == 2:
            return ops.expand_dims(x, 0)
        return x if self.batch_first else x.swapaxes(0, 1)

    def _projected(self, query: Any, key: Any, value: Any) -> list[Any]:
        """Project query, key and value: at once if they are one tensor."""
        e, bias = self.embed_dim, self.in_proj_bias
        if self.in_proj_weight is not None and query is key and key is value:
            return ops.split(F.linear(query, self.in_proj_weight, bias), 3, axis=-1)
        weights = self._projections() if self.in_proj_weight is None else [self.in_proj_weight[i * e : (i + 1) * e] for i in range(3)]
        biases = [None if bias is None else bias[i * e : (i + 1) * e] for i in range(3)]
        return [F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)]

    def _mask(self, q: Any, keys: int, own_keys: int, attn_mask: Any, key_padding_mask: Any, is_causal: bool) -> Any:
        """Join the masks into one that broadcasts to (N, heads, L, S): booleans, true where it may look, or numbers to add."""
        n, _, queries, _ = q.shape
        if is_causal and attn_mask is None:
            attn_mask = ~causal_mask(q, own_keys)
        masks = []
        for mask, name in ((attn_mask, "attn_mask"), (key_padding_mask, "key_padding_mask")):
            if mask is None:
                continue
            array = array_of(mask)
            expected = [(queries, own_keys), (n * self.num_heads, queries, own_keys)] if name == "attn_mask" else [(n, own_keys)]
            if name == "key_padding_mask" and array.ndim == 1:
                array = array[None]
            if array.shape not in expected:
                raise ValueError(f"MultiheadAttention: {name} has shape {array.shape}; expected {' or '.join(map(str, expected))}")
            if array.dtype.kind not in "bf":
                raise TypeError(f"MultiheadAttention: {name} is {array.dtype}; expected booleans, or numbers of floating point to add")
            if name == "key_padding_mask":
                array = array.reshape((n, 1, 1, own_keys))
            elif array.ndim == 3:
                array = array.reshape((n, self.num_heads, queries, own_keys))
            else:
                array = array.reshape((1, 1, queries, own_keys))
            masks.append(ops.pad(array, pad_width=((0, 0),) * 3 + ((0, keys - own_keys),)) if keys > own_keys else array)
        if not masks:
            return None
        if all(mask.dtype.kind == "b" for mask in masks):
            return ~(masks[0] if len(masks) == 1 else masks[0] | masks[1])
        added = [ops.where(mask, -math.inf, 0.0).astype(q.dtype) if mask.dtype.kind == "b" else mask for mask in masks]
        return sum(added[1:], added[0])

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, num_heads={self.num_heads}"
