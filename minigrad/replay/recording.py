"""One run of a step, recorded: what it did, what it returned, and what it depends on besides its arguments."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.backends import CaptureError, is_array
from minigrad.core.mode import changed_mode, mode
from minigrad.core.tensor import Tensor, array_of, wrap
from minigrad.replay.program import STATE, Call, Ref, Storage
from minigrad.replay.recorder import Recorder
from minigrad.replay.traced import Traced


@dataclass
class Recording:
    """What one run of a step did."""

    calls: list[Call]
    inputs: list[Ref]
    structure: Any  #: what the step returned
    outputs: list[Ref]  #: the places of the Tensors in it
    gradients: list[tuple[Any, Ref | None]]  #: leaves, and where their gradient is; None where it is used up
    touched: list[tuple[Any, Any, Any]]  #: leaves whose gradient is made or added to, with what was there before
    recorder: Recorder

    def state(self) -> list[Storage]:
        """The memory outside of the step that it uses."""
        found = {ref.storage: None for call in self.calls for ref in [*call.reads, *call.results] if ref.storage.kind == STATE}
        return list(found)


def is_data(value: Any) -> bool:
    """Tell whether an argument of a step is an array, rather than a setting."""
    return isinstance(value, Tensor) or (is_array(value) and not isinstance(value, np.generic))


def record(
    step: Callable[..., Any],
    args: Sequence[Any],
    *,
    keep_grads: bool,
    before: Recording | None,
    leaves: Sequence[Any] = (),
    is_box: Callable[[Any], bool] | None = None,
) -> Recording:
    """Run a step on copies and return what it did. Nothing outside of it is changed.

    ``before`` is a recording of the same step: what both use must not be changed behind the recorder's back. ``leaves`` are
    those that an earlier recording found gradients for.

    Raises
    ------
    CaptureError
        If the step does something that cannot be recorded.
    """
    recorder = Recorder(is_box)
    sums = {} if before is None else {storage: _checksum(storage) for storage in before.state()}
    recorder.had_gradient.update(id(leaf) for leaf in leaves if leaf.grad is not None)
    given = [wrap(recorder.input(array_of(a)), None) if is_data(a) else a for a in args]
    try:
        with changed_mode(recorder=recorder, observers=(*mode.get().observers, recorder.origins)):
            result = step(*given)
        outputs = [_place(recorder, tensor) for tensor in tensors_in(result)]
        touched = [entry for entry in recorder.leaves.values() if _is_touched(*entry)]
        gradients = [_gradient(recorder, leaf, keep_grads) for leaf, before, _ in touched if leaf.grad is not before]
        recorder.origins.finish()
    finally:
        recorder.finish()
    for storage, checksum in sums.items():
        if _checksum(storage) != checksum:
            name = recorder.name_of(storage)
            raise CaptureError(
                f"the step cannot be captured: it changes {name} in Python, which a replay would not do. Change tensors by ops and "
                "optimizers, or outside of the step"
            )
    return Recording(recorder.calls, recorder.inputs, result, outputs, gradients, touched, recorder)


def _is_touched(leaf: Any, before: Any, array: Any) -> bool:
    return leaf.grad is not before or (before is not None and before.data is not array)


def _gradient(recorder: Recorder, leaf: Any, keep: bool) -> tuple[Any, Ref | None]:
    used_up = leaf.grad is None or (id(leaf) in recorder.stepped and not keep)
    return leaf, None if used_up else _place(recorder, leaf.grad)


def _place(recorder: Recorder, tensor: Tensor) -> Ref:
    place: Traced = recorder.lift(tensor.data)
    return place.ref


def _checksum(storage: Storage) -> int:
    array = storage.array
    return zlib.crc32(array if array.flags.c_contiguous else array.tobytes())


def tensors_in(value: Any) -> list[Tensor]:
    """Return the Tensors in what a step returned, in order; refuse what a replay could not give anew."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in tensors_in(item)]
    if value is not None:
        raise CaptureError(f"a captured step returns Tensors, or tuples, lists and dicts of them, not {type(value).__name__}")
    return []
