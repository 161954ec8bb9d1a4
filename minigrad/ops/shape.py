"""Shape ops: the same elements in another arrangement, so every formula is the arrangement undone.

Views stay views where NumPy gives one. Functions at the end are compositions that need no formula of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.exceptions import AxisError
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.core.tensor import Tensor

__all__ = [
    "atleast_nd",
    "broadcast_arrays",
    "broadcast_to",
    "expand_dims",
    "flatten",
    "flip",
    "matrix_transpose",
    "meshgrid",
    "moveaxis",
    "permute_dims",
    "ravel",
    "reshape",
    "roll",
    "squeeze",
    "swapaxes",
]

Axes = int | tuple[int, ...]


def within(axis: Axes | None, ndim: int) -> Any:
    """Return ``axis``, or none for a scalar: its axes 0 and -1 are the scalar itself, as in PyTorch."""
    if ndim or axis is None:
        return axis
    for a in axis if isinstance(axis, (tuple, list)) else (axis,):
        if a not in (0, -1):
            raise AxisError(a, 0)
    return ()


@op
def reshape(xp: Namespace, x: Array, *, shape: int | tuple[int, ...]) -> Array:
    """The elements in row-major order, in another shape; one length may be -1 and follows from the others."""
    return x.reshape(shape)


@reshape.vjp("x")
def reshape_d_x(g: Array, x_shape: tuple[int, ...]) -> Array:
    return g.reshape(x_shape)


@op(broadcasts=True)
def broadcast_to(xp: Namespace, x: Array, *, shape: int | tuple[int, ...]) -> Array:
    """x repeated along new axes and axes of length 1, as broadcasting does; a read-only view where NumPy gives one."""
    return xp.broadcast_to(x, shape)


broadcast_to.vjp(x=lambda g: g)  # the engine sums it


@op
def permute_dims(xp: Namespace, x: Array, *, axes: tuple[int, ...] | None = None) -> Array:
    """Axis i of the result is axis ``axes[i]`` of x; None reverses the order."""
    return x.transpose(axes)


@permute_dims.vjp("x")
def permute_dims_d_x(g: Array, *, axes: tuple[int, ...] | None) -> Array:
    if axes is None:
        return g.transpose()
    order = normalize_axis_tuple(axes, len(axes))
    return g.transpose(tuple(order.index(i) for i in range(len(order))))


@op
def swapaxes(xp: Namespace, x: Array, *, axis1: int, axis2: int) -> Array:
    """Two axes change places."""
    return x.swapaxes(axis1, axis2)


@swapaxes.vjp("x")
def swapaxes_d_x(g: Array, *, axis1: int, axis2: int) -> Array:
    return g.swapaxes(axis1, axis2)


@op
def moveaxis(xp: Namespace, x: Array, *, source: Axes, destination: Axes) -> Array:
    """Axes ``source`` go to the places ``destination``; the others keep their order."""
    return xp.moveaxis(x, source, destination)


@moveaxis.vjp("x")
def moveaxis_d_x(g: Array, *, source: Axes, destination: Axes) -> Array:
    return moveaxis(g, destination, source)


@op
def squeeze(xp: Namespace, x: Array, *, axis: Axes | None = None) -> Array:
    """Remove the given axes, which must have length 1; None removes all that have."""
    return x.squeeze(axis)


@squeeze.vjp("x")
def squeeze_d_x(g: Array, x_shape: tuple[int, ...]) -> Array:
    return g.reshape(x_shape)


@op
def expand_dims(xp: Namespace, x: Array, *, axis: Axes) -> Array:
    """New axes of length 1, at the places ``axis`` of the result."""
    return xp.expand_dims(x, axis)


@expand_dims.vjp("x")
def expand_dims_d_x(g: Array, x_shape: tuple[int, ...]) -> Array:
    return g.reshape(x_shape)


@op
def flip(xp: Namespace, x: Array, *, axis: Axes | None = None) -> Array:
    """The elements in reverse order along the given axes; None for all."""
    return xp.flip(x, within(axis, x.ndim))


@flip.vjp("x")
def flip_d_x(g: Array, *, axis: Axes | None) -> Array:
    return flip(g, axis)


@op
def roll(xp: Namespace, x: Array, *, shift: int | tuple[int, ...], axis: Axes | None = None) -> Array:
    """The elements moved on by ``shift`` places along the axes, those that leave coming in again at the other end.

    With ``axis=None`` the array is rolled as if it were flat.
    """
    if not all(isinstance(n, Integral) for n in (shift if isinstance(shift, (tuple, list)) else (shift,))):
        raise TypeError(f"roll: shift is {shift!r}; expected an integer, or one for each axis")
    return xp.roll(x, shift, axis)


@roll.vjp("x")
def roll_d_x(g: Array, *, shift: int | tuple[int, ...], axis: Axes | None) -> Array:
    return roll(g, tuple([-n for n in shift]) if isinstance(shift, (tuple, list)) else -shift, axis)


# ------------------------------------------------------------------------------------------------- made of the above


def matrix_transpose(x: Array) -> Tensor:
    """The last two axes change places."""
    if len(x.shape) < 2:
        raise ValueError(f"matrix_transpose: x has shape {tuple(x.shape)}; at least two axes are needed")
    return swapaxes(x, -1, -2)


def flatten(x: Array, start_axis: int = 0, end_axis: int = -1) -> Tensor:
    """Make one axis of those from ``start_axis`` to ``end_axis``, both included."""
    shape = x.shape or (1,)
    start, end = normalize_axis_index(start_axis, len(shape)), normalize_axis_index(end_axis, len(shape))
    if start > end:
        raise ValueError(f"flatten: start_axis {start_axis} comes after end_axis {end_axis} in shape {tuple(shape)}")
    return reshape(x, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def ravel(x: Array) -> Tensor:
    """All elements along one axis."""
    return reshape(x, (-1,))


def atleast_nd(x: Array, ndim: int) -> Tensor:
    """Put axes of length 1 in front until there are ``ndim``."""
    missing = ndim - len(x.shape)
    return reshape(x, (1,) * missing + tuple(x.shape)) if missing > 0 else x


def broadcast_arrays(*arrays: Array) -> list[Tensor]:
    """Broadcast the arrays against one another."""
    shape = np.broadcast_shapes(*[a.shape for a in arrays])
    return [broadcast_to(a, shape) for a in arrays]


def meshgrid(*arrays: Array, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid: each of n vectors broadcast along an axis of its own.

    With "ij" the k-th one runs along axis k; with "xy" the first runs along axis 1 and the second along axis 0.

    Raises
    ------
    ValueError
        If an array has more than one axis, or the indexing is another word.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing is {indexing!r}; expected 'xy' or 'ij'")
    wrong = [a.shape for a in arrays if len(a.shape) > 1]
    if wrong:
        raise ValueError(f"meshgrid: an array has shape {wrong[0]}; expected vectors")
    places = [1, 0, *range(2, len(arrays))] if indexing == "xy" and len(arrays) > 1 else list(range(len(arrays)))
    shaped = [reshape(a, tuple([-1 if i == k else 1 for i in range(len(arrays))])) for a, k in zip(arrays, places, strict=True)]
    return broadcast_arrays(*shaped)


def lengths(values: tuple[Any, ...]) -> Array:
    """Read ``(2, 3)`` or ``((2, 3),)``: methods like ``x.reshape`` take one tuple, or one argument for each axis."""
    return values[0] if len(values) == 1 and (values[0] is None or isinstance(values[0], Sequence)) else values


def reshape_method(x: Array, *shape: Any) -> Array:
    """``x.reshape(2, 3)`` or ``x.reshape((2, 3))``."""
    return reshape(x, lengths(shape))


def transpose_method(x: Array, *axes: Any) -> Array:
    """``x.transpose()``, ``x.transpose(1, 0)`` or ``x.transpose((1, 0))``."""
    if len(axes) == 2 != x.ndim:
        a, b = axes
        raise ValueError(f"x.transpose takes all {x.ndim} axes in their new order; to exchange two of them write x.swapaxes({a}, {b})")
    return permute_dims(x, lengths(axes) or None)
