"""Shapes, indexing and joining in ONNX's words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.export.graph import ExportError, Graph, Size, Value, fixed, is_list

Converter = Callable[..., Any]
END = np.iinfo(np.int64).max  #: beyond the end of every axis
START = np.iinfo(np.int64).min


def positive(axis: Any, ndim: int) -> list[int]:
    """Return axes counted from the start."""
    return [int(a) % max(ndim, 1) for a in (axis if is_list(axis) else (axis,))]


def reshape(g: Graph, x: Value, *, shape: Any) -> Value:
    """To sizes of which at most one may follow the batch by being what is left."""
    numbers = list(shape) if is_list(shape) else [shape]
    following = [i for i, n in enumerate(numbers) if isinstance(n, Size)]
    if len(following) == 1 and -1 not in numbers and 0 not in [int(n) for n in numbers]:
        numbers[following[0]] = -1  # a fixed shape, which runtimes read more easily than a computed one
    return g.Reshape(x, g.sizes(numbers), allowzero=1)


def broadcast_to(g: Graph, x: Value, *, shape: Any) -> Value:
    """Expand."""
    return g.Expand(x, g.sizes(shape if is_list(shape) else (shape,)))


def permute_dims(g: Graph, x: Value, *, axes: Any) -> Value:
    """Transpose; without axes, in reverse."""
    return g.Transpose(x, perm=None if not axes else positive(axes, x.ndim))


def moveaxis(g: Graph, x: Value, *, source: Any, destination: Any) -> Value:
    """The others keep their order."""
    order = np.moveaxis(np.empty((1,) * x.ndim + (0,)), -1, -1).ndim - 1
    start, end = positive(source, x.ndim), positive(destination, x.ndim)
    perm = [a for a in range(order) if a not in start]
    for place, axis in sorted(zip(end, start, strict=True)):
        perm.insert(place, axis)
    return g.Transpose(x, perm=perm)


def swapaxes(g: Graph, x: Value, *, axis1: int, axis2: int) -> Value:
    """Transpose of two axes."""
    perm = list(range(x.ndim))
    a, b = axis1 % x.ndim, axis2 % x.ndim
    perm[a], perm[b] = b, a
    return g.Transpose(x, perm=perm)


def squeeze(g: Graph, x: Value, *, axis: Any) -> Value:
    """Without axes: those of length 1, but for the batch."""
    axes = [i for i, n in enumerate(x.shape) if n == 1 and not isinstance(n, Size)] if axis is None else positive(axis, x.ndim)
    return g.Squeeze(x, axes) if axes else g.Identity(x)


def expand_dims(g: Graph, x: Value, *, axis: Any) -> Value:
    """Unsqueeze."""
    return g.Unsqueeze(x, list(axis) if is_list(axis) else [axis])


def flip(g: Graph, x: Value, *, axis: Any) -> Value:
    """A slice with step -1."""
    axes = list(range(x.ndim)) if axis is None else positive(axis, x.ndim)
    n = len(axes)
    return g.Slice(x, [-1] * n, [START] * n, axes, [-1] * n)


def part(g: Graph, x: Value, axis: int, start: int, stop: int) -> Value:
    """The places from start to before stop along one axis."""
    return g.Slice(x, [start], [stop], [axis])


def roll(g: Graph, x: Value, *, shift: Any, axis: Any) -> Value:
    """What leaves at one end comes in at the other."""
    shape, flat = x.shape, axis is None
    if flat:
        x = g.Reshape(x, [-1])
    steps, axes = np.broadcast_arrays(shift, 0 if flat else positive(axis, len(shape)))
    for step, a in zip(steps.reshape(-1).tolist(), axes.reshape(-1).tolist(), strict=True):
        length = int(np.prod([fixed(n, "the length of what is rolled") for n in (shape if flat else (shape[a],))]))
        at = -step % length if length else 0
        if at:
            x = g.Concat(part(g, x, a, at, END), part(g, x, a, 0, at), axis=a)
    return g.Reshape(x, g.sizes(shape)) if flat else g.Identity(x)


def stack(g: Graph, *arrays: Value, axis: int) -> Value:
    """Concat along a new axis."""
    return g.Concat(*[g.Unsqueeze(a, [axis]) for a in g.alike(*arrays)], axis=axis)


def tile(g: Graph, x: Value, *, repetitions: Any) -> Value:
    """With the axes that either is short of."""
    times = list(repetitions) if is_list(repetitions) else [repetitions]
    if x.ndim < len(times):
        x = g.Unsqueeze(x, list(range(len(times) - x.ndim)))
    elif x.ndim > len(times):
        times = [1] * (x.ndim - len(times)) + times
    return g.Tile(x, g.sizes(times))


def repeat(g: Graph, x: Value, *, repeats: Any, axis: int | None) -> Value:
    """Gather, each place several times."""
    length = int(np.prod([fixed(n, "the length of what is repeated") for n in (x.shape if axis is None else (x.shape[axis],))]))
    places = np.repeat(np.arange(length), fixed(repeats, "repeats"))
    return g.Gather(x if axis is not None else g.Reshape(x, [-1]), g.constant(places), axis=axis or 0)


def pad(g: Graph, x: Value, *, pad_width: Any, mode: str, value: float) -> Value:
    """Pad; what comes round again is joined on, as ONNX has that from opset 19."""
    pairs = np.broadcast_to(np.array(fixed(pad_width, "pad_width")), (x.ndim, 2)).tolist()
    if mode == "reflect" and any(max(pair) >= int(n) for pair, n in zip(pairs, x.shape, strict=True) if max(pair)):
        raise ExportError("it mirrors more elements than an axis has, and ONNX mirrors once")
    if mode != "wrap":
        numbers = [before for before, _ in pairs] + [after for _, after in pairs]
        return g.Pad(x, numbers, value if mode == "constant" else None, mode=mode)
    for axis, (before, after) in enumerate(pairs):
        if before or after:
            length = fixed(x.shape[axis], "the length of what is padded") if x._shape is not None else 0
            if max(before, after) > length:
                raise ExportError(f"it wraps {max(before, after)} around an axis of length {length}, more than once")
            pieces = [part(g, x, axis, -before, END)] if before else []
            wrapped = g.Concat(*pieces, x, *([part(g, x, axis, 0, after)] if after else []), axis=axis)
            wrapped.shape = (*x.shape[:axis], length + before + after, *x.shape[axis + 1 :])
            x = wrapped
    return g.Identity(x)


# ---------------------------------------------------------------------------------------------------------- indexing


def getitem(g: Graph, x: Value, *, key: Any) -> Value:
    """Slices, integers, None and ..., and one array of integers among slices."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if x.name is None and x.last is not None and keys and keys[0] == -1:
        return x.last if len(keys) == 1 else getitem(g, x.last, key=tuple(keys[1:]))
    taken = sum(k is not None and k is not Ellipsis for k in keys)
    if not any(k is Ellipsis for k in keys):
        keys.append(Ellipsis)
    at = next(i for i, k in enumerate(keys) if k is Ellipsis)
    keys[at : at + 1] = [slice(None)] * (x.ndim - taken)
    cuts: list[tuple[int, int, int, int]] = []  # start, stop, axis, step
    dropped, added, arrays = [], [], []
    axis = kept = 0
    for k in keys:
        if k is None:
            added.append(kept)
            kept += 1
            continue
        if isinstance(k, (int, np.integer)) and not isinstance(k, (bool, np.bool_)):
            cuts.append((int(fixed(k, "an index")), int(k) + 1 if k != -1 else END, axis, 1))
            dropped.append(axis)
        elif isinstance(k, slice):
            cuts += _cut(k, axis, x.shape[axis])
            kept += 1
        else:
            arrays.append((axis, k))
            kept += 1
        axis += 1
    if arrays and (len(arrays) > 1 or dropped or added):
        raise ExportError("it indexes with an array beside other indices than slices; use take along one axis")
    if cuts:
        starts, stops, axes, steps = (list(column) for column in zip(*cuts, strict=True))
        x = g.Slice(x, starts, stops, axes, steps)
    for place, indices in arrays:
        found = np.asarray(indices)
        x = g.Gather(x, g.constant(np.flatnonzero(found) if found.dtype == bool and found.ndim == 1 else _integers(found)), axis=place)
    x = g.Squeeze(x, dropped) if dropped else x
    return g.Unsqueeze(x, added) if added else g.Identity(x)


def _integers(indices: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if indices.dtype.kind not in "iu":
        raise ExportError(f"it indexes with an array of {indices.dtype}")
    return indices.astype(np.int64)


def _cut(k: slice, axis: int, length: int) -> list[tuple[int, int, int, int]]:
    """Return what Slice needs for a slice; nothing for a full one."""
    step = 1 if k.step is None else k.step
    start = (0 if step > 0 else -1) if k.start is None else fixed(k.start, "the start of a slice")
    stop = k.stop
    if isinstance(stop, Size) and stop == length and step > 0:
        stop = None  # to the end
    stop = (END if step > 0 else START) if stop is None else fixed(stop, "the end of a slice")
    return [] if (start, stop, step) == (0, END, 1) else [(start, stop, axis, step)]


def gather(g: Graph, x: Value, indices: Any, *, axis: int | None) -> Value:
    """Gather along one axis."""
    return g.Gather(x, g.cast(indices, np.int64), axis=axis or 0)


def along(g: Graph, x: Value, indices: Value, *, axis: int) -> Value:
    """GatherElements, whose indices reach over all of the other axes."""
    _check_lengths(x, indices, axis)
    return g.GatherElements(x, g.cast(indices, np.int64), axis=axis)


def scatter(reduction: str) -> Converter:
    """ScatterElements."""

    def convert(g: Graph, x: Value, indices: Value, updates: Any, *, axis: int) -> Any:
        _check_lengths(x, indices, axis)
        if not isinstance(updates, Value) or updates.shape != indices.shape:
            updates = g.Expand(g.cast(updates, x.dtype), g.sizes(indices.shape))
        return g.ScatterElements(x, g.cast(indices, np.int64), g.cast(updates, x.dtype), axis=axis, reduction=reduction)

    return convert


def _check_lengths(x: Value, indices: Value, axis: int) -> None:
    others: Sequence[Any] = [
        (a, b) for i, (a, b) in enumerate(zip(x.shape, indices.shape, strict=True)) if i != axis % max(x.ndim, 1) and a != b
    ]
    if others:
        raise ExportError(f"its indices have shape {indices.shape} beside values of shape {x.shape}, and ONNX does not broadcast them")


def one_hot(g: Graph, indices: Value, *, num_classes: int, dtype: Any) -> Value:
    """Which class is the index?"""
    classes = g.constant(np.arange(num_classes))
    return g.cast(g.Equal(g.Unsqueeze(g.cast(indices, np.int64), [-1]), classes), dtype)


def triangle(upper: int) -> Converter:
    """Trilu."""
    return lambda g, x, *, k: g.Trilu(x, g.constant(k, np.int64), upper=upper)


def diagonal(g: Graph, x: Value, *, offset: int) -> Value:
    """The rows, each at its own place."""
    rows, columns = (int(fixed(n, "the size of a matrix")) for n in x.shape[-2:])
    places = np.arange(*(max(-offset, 0), min(rows, columns - offset)))
    if not len(places):
        raise ExportError("the diagonal is empty")
    flat = g.Reshape(x, g.sizes([*x.shape[:-2], rows * columns]))
    return g.Gather(flat, g.constant(places * columns + places + offset), axis=x.ndim - 2)


ROWS: dict[str, Converter] = {
    "reshape": reshape,
    "broadcast_to": broadcast_to,
    "permute_dims": permute_dims,
    "moveaxis": moveaxis,
    "swapaxes": swapaxes,
    "squeeze": squeeze,
    "expand_dims": expand_dims,
    "flip": flip,
    "roll": roll,
    "concat": lambda g, *arrays, axis: g.Concat(*g.alike(*arrays), axis=axis),
    "stack": stack,
    "tile": tile,
    "repeat": repeat,
    "pad": pad,
    "getitem": getitem,
    "take": gather,
    "embedding": lambda g, weight, indices, *, padding_idx: gather(g, weight, indices, axis=0),
    "take_along_axis": along,
    "scatter_add": scatter("add"),
    "put_along_axis": scatter("none"),
    "one_hot": one_hot,
    "tril": triangle(0),
    "triu": triangle(1),
    "diagonal": diagonal,
}
