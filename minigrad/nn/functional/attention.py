"""Scaled dot-product attention (Vaswani et al., "Attention is all you need", 2017)."""

from __future__ import annotations

import math
from typing import Any

from minigrad import ops
from minigrad.backends import namespace
from minigrad.core._capturing import can_look, recorded
from minigrad.core.tensor import Tensor, array_of
from minigrad.nn.functional.regularization import dropout

__all__ = ["scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query key^T scale + mask) value, over the last two axes: positions and features.

    Parameters
    ----------
    query : (..., L, E)
    key, value : (..., S, E) and (..., S, V)
    attn_mask : broadcasts to (..., L, S)
        Booleans, true where a query may look at a key; or numbers that are added before the softmax. A query that may
        look at nothing gets 0.
    dropout_p
        With which probability each weight is dropped. It is on whenever this is not 0: pass 0 in evaluation.
    is_causal
        Query i may look at the keys up to i only.
    scale
        1/sqrt(E) by default.
    enable_gqa
        Each head (axis -3) of key and value serves several heads of query, if there are more of these.
    """
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"scaled_dot_product_attention: query {query.shape}, key {key.shape} and value {value.shape} do not fit: query and key "
            "need the same last axis, key and value the same last but one"
        )
    if enable_gqa:
        key, value = _for_each_head(query, key), _for_each_head(query, value)
    if is_causal:
        if attn_mask is not None:
            raise ValueError("scaled_dot_product_attention: is_causal makes a mask itself; give it, or attn_mask, and not both")
        attn_mask = causal_mask(query, key.shape[-2])
    weights = attention_weights(query, key, attn_mask, scale)
    return dropout(weights, dropout_p) @ value


def _for_each_head(query: Any, shared: Any) -> Any:
    """Repeat the heads of key or value, so that there is one for each head of the query."""
    if min(query.ndim, shared.ndim) < 3 or not shared.shape[-3] or query.shape[-3] % shared.shape[-3]:
        raise ValueError(
            f"scaled_dot_product_attention: with enable_gqa the heads (axis -3) of query {query.shape} must be a multiple of those of "
            f"key and value, and one of these has shape {shared.shape}"
        )
    return ops.repeat(shared, repeats=query.shape[-3] // shared.shape[-3], axis=-3)


def causal_mask(query: Any, keys: int) -> Tensor:
    """Return which keys each query may look at, as a boolean array: those up to its own position."""
    xp = namespace(array_of(query))
    return xp.tril(xp.ones((query.shape[-2], keys), dtype=bool))


def attention_weights(query: Any, key: Any, mask: Any, scale: float | None = None) -> Tensor:
    """Return softmax(query key^T scale + mask) over the last axis; 0 for a query that may look at nothing."""
    scores = (query * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)) @ key.swapaxes(-1, -2)
    if mask is None:
        return ops.softmax(scores, axis=-1)
    array = recorded(array_of(mask))
    boolean = array.dtype.kind == "b"
    anything = (array if boolean else array > -math.inf).any(axis=-1, keepdims=True)
    if can_look(array) and anything.all():
        masked = ops.where(mask, scores, -math.inf) if boolean else scores + mask
        return ops.softmax(masked, axis=-1)
    # a row of -inf has no softmax: let it look at everything, and then set it to 0
    masked = ops.where(array | ~anything, scores, -math.inf) if boolean else scores + ops.where(anything, mask, 0.0)
    return ops.where(anything, ops.softmax(masked, axis=-1), 0.0)
