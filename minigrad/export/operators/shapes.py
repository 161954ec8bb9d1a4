"""Shapes, indexing, joining and constants."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.export.operators.values import Numbers, OnnxImportError, like, numbers_of, refuse_unless, sized

Operator = Callable[..., Any]


def counted(axis: int, ndim: int) -> int:
    """Return an axis counted from the start."""
    if not -ndim <= axis < ndim:
        raise OnnxImportError(f"it names the axis {axis} of a value with {ndim} axes")
    return axis % ndim


def constant(
    *, value: Any = None, value_float: Any = None, value_floats: Any = None, value_int: Any = None, value_ints: Any = None
) -> np.ndarray[Any, Any]:
    """The one that is given."""
    if value is not None:
        return np.asarray(value)
    real = value_float if value_float is not None else value_floats
    return np.asarray(real, np.float32) if real is not None else np.asarray(value_int if value_int is not None else value_ints, np.int64)


def constant_of_shape(shape: Numbers, *, value: Any = None) -> np.ndarray[Any, Any]:
    """One number everywhere."""
    filled = np.zeros(1, np.float32) if value is None else np.asarray(value).reshape(-1)
    return np.full(sized(shape), filled[0], filled.dtype)


def arithmetic_range(start: Any, limit: Any, delta: Any) -> np.ndarray[Any, Any]:
    """From start to before the limit."""
    first, last, step = (numbers_of(v) for v in (start, limit, delta))
    sized([max(math.ceil((last - first) / step), 0)])
    return np.arange(first, last, step, dtype=start.dtype)


def shape_of(x: Any, *, start: int = 0, end: int | None = None) -> np.ndarray[Any, Any]:
    """The lengths of the axes."""
    return np.array(x.shape[start:end], np.int64)


def reshape(x: Any, shape: Numbers, *, allowzero: int = 0) -> Any:
    """To a shape in which 0 stands for the length that is there."""
    return ops.reshape(x, shape=tuple([x.shape[i] if n == 0 and not allowzero else n for i, n in enumerate(shape)]))


def flatten(x: Any, *, axis: int = 1) -> Any:
    """To two axes."""
    cut = axis if axis == x.ndim else counted(axis, x.ndim)
    return ops.reshape(x, shape=(math.prod(x.shape[:cut]), math.prod(x.shape[cut:])))


def expand(x: Any, shape: Numbers) -> Any:
    """To the shape that both broadcast to."""
    return ops.broadcast_to(x, shape=sized(np.broadcast_shapes(x.shape, tuple(shape))))


def transpose(x: Any, *, perm: Sequence[int] | None = None) -> Any:
    """Axes in another order, in reverse if none is given."""
    return ops.permute_dims(x, axes=None if perm is None else tuple(perm))


def squeeze(x: Any, axes: Numbers | None = None) -> Any:
    """Without axes of length 1."""
    return ops.squeeze(x, axis=tuple([i for i, n in enumerate(x.shape) if n == 1] if axes is None else axes))


def unsqueeze(x: Any, axes: Numbers) -> Any:
    """With new axes of length 1."""
    return ops.expand_dims(x, axis=tuple(axes))


def part(x: Any, starts: Numbers, ends: Numbers, axes: Numbers | None = None, steps: Numbers | None = None) -> Any:
    """A slice along each of the axes."""
    key = [slice(None)] * x.ndim
    places = range(len(starts)) if axes is None else axes
    for start, end, axis, step in zip(starts, ends, places, steps or [1] * len(starts), strict=True):
        key[counted(axis, x.ndim)] = slice(start, end, step)
    return x[tuple(key)]


def split(x: Any, split: Numbers | None = None, *, axis: int = 0, num_outputs: int | None = None, outputs: int) -> tuple[Any, ...]:
    """Pieces along one axis, of equal lengths but for the last one."""
    axis = counted(axis, x.ndim)
    length = math.ceil(x.shape[axis] / outputs)
    lengths = [length] * outputs if split is None else split
    ends = np.minimum(np.cumsum([0, *lengths]), x.shape[axis]).tolist()
    return tuple([x[(slice(None),) * axis + (slice(a, b),)] for a, b in pairwise(ends)])


def tile(x: Any, repeats: Numbers) -> Any:
    """Copies side by side."""
    sized([n * times for n, times in zip(x.shape, repeats, strict=True)])
    return ops.tile(x, repetitions=tuple(repeats))


def gather(x: Any, indices: Any, *, axis: int = 0) -> Any:
    """The slices at the indices."""
    return ops.take(x, indices, axis=axis)


def gather_elements(x: Any, indices: Any, *, axis: int = 0) -> Any:
    """Elements at the indices along one axis; the indices may be shorter along the others."""
    axis = counted(axis, x.ndim)
    shorter = tuple([slice(None) if i == axis else slice(n) for i, n in enumerate(indices.shape)])
    return ops.take_along_axis(x[shorter], indices, axis=axis)


def scatter_elements(x: Any, indices: Any, updates: Any, *, axis: int = 0, reduction: str = "none") -> Any:
    """Elements put, or added, at the indices along one axis."""
    axis = counted(axis, x.ndim)
    refuse_unless(reduction in ("none", "add"), f"the reduction {reduction}")
    others = [n == m for i, (n, m) in enumerate(zip(x.shape, indices.shape, strict=True)) if i != axis]
    refuse_unless(all(others), "indices that are shorter than the values along other axes")
    return (ops.put_along_axis if reduction == "none" else ops.scatter_add)(x, indices, updates, axis=axis)


def pad(x: Any, pads: Numbers, value: Numbers | None = None, axes: Numbers | None = None, *, mode: str = "constant") -> Any:
    """More elements at the ends of the axes; a negative number cuts off."""
    places = [counted(axis, x.ndim) for axis in (range(x.ndim) if axes is None else axes)]
    widths, key = [(0, 0)] * x.ndim, [slice(None)] * x.ndim
    for axis, before, after in zip(places, pads[: len(places)], pads[len(places) :], strict=True):
        widths[axis] = max(before, 0), max(after, 0)
        key[axis] = slice(max(-before, 0), x.shape[axis] - max(-after, 0))
    sized([n + before + after for n, (before, after) in zip(x.shape, widths, strict=True)])
    inner = x[tuple(key)] if any(n < 0 for n in pads) else x
    return ops.pad(inner, pad_width=tuple(widths), mode=mode, value=(value[0] if isinstance(value, list) else value) or 0)


def triangle(x: Any, k: Numbers | None = None, *, upper: int = 1) -> Any:
    """What lies above or below a diagonal."""
    return (ops.triu if upper else ops.tril)(x, k=(k[0] if isinstance(k, list) else k) or 0)


def depth_to_space(x: Any, *, blocksize: int, mode: str = "DCR") -> Any:
    """Channels become squares of pixels."""
    n, c, h, w = x.shape
    b = blocksize
    cut, order = (((n, b, b, c // b**2, h, w), (0, 3, 4, 1, 5, 2)), ((n, c // b**2, b, b, h, w), (0, 1, 4, 2, 5, 3)))[mode == "CRD"]
    return ops.reshape(ops.permute_dims(ops.reshape(x, shape=cut), axes=order), shape=(n, c // b**2, h * b, w * b))


def space_to_depth(x: Any, *, blocksize: int) -> Any:
    """Squares of pixels become channels."""
    n, c, h, w = x.shape
    b = blocksize
    cut = ops.reshape(x, shape=(n, c, h // b, b, w // b, b))
    return ops.reshape(ops.permute_dims(cut, axes=(0, 3, 5, 1, 2, 4)), shape=(n, c * b**2, h // b, w // b))


def cumulative_sum(x: Any, axis: Numbers, *, exclusive: int = 0, reverse: int = 0) -> Any:
    """The sums up to each element, from either end, with or without the element itself."""
    place = counted(axis[0] if isinstance(axis, list) else axis, x.ndim)
    turned = ops.flip(x, axis=place) if reverse else x
    total = like(ops.cumulative_sum(turned, axis=place), x)
    total = total - turned if exclusive else total
    return ops.flip(total, axis=place) if reverse else total


ROWS: dict[str, Operator] = {
    "Constant": constant,
    "ConstantOfShape": constant_of_shape,
    "Range": arithmetic_range,
    "Shape": shape_of,
    "Size": lambda x: np.asarray(math.prod(x.shape), np.int64),
    "Reshape": reshape,
    "Flatten": flatten,
    "Expand": expand,
    "Transpose": transpose,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Slice": part,
    "Split": split,
    "Concat": lambda *inputs, axis: ops.concat(inputs, axis=axis),
    "Tile": tile,
    "Gather": gather,
    "GatherElements": gather_elements,
    "ScatterElements": scatter_elements,
    "Pad": pad,
    "Trilu": triangle,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
    "CumSum": cumulative_sum,
}
