"""Ops that join arrays, cut them, or repeat them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.backends import Array, Namespace, is_array, namespace
from minigrad.core._advice import tells_spelling
from minigrad.core.op import op
from minigrad.core.tensor import Tensor, array_of
from minigrad.ops.indexing import along, index_add, zeros
from minigrad.ops.shape import ravel

__all__ = ["chunk", "concat", "pad", "repeat", "split", "stack", "tile", "unstack"]

Widths = int | Sequence[int] | Sequence[Sequence[int]]


@op
def _concat(xp: Namespace, *arrays: Array, axis: int = 0) -> Array:
    """The arrays one after another along an axis that they have; the other lengths must be equal."""
    return xp.concatenate(arrays, axis=axis)


@_concat.vjp("arrays")
def concat_d_arrays(g: Array, arrays_shape: tuple[tuple[int, ...], ...], *, axis: int) -> Array:
    axis = normalize_axis_index(axis, len(g.shape))
    pieces, start = [], 0
    for shape in arrays_shape:
        stop = start + shape[axis]
        pieces.append(g[along(axis, slice(start, stop))])
        start = stop
    return tuple(pieces)


@op
def _stack(xp: Namespace, *arrays: Array, axis: int = 0) -> Array:
    """The arrays, all of one shape, side by side along a new axis at place ``axis`` of the result."""
    return xp.stack(arrays, axis=axis)


@_stack.vjp("arrays")
def stack_d_arrays(g: Array, arrays_shape: tuple[tuple[int, ...], ...], *, axis: int) -> Array:
    axis = normalize_axis_index(axis, len(g.shape))
    return tuple([g[along(axis, i)] for i in range(len(arrays_shape))])


@op
def tile(xp: Namespace, x: Array, *, repetitions: int | Sequence[int]) -> Array:
    """x repeated as a whole, ``repetitions[i]`` times along axis i (the last axes, where there are fewer numbers)."""
    return xp.tile(x, repetitions)


@tile.vjp("x")
def tile_d_x(g: Array, x_shape: tuple[int, ...], *, repetitions: int | Sequence[int]) -> Array:
    times = tuple(repetitions) if isinstance(repetitions, Sequence) else (repetitions,)
    ndim = max(len(times), len(x_shape))
    times = (1,) * (ndim - len(times)) + times
    lengths = (1,) * (ndim - len(x_shape)) + tuple(x_shape)
    copies = g.reshape(tuple([n for pair in zip(times, lengths, strict=True) for n in pair]))
    return copies.sum(axis=tuple(range(0, 2 * ndim, 2))).reshape(x_shape)


@op
def repeat(xp: Namespace, x: Array, *, repeats: int | tuple[int, ...], axis: int | None = None) -> Array:
    """Each slice of x along ``axis``, ``repeats`` times in a row; a tuple says how often for each.

    With ``axis=None`` x is made flat first.
    """
    return xp.repeat(x, repeats, axis=axis)


@repeat.vjp("x")
def repeat_d_x(g: Array, x_shape: tuple[int, ...], *, repeats: int | tuple[int, ...], axis: int | None) -> Array:
    shape = (math.prod(x_shape),) if axis is None else x_shape
    axis = 0 if axis is None else normalize_axis_index(axis, len(shape))
    n = shape[axis]
    if isinstance(repeats, int):
        return g.reshape((*shape[:axis], n, repeats, *shape[axis + 1 :])).sum(axis=axis + 1).reshape(x_shape)
    return index_add(zeros(shape, g), _positions(g, _repeated(n, repeats)), g, axis=axis).reshape(x_shape)


@op
def pad(xp: Namespace, x: Array, *, pad_width: Widths, mode: str = "constant", value: float = 0) -> Array:
    """x with more elements before and after, along every axis.

    Parameters
    ----------
    pad_width
        A pair (before, after) for each axis; one pair, or one number, for all of them.
    mode
        What stands there: ``"constant"`` for ``value``; the elements of x mirrored at the edge element
        (``"reflect"``), the edge element (``"edge"``), or x again from the other end (``"wrap"``).
    """
    if mode not in ("constant", "reflect", "edge", "wrap"):
        raise ValueError(f"pad: unknown mode {mode!r}; there are 'constant', 'reflect', 'edge' and 'wrap'")
    if mode == "constant" and x.dtype.kind in "iu":
        limits = np.iinfo(x.dtype)
        if not (limits.min <= value <= limits.max and value == int(value)):
            raise ValueError(f"pad: value={value} does not fit x, which is {x.dtype}; convert x first, as in x.astype('float32')")
    widths = _pairs(pad_width, x.ndim)
    return xp.pad(x, widths, mode, constant_values=value) if mode == "constant" else xp.pad(x, widths, mode)


@pad.vjp("x")
def pad_d_x(g: Array, x_shape: tuple[int, ...], *, pad_width: Widths, mode: str) -> Array:
    for axis, (before, after) in enumerate(_pairs(pad_width, len(x_shape))):
        end = before + x_shape[axis]
        middle = g[along(axis, slice(before, end))]
        if mode != "constant" and (before or after):
            edges = concat([g[along(axis, slice(0, before))], g[along(axis, slice(end, None))]], axis)
            middle = index_add(middle, _positions(g, _mirrored(x_shape[axis], before, after, mode)), edges, axis=axis)
        g = middle
    return g


def _positions(g: Array, positions: Array) -> Array:
    """Return integers, worked out on the host, as an array where ``g`` is."""
    return namespace(array_of(g)).asarray(positions)


def _repeated(n: int, repeats: tuple[int, ...]) -> Array:
    """Which of n slices each slice of the repeated array came from."""
    return np.repeat(np.arange(n), repeats)


def _mirrored(n: int, before: int, after: int, mode: str) -> Array:
    """Which of n elements each padding element came from: those before, then those after."""
    came_from = np.pad(np.arange(n), (before, after), mode)  # type: ignore[call-overload]
    return np.concatenate([came_from[:before], came_from[before + n :]])


def _pairs(pad_width: Widths, ndim: int) -> tuple[tuple[int, int], ...]:
    """Return (before, after) for each axis."""
    try:
        return tuple([(before, after) for before, after in np.broadcast_to(np.asarray(pad_width), (ndim, 2)).tolist()])
    except ValueError:
        raise ValueError(f"pad: pad_width {pad_width} is not one number, one pair, or a pair for each of {ndim} axes") from None


# ------------------------------------------------------------------------------------------------- made of the above


def _check_axis(name: str, axis: Any) -> None:
    """Say what is wrong with ``concat(a, b)``."""
    if is_array(array_of(axis)) and axis.ndim:
        raise TypeError(f"{name} takes the arrays as one list: {name}([a, b], axis=0)")


@tells_spelling
def concat(arrays: Sequence[Array], axis: int | None = 0) -> Tensor:
    """Join arrays along an axis that they have; with ``axis=None`` they are made flat first."""
    _check_axis("concat", axis)
    if axis is None:
        return _concat(*[ravel(a) for a in arrays], axis=0)
    return _concat(*arrays, axis=axis)


@tells_spelling
def stack(arrays: Sequence[Array], axis: int = 0) -> Tensor:
    """Join arrays of one shape along a new axis."""
    _check_axis("stack", axis)
    return _stack(*arrays, axis=axis)


@tells_spelling
def split(x: Array, sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Cut x along an axis: into that many equal pieces, or at the given places (as ``numpy.split``)."""
    axis = normalize_axis_index(axis, len(x.shape))
    n = x.shape[axis]
    if isinstance(sections, int):
        if sections < 1 or n % sections:
            raise ValueError(f"split: axis {axis} has length {n}, which cannot be cut into {sections} equal pieces; see chunk")
        sections = range(n // sections, n, n // sections) if n else [0] * (sections - 1)
    cuts = [0, *sections, n]
    return [x[along(axis, slice(cuts[i], cuts[i + 1]))] for i in range(len(cuts) - 1)]


@tells_spelling
def chunk(x: Array, chunks: int, axis: int = 0) -> list[Tensor]:
    """Cut x along an axis into at most ``chunks`` pieces of one length, the last perhaps shorter (as ``torch.chunk``)."""
    if chunks < 1:
        raise ValueError(f"chunk: at least one piece is needed, not {chunks}")
    axis = normalize_axis_index(axis, len(x.shape))
    n = x.shape[axis]
    length = -(-n // chunks) or 1
    return split(x, range(length, n, length), axis)


@tells_spelling
def unstack(x: Array, axis: int = 0) -> tuple[Tensor, ...]:
    """Return the slices of x along an axis, without that axis."""
    axis = normalize_axis_index(axis, len(x.shape))
    return tuple([x[along(axis, i)] for i in range(x.shape[axis])])
