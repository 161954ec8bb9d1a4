"""Indexing: picking elements, and adding to them.

Picking and adding are each other's derivative: the gradient of ``x[key]`` puts the cotangent at ``key`` into zeros, and
the gradient of that is ``g[key]`` again. So three pairs of ops make all of it:

==================================  ===================================
``getitem``                         ``add_at``
``take`` (whole slices)             ``index_add``
``take_along_axis``                 ``scatter_add``
==================================  ===================================

Integer indices may be negative and count from the end, then. On the CPU one that is out of range raises IndexError;
CuPy, which does not look at values on the host, wraps it around.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.backends import Array, is_array, namespace
from minigrad.device import device_of, move
from minigrad.op import op
from minigrad.tensor import Tensor, array_of

__all__ = ["add_at", "getitem"]


def zeros(shape: tuple[int, ...], like: Any) -> Array:
    """Return zeros of the dtype and on the device of ``like``: a view of a single one, for ops that copy it first."""
    xp = namespace(array_of(like))
    return xp.broadcast_to(xp.zeros((), like.dtype), shape)


# ------------------------------------------------------------------------------------------------------------ x[key]


@op
def getitem(xp: Any, x: Any, *, key: Any) -> Any:
    """``x[key]``, where the key is one or a tuple of integers, slices, None, ..., integer arrays and boolean masks.

    As in NumPy: basic indexing gives a view, arrays broadcast against one another and give a copy, a mask picks where
    it is true.
    """
    return x[key]


@getitem.vjp("x")
def _(g: Any, x_shape: Any, *, key: Any) -> Any:
    return add_at(zeros(x_shape, g), g, key=key)


@op(broadcasts=True)
def add_at(xp: Any, x: Any, updates: Any, *, key: Any) -> Any:
    """A copy of x with ``updates`` added to ``x[key]``; elements that the key names several times get several updates."""
    y = x.copy()
    if _repeats(key):
        xp.add.at(y, key, updates)
    else:
        y[key] += updates
    return y


add_at.vjp(x=lambda g: g, updates=lambda g, *, key: getitem(g, key=key))


def _repeats(key: Any) -> bool:
    """Tell whether a key may name an element twice: only arrays (or lists) of integers can."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(k, list) or (is_array(k) and k.dtype.kind in "iu" and k.shape != ()) for k in parts)


def getitem_method(x: Tensor, key: Any) -> Any:
    """``x[key]``: Tensors and lists within the key become arrays on the device of x."""
    return getitem(x, key=tuple([_part(x, k) for k in key]) if isinstance(key, tuple) else _part(x, key))


def _part(x: Tensor, k: Any) -> Any:
    """Return one part of a key as the arrays understand it."""
    if isinstance(k, Tensor):
        if k.device != x.device:
            raise ValueError(f"getitem: the tensor is on {x.device}, the index on {k.device}; move one with .to(device)")
        return k.data
    if isinstance(k, (list, np.ndarray)):
        array = np.asarray(k)
        return move(array.astype(np.intp) if array.size == 0 and isinstance(k, list) else array, device_of(x.data))
    return k
