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

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.backends import Array, DType, Namespace, is_array, kind_of, namespace
from minigrad.core._capturing import boxed
from minigrad.core._dtypes import cast_exactly
from minigrad.core.device import device_of, move
from minigrad.core.op import op
from minigrad.core.tensor import Tensor, array_of, wrap
from minigrad.ops.elementwise import where

__all__ = [
    "add_at", "embedding", "getitem", "index_add", "masked_fill", "nonzero", "one_hot", "put_along_axis", "scatter_add", "take",
    "take_along_axis",
]  # fmt: skip


def single_axis(axis: int | None, ndim: int, name: str) -> int:
    """Return the one axis meant, not negative; None is only clear where there is one."""
    if axis is None:
        if ndim != 1:
            raise ValueError(f"{name}: axis=None is for arrays with one axis, and this one has {ndim}; say which, or ravel it")
        return 0
    return normalize_axis_index(axis, ndim)


def along(axis: int, index: Any) -> tuple[Array, ...]:
    """Return the key that picks ``index`` along ``axis`` (not negative), and everything along the others."""
    return (*[slice(None)] * axis, index)


def positions(xp: Namespace, indices: Array) -> Array:
    """Return integers in the type of positions: on 32 bits, where that is int32, NumPy's take refuses int64."""
    return indices.astype(xp.intp, copy=False) if indices.dtype.kind in "iu" else indices


def zeros(shape: tuple[int, ...], like: Array) -> Array:
    """Return zeros of the dtype and on the device of ``like``: a view of a single one, for ops that copy it first."""
    xp = namespace(array_of(like))
    return xp.broadcast_to(xp.zeros((), like.dtype), shape)


# ------------------------------------------------------------------------------------------------------------ x[key]


@op
def getitem(xp: Namespace, x: Array, *, key: Any) -> Array:
    """``x[key]``, where the key is one or a tuple of integers, slices, None, ..., integer arrays and boolean masks.

    As in NumPy: basic indexing gives a view, arrays broadcast against one another and give a copy, a mask picks where
    it is true.
    """
    return x[_beside(x, key)]


@getitem.vjp("x")
def getitem_d_x(g: Array, x_shape: tuple[int, ...], *, key: Any) -> Array:
    return add_at(zeros(x_shape, g), g, key=key)


@op(broadcasts=True)
def add_at(xp: Namespace, x: Array, updates: Array, *, key: Any) -> Array:
    """A copy of x with ``updates`` added to ``x[key]``; elements that the key names several times get several updates."""
    y, key, updates = xp.array(x), _beside(x, key), _like("add_at", updates, x)
    if _repeats(key):
        xp.add.at(y, key, updates)
    else:
        y[key] += updates
    return y


add_at.vjp(x=lambda g: g, updates=lambda g, *, key: getitem(g, key=key))


def _beside(x: Array, key: Any) -> Array:
    """Return the key with every sequence in it as an array, as NumPy takes it, and arrays of the host on the device of x."""
    return tuple([_part_beside(x, k) for k in key]) if isinstance(key, tuple) else _part_beside(x, key)


def _part_beside(x: Array, key: Any) -> Array:
    if not is_array(key) and (isinstance(key, Sequence) or hasattr(key, "__array__")):
        key = np.asarray(key)
        key = key.astype(np.intp) if not key.size and key.dtype == float else key  # what [] becomes
    if isinstance(key, np.ndarray):
        return move(key, device_of(x))
    if is_array(key) and key.__class__ is not x.__class__ and not isinstance(key, np.generic):
        raise ValueError(f"getitem: the array is on {device_of(x)}, the index on {device_of(key)}; move one with .to(device)")
    return key


def _repeats(key: Any) -> bool:
    """Tell whether a key may name an element twice: only arrays of integers can."""
    return any(is_array(k) and k.dtype.kind in "iu" and k.shape != () for k in (key if isinstance(key, tuple) else (key,)))


def getitem_method(x: Tensor, key: Any) -> Array:
    """``x[key]``, where Tensors may stand in the key."""
    if isinstance(key, Tensor):
        return getitem(x, key=key.data)
    if isinstance(key, tuple) and any(isinstance(k, Tensor) for k in key):
        key = tuple([array_of(k) for k in key])
    return getitem(x, key=key)


# --------------------------------------------------------------------------------------------- whole slices of one axis


@op
def take(xp: Namespace, x: Array, indices: Array, *, axis: int | None = None) -> Array:
    """The slices of x at the integers ``indices`` along ``axis``, which is replaced by the axes of ``indices``.

    ``axis`` may be left out where x has one axis.
    """
    return xp.take(x, positions(xp, indices), axis=single_axis(axis, x.ndim, "take"))


@take.vjp("x")
def take_d_x(g: Array, x_shape: tuple[int, ...], indices: Array, *, axis: int | None) -> Array:
    return index_add(zeros(x_shape, g), indices, g, axis=axis)


take.nondiff(indices="positions are integers")


@op(broadcasts=True)
def index_add(xp: Namespace, x: Array, indices: Array, updates: Array, *, axis: int | None = None) -> Array:
    """A copy of x with the slices of ``updates`` added to its slices at ``indices`` along ``axis``.

    An index that occurs several times gets several updates. ``updates`` has, or broadcasts to, the shape that
    ``take(x, indices, axis)`` has.
    """
    y = xp.array(x)
    xp.add.at(y, along(single_axis(axis, x.ndim, "index_add"), indices), _like("index_add", updates, x))
    return y


index_add.vjp(x=lambda g: g, updates=lambda g, indices, *, axis: take(g, indices, axis=axis))
index_add.nondiff(indices="positions are integers")


@op
def embedding(xp: Namespace, weight: Array, indices: Array, *, padding_idx: int | None = None) -> Array:
    """The rows of ``weight`` at the integers ``indices``: shape (*indices.shape, *weight.shape[1:]).

    The row at ``padding_idx`` counts as a constant: it gets no gradient, as in PyTorch.
    """
    return xp.take(weight, positions(xp, indices), axis=0)


@embedding.vjp("weight")
def embedding_d_weight(g: Array, weight_shape: tuple[int, ...], indices: Array, *, padding_idx: int | None) -> Array:
    if padding_idx is not None:
        kept = (indices != padding_idx).reshape(indices.shape + (1,) * (len(weight_shape) - 1))
        g = where(kept, g, 0)
    return index_add(zeros(weight_shape, g), indices, g, axis=0)


embedding.nondiff(indices="positions are integers")

# --------------------------------------------------------------------------------------- single elements along one axis


@op
def take_along_axis(xp: Namespace, x: Array, indices: Array, *, axis: int = -1) -> Array:
    """y[i, j, k] = x[i, indices[i, j, k], k] for ``axis=1``: ``indices`` has the axes of x."""
    return xp.take_along_axis(x, indices, axis)


@take_along_axis.vjp("x")
def take_along_axis_d_x(g: Array, x_shape: tuple[int, ...], indices: Array, *, axis: int) -> Array:
    return scatter_add(zeros(x_shape, g), indices, g, axis=axis)


take_along_axis.nondiff(indices="positions are integers")


@op(broadcasts=True)
def scatter_add(xp: Namespace, x: Array, indices: Array, updates: Array, *, axis: int = -1) -> Array:
    """A copy of x with y[i, indices[i, j, k], k] += updates[i, j, k] for ``axis=1``, for every i, j, k."""
    y = xp.array(x)
    xp.add.at(y, _grid(xp, x.shape, indices, axis), _like("scatter_add", updates, x))
    return y


scatter_add.vjp(x=lambda g: g, updates=lambda g, indices, *, axis: take_along_axis(g, indices, axis=axis))
scatter_add.nondiff(indices="positions are integers")


@op(broadcasts=True)
def put_along_axis(xp: Namespace, x: Array, indices: Array, values: Array, *, axis: int = -1) -> Array:
    """A copy of x with y[i, indices[i, j, k], k] = values[i, j, k] for ``axis=1``; no element may be named twice."""
    y = xp.array(x)
    y[_grid(xp, x.shape, indices, axis)] = _like("put_along_axis", values, x)
    return y


put_along_axis.vjp(
    x=lambda g, indices, *, axis: put_along_axis(g, indices, 0.0, axis=axis),
    values=lambda g, indices, *, axis: take_along_axis(g, indices, axis=axis),
)
put_along_axis.nondiff(indices="positions are integers")


def _like(name: str, values: Any, x: Array) -> Any:
    """Return what is put into integers in their type, into which it must fit."""
    return cast_exactly(name, values, x.dtype) if x.dtype.kind in "iu" and is_array(values) else values


def _grid(xp: Namespace, shape: tuple[int, ...], indices: Array, axis: int) -> tuple[Array, ...]:
    """Return the key that names the element ``indices`` along ``axis`` and, along the other axes, each in turn."""
    if indices.ndim != len(shape):
        raise ValueError(f"indices of shape {indices.shape} need the {len(shape)} axes of x, which has shape {shape}")
    axis = normalize_axis_index(axis, len(shape))
    ones = (1,) * len(shape)
    return tuple([indices if i == axis else xp.arange(n).reshape(*ones[:i], n, *ones[i + 1 :]) for i, n in enumerate(shape)])


# --------------------------------------------------------------------------------------------------- masks and one-hot


def check_labels(name: str, labels: Array, classes: int, one: str = "label", all_of_them: str = "classes") -> None:
    """Raise an IndexError for a label that is not the number of a class, on the CPU.

    A GPU would have to be waited for, on every step of a training, so nothing is looked at there.
    """
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name}: every {one} is a number and must be an integer, not {labels.dtype}")
    if kind_of(labels) != "cpu" or not labels.size:
        return
    boxed(find_wrong, effect=True)(labels, classes, f"{name}: {one}", all_of_them)


def find_wrong(labels: Any, classes: int, one: str, all_of_them: str) -> None:
    """Raise an IndexError for a label that is not one of ``classes``; ``one`` names it."""
    wrong = labels.min() if labels.min() < 0 else labels.max()
    if not 0 <= wrong < classes:
        raise IndexError(f"{one} {wrong} is outside the {classes} {all_of_them}, 0 to {classes - 1}")


@op
def one_hot(xp: Namespace, indices: Array, *, num_classes: int, dtype: DType = np.float32) -> Array:
    """A new last axis of length ``num_classes``, with 1 at the index and 0 elsewhere."""
    check_labels("one_hot", indices, num_classes, "index")
    y = xp.zeros((*indices.shape, num_classes), dtype=dtype)
    xp.put_along_axis(y, indices[..., None], 1, axis=-1)
    return y


one_hot.nondiff(indices="positions are integers")


def masked_fill(x: Array, mask: Array, value: Array) -> Tensor:
    """Put ``value`` where the mask is true; x elsewhere."""
    return where(mask, value, x)


def nonzero(x: Array) -> tuple[Tensor, ...]:
    """Return the positions of the elements that are not zero: for each axis, an array of integers. No gradient."""
    array = array_of(x)
    if not array.ndim:
        raise ValueError("nonzero: x has no axis, so that there is no position in it")
    positions = namespace(array).nonzero(array)
    return tuple([wrap(p, None) for p in positions]) if isinstance(x, Tensor) else positions
