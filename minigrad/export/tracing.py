"""What a model computes, as the ops that it applies: recorded by the explorer's recorder, for two sizes of the batch.

Shapes in a trace are numbers. Which of them follow the batch shows when the model runs on two batches: every number that differs
between the two traces is a multiple of the batch size (`minigrad.export.graph.Size`), or the model cannot be exported for
every batch size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.mode import changed_mode
from minigrad.core.tensor import Tensor
from minigrad.explore.recorder import Recorder
from minigrad.explore.records import Entry
from minigrad.export.graph import ExportError, Size
from minigrad.nn.module import Module

SIZES = (2, 3)  #: of the batches that are traced


class Trace(NamedTuple):
    """One run of a model."""

    recorder: Recorder
    inputs: list[np.ndarray[Any, Any]]
    outputs: list[Tensor]
    size: int  #: of the batch


def trace(model: Module, inputs: Sequence[np.ndarray[Any, Any]], size: int) -> Trace:
    """Run a model in evaluation mode, and write down the ops it applies."""
    modules = list(model.modules())
    modes = [module.training for module in modules]
    recorder = Recorder(keep_arguments=True)
    tensors = [Tensor(array) for array in inputs]
    try:
        model.eval()
        with changed_mode(observers=(recorder,), recording=False):
            result = model(*tensors)
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
    recorder.settle()
    return Trace(recorder, [t.data for t in tensors], tensors_of(result), size)


def tensors_of(result: Any) -> list[Tensor]:
    """Return the Tensors in what a model returns, in order; None is left out."""
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (tuple, list)):
        return [tensor for item in result for tensor in tensors_of(item)]
    if result is None:
        return []
    raise ExportError(f"the model returns a {type(result).__name__}; expected a Tensor, or a tuple, list or dict of them")


def batch_of(example: np.ndarray[Any, Any], axis: int, size: int, moved: int) -> np.ndarray[Any, Any]:
    """Return a batch of another size made of the example's values; ``moved`` so that its values differ from another's."""
    rows = np.moveaxis(example, axis, 0)
    return np.moveaxis(np.resize(np.roll(rows.reshape(-1), moved), (size, *rows.shape[1:])), 0, axis)


def layer_of(entry: Entry, recorder: Recorder) -> str:
    """Say in which layer an op was applied."""
    if not entry.module:
        return "outside of a layer"
    path = entry.module.partition(".")[2]
    described = recorder.naming.described.get(entry.module, "")
    return f"in the layer {path} ({described})" if path else f"in {described}"


def following(a: Any, b: Any, sizes: tuple[int, int]) -> Any:
    """Return a setting as it is in the first trace, with numbers that follow the batch as `Size`.

    Raises
    ------
    ExportError
        If it differs between the traces in another way.
    """
    if isinstance(a, slice) and isinstance(b, slice):
        return slice(*[following(x, y, sizes) for x, y in zip((a.start, a.stop, a.step), (b.start, b.stop, b.step), strict=True)])
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)) and len(a) == len(b):
        return tuple([following(x, y, sizes) for x, y in zip(a, b, strict=True)])
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        a, b = a.data, b.data
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if np.array_equal(a, b):
            return a
        raise ExportError("an array among its settings depends on the input or on the size of the batch")
    if isinstance(a, (int, np.integer)) and isinstance(b, (int, np.integer)) and a != b and not isinstance(a, bool):
        per_item, rest = divmod(int(b) - int(a), sizes[1] - sizes[0])
        if rest == 0 and int(a) == per_item * sizes[0]:
            return Size(int(a), per_item)
        raise ExportError(f"a number in it is {a} for a batch of {sizes[0]} and {b} for one of {sizes[1]}: not in proportion")
    if a is b or (type(a) is type(b) and (a == b or a != a)):
        return a
    raise ExportError(f"a setting is {a!r} for a batch of {sizes[0]} and {b!r} for one of {sizes[1]}")


def shape_following(a: Sequence[int], b: Sequence[int], sizes: tuple[int, int]) -> tuple[int, ...]:
    """Return a shape with a `Size` for each axis that follows the batch."""
    if len(a) != len(b):
        raise ExportError(f"a value has shape {tuple(a)} for a batch of {sizes[0]} and {tuple(b)} for one of {sizes[1]}")
    return tuple([following(int(x), int(y), sizes) for x, y in zip(a, b, strict=True)])
