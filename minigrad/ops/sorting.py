"""Ordering the elements along an axis. The gradient goes back to where each element came from."""

from __future__ import annotations

from numpy.lib.array_utils import normalize_axis_index

from minigrad.backends import Array, Namespace
from minigrad.core.op import op
from minigrad.ops.indexing import along, put_along_axis, zeros
from minigrad.ops.shape import within

__all__ = ["argsort", "sort", "topk"]


def order(xp: Namespace, x: Array, axis: int, descending: bool) -> Array:
    """Return the positions of the elements in sorted order; equal ones keep theirs."""
    if not x.ndim:
        within(axis, 0)
        return xp.zeros((), dtype=xp.intp)
    if not descending:
        return xp.argsort(x, axis=axis, kind="stable")
    # Sorting the mirrored array and mirroring the result keeps equal elements in place, and nan counts as the largest.
    return x.shape[axis] - 1 - xp.flip(xp.argsort(xp.flip(x, axis), axis=axis, kind="stable"), axis)


@op
def argsort(xp: Namespace, x: Array, *, axis: int = -1, descending: bool = False) -> Array:
    """Positions of the elements in sorted order along an axis; equal ones keep theirs."""
    return order(xp, x, axis, descending)


argsort.nondiff(x="the result is positions")


@op(outputs=("values", "indices"))
def sort(xp: Namespace, x: Array, *, axis: int = -1, descending: bool = False) -> tuple[Array, Array]:
    """The elements in sorted order along an axis, and where they came from. Equal ones keep their order; nan is the largest."""
    indices = order(xp, x, axis, descending)
    return xp.take_along_axis(x, indices, axis) if x.ndim else +x, indices


@op(outputs=("values", "indices"))
def topk(xp: Namespace, x: Array, *, k: int, axis: int = -1, largest: bool = True) -> tuple[Array, Array]:
    """The k largest (or smallest) elements along an axis, the most extreme first, and where they came from."""
    axis = normalize_axis_index(axis, x.ndim)
    if not 0 <= k <= x.shape[axis]:
        raise ValueError(f"topk: k is {k}, and axis {axis} has length {x.shape[axis]}")
    indices = order(xp, x, axis, largest)[along(axis, slice(k))]
    return xp.take_along_axis(x, indices, axis), indices


def back_to_their_places(g: Array, x_shape: tuple[int, ...], indices: Array, *, axis: int) -> Array:
    """Put the cotangents of the chosen elements where these came from."""
    return put_along_axis(zeros(x_shape, g), indices, g, axis=axis)


sort.vjp(x=lambda g, x_shape, indices, *, axis: back_to_their_places(g, x_shape, indices, axis=axis) if x_shape else g)
topk.vjp(x=back_to_their_places)
