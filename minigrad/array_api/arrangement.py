"""Types, shapes and order with the arguments of the standard: whether to copy, where to put it, values alone of what is sorted."""

from __future__ import annotations

from typing import Any

from minigrad import creation, ops
from minigrad.backends import Array, DType, owner
from minigrad.core.device import Device
from minigrad.core.tensor import Tensor, array_of


def astype(x: Array, dtype: DType, /, *, copy: bool = True, device: str | Device | None = None) -> Tensor:
    """x with elements of another type; itself where nothing changes and ``copy`` is False."""
    y = ops.to(x, device=device, dtype=dtype)
    return ops.copy(y) if copy and y is x else y


def from_dlpack(x: Any, /, *, device: str | Device | None = None, copy: bool | None = None) -> Tensor:
    """Return a tensor on the memory of an array of another library; in memory of its own with ``copy=True``.

    Raises
    ------
    ValueError
        If ``copy=False`` and the array is on another device.
    """
    return creation.asarray(creation.from_dlpack(x), device=device, copy=copy)


def expand_dims(x: Array, /, *, axis: int | tuple[int, ...] = 0) -> Tensor:
    """x with a new axis of length 1 at place ``axis`` of the result."""
    return ops.expand_dims(x, axis=axis)


def reshape(x: Array, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """The elements in row-major order, in another shape; one length may be -1 and follows from the others.

    Raises
    ------
    ValueError
        If ``copy=False`` and the elements must move for it.
    """
    y = ops.reshape(x, shape)
    shared = owner(array_of(y)) is owner(array_of(x))
    if copy is False and not shared:
        raise ValueError(
            f"reshape: copy=False, and x of shape {x.shape} becomes {y.shape} only by a copy, as its elements are not in order"
        )
    return ops.copy(y) if copy and shared else y


def repeat(x: Array, repeats: int | Array, /, *, axis: int | None = None) -> Tensor:
    """Each slice of x along ``axis``, ``repeats`` times in a row; an array says how often for each."""
    if isinstance(repeats, int):
        return ops.repeat(x, repeats=repeats, axis=axis)
    times = tuple(array_of(repeats).reshape(-1).tolist())
    return ops.repeat(x, repeats=times[0] if len(times) == 1 else times, axis=axis)


def sort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in sorted order along an axis (`minigrad.sort` also tells where they came from); always stable."""
    values: Tensor = ops.sort(x, axis=axis, descending=descending)[0]
    return values


def argsort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Positions of the elements in sorted order along an axis; always stable."""
    return ops.argsort(x, axis=axis, descending=descending)


def searchsorted(x1: Array, x2: Array, /, *, side: str = "left", sorter: Array | None = None) -> Tensor:
    """Where to put each element of x2 so that x1, or x1 in the order ``sorter``, stays sorted."""
    return ops.searchsorted(x1 if sorter is None else ops.take(x1, sorter), x2, side=side)
