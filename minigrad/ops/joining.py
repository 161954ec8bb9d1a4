"""Ops that join arrays, cut them, or repeat them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.lib.array_utils import normalize_axis_index

from minigrad.op import op
from minigrad.ops.shape import ravel

__all__ = ["chunk", "concat", "split", "stack", "unstack"]


def along(axis: int, index: Any) -> tuple[Any, ...]:
    """Return the index that picks ``index`` along ``axis`` (not negative) and everything along the axes before."""
    return (*[slice(None)] * axis, index)


@op
def _concat(xp: Any, *arrays: Any, axis: int = 0) -> Any:
    """The arrays one after another along an axis that they have; the other lengths must be equal."""
    return xp.concatenate(arrays, axis=axis)


@_concat.vjp("arrays")
def _(g: Any, arrays_shape: Any, *, axis: int) -> Any:
    axis = normalize_axis_index(axis, len(g.shape))
    pieces, start = [], 0
    for shape in arrays_shape:
        stop = start + shape[axis]
        pieces.append(g[along(axis, slice(start, stop))])
        start = stop
    return tuple(pieces)


@op
def _stack(xp: Any, *arrays: Any, axis: int = 0) -> Any:
    """The arrays, all of one shape, side by side along a new axis at place ``axis`` of the result."""
    return xp.stack(arrays, axis=axis)


@_stack.vjp("arrays")
def _(g: Any, arrays_shape: Any, *, axis: int) -> Any:
    axis = normalize_axis_index(axis, len(g.shape))
    return tuple([g[along(axis, i)] for i in range(len(arrays_shape))])


def concat(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """Join arrays along an axis that they have; with ``axis=None`` they are made flat first."""
    if axis is None:
        return _concat(*[ravel(a) for a in arrays], axis=0)
    return _concat(*arrays, axis=axis)


def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays of one shape along a new axis."""
    return _stack(*arrays, axis=axis)


def split(x: Any, sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Cut x along an axis: into that many equal pieces, or at the given places (as ``numpy.split``)."""
    axis = normalize_axis_index(axis, len(x.shape))
    n = x.shape[axis]
    if isinstance(sections, int):
        if sections < 1 or n % sections:
            raise ValueError(f"split: axis {axis} has length {n}, which cannot be cut into {sections} equal pieces; see chunk")
        sections = range(n // sections, n, n // sections) if n else [0] * (sections - 1)
    cuts = [0, *sections, n]
    return [x[along(axis, slice(cuts[i], cuts[i + 1]))] for i in range(len(cuts) - 1)]


def chunk(x: Any, chunks: int, axis: int = 0) -> list[Any]:
    """Cut x along an axis into at most ``chunks`` pieces of one length, the last perhaps shorter (as ``torch.chunk``)."""
    if chunks < 1:
        raise ValueError(f"chunk: at least one piece is needed, not {chunks}")
    axis = normalize_axis_index(axis, len(x.shape))
    n = x.shape[axis]
    length = -(-n // chunks) or 1
    return split(x, range(length, n, length), axis)


def unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """Return the slices of x along an axis, without that axis."""
    axis = normalize_axis_index(axis, len(x.shape))
    return tuple([x[along(axis, i)] for i in range(x.shape[axis])])
