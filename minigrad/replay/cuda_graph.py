"""A step on a GPU: recorded once as a CUDA graph, and replayed as a single launch.

A step of a small model is some dozens of kernels, each of which takes the GPU less time than it takes Python to ask for
it. A captured step asks once. What a replay does is fixed, down to the addresses it reads and writes, hence:

* inputs are copied into buffers that belong to the graph;
* numbers that change from step to step (the learning rate, the count of steps, the place in the stream of random
  numbers) live on the device and are written there before each replay: kernels that use them ask the `CudaGraph`;
* the host cannot look at a value, or send one, while it records: that is a `CaptureError`;
* the memory used while recording belongs to the graph, and is given to nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.backends import Array, CaptureError, kind_of
from minigrad.core.device import Device, device_of, move
from minigrad.core.tensor import Tensor, array_of, wrap
from minigrad.cuda.staging import LiveNumbers, Staging
from minigrad.replay.recording import is_data, tensors_in


class CudaGraph:
    """One graph: what was recorded, and what has to be done before each replay.

    While it is being made it is ``backend.capture``, where kernels and optimizers find it.
    """

    backend = "cuda"

    def __init__(self, backend: Any, device: Device, step: Callable[..., Any], args: Sequence[Any]) -> None:
        self._cuda, self.device = backend, device
        xp = self.xp = backend.xp
        self._at_replay: list[Callable[[], None]] = []
        self._undo: list[Callable[[], None]] = []
        self._streams: dict[int, _Stream] = {}
        self._kept: list[Any] = []
        with xp.cuda.Device(device.index):
            self._inputs = [_copy(xp, move(array_of(a), device)) if is_data(a) else None for a in args]
            given = [wrap(x, None) if x is not None else a for x, a in zip(self._inputs, args, strict=True)]
            self._pool = xp.cuda.MemoryPool()
            self._staging, self._live = Staging(xp), LiveNumbers(xp)
            self._outputs = self._record(step, given)

    def _record(self, step: Callable[..., Any], args: list[Any]) -> Any:
        xp, backend = self.xp, self._cuda
        stream = backend.capturing_stream(self.device.index)
        with stream, xp.cuda.using_allocator(self._pool.malloc):
            stream.begin_capture()
            try:
                backend.capture = self
                outputs = step(*args)
                tensors_in(outputs)  # refuses others
            except BaseException as error:
                for undo in self._undo:
                    undo()
                _abandon(stream)
                if isinstance(error, CaptureError) or not isinstance(error, (RuntimeError, NotImplementedError)):
                    raise
                raise CaptureError(_explained(error)) from error
            finally:
                backend.capture = None
            self._graph = stream.end_capture()
        for random in self._streams.values():
            random.recorded()
        return outputs

    # ------------------------------------------------------------------------- for kernels, while it is being made

    def live(self, numbers: Callable[[], Sequence[float]]) -> Array:
        """Return a float64 array on the device that holds ``numbers()`` of the moment at each replay."""
        return self._live.place(np.float64, numbers)

    def random(self, generator: Any, first: int) -> Array:
        """Return a uint64 on the device: the block of the generator's stream that takes the place of ``first``."""
        stream = self._streams.get(id(generator))
        if stream is None:
            stream = self._streams[id(generator)] = _Stream(generator, first)
            self._undo.append(stream.rewind)
        return self._live.place(np.uint64, lambda: [stream.base + first - stream.start])

    def at_replay(self, action: Callable[[], None], undo: Callable[[], None] | None = None) -> None:
        """Do something on the host at each replay, as it was done when the step was recorded.

        If the step turns out not to be recordable it is not made, and ``undo`` takes back what was done.
        """
        self._at_replay.append(action)
        if undo is not None:
            self._undo.append(undo)

    def keep(self, *arrays: Any) -> None:
        """Keep memory that the graph refers to although it was not allocated while recording."""
        self._kept.extend(arrays)

    # ------------------------------------------------------------------------------------------------- replaying

    def replay(self, args: Sequence[Any], *, first: bool = False) -> Any:
        """Copy the arguments in, make the step, and return copies of what it returned."""
        with self.xp.cuda.Device(self.device.index):
            for place, value in zip(self._inputs, args, strict=True):
                if place is not None:
                    self._fill(place, array_of(value))
            if not first:
                for stream in self._streams.values():
                    stream.advance()
                for action in self._at_replay:
                    action()
            self._live.send(self._staging)
            self._graph.launch(self.xp.cuda.get_current_stream())
            return _copied(self.xp, self._outputs)

    def _fill(self, place: Array, value: Array) -> None:
        if kind_of(value) == "cpu":
            self._staging.send(place, value)
        else:
            place[...] = move(value, device_of(place))


class _Stream:
    """A generator of random numbers that a recorded step draws from."""

    def __init__(self, generator: Any, start: int) -> None:
        self.generator, self.start, self.base, self.used = generator, start, start, 0

    def recorded(self) -> None:
        """Note how many blocks the step uses."""
        self.used = self.generator.state["counter"] - self.start

    def rewind(self) -> None:
        """Put the generator back: the step was not made."""
        self.generator.state = {**self.generator.state, "counter": self.start}

    def advance(self) -> None:
        """Use up the blocks of one more step."""
        state = self.generator.state
        self.base = state["counter"]
        self.generator.state = {**state, "counter": self.base + self.used}


def _copy(xp: Any, x: Array) -> Array:
    place = xp.empty(x.shape, dtype=x.dtype)
    place[...] = x
    return place


def _copied(xp: Any, value: Any) -> Any:
    """Return what a step returned, with copies in the place of Tensors, whose memory the next replay overwrites."""
    if isinstance(value, Tensor):
        return wrap(_copy(xp, value.data), None)
    if isinstance(value, (tuple, list)):
        return type(value)([_copied(xp, item) for item in value])
    if isinstance(value, dict):
        return {key: _copied(xp, item) for key, item in value.items()}
    return value


def _abandon(stream: Any) -> None:
    """End a capture that failed; CUDA complains about it once more."""
    try:
        stream.end_capture()
    except Exception:  # the first error is the one to report
        return


def _explained(error: Exception) -> str:
    where = next((note for note in getattr(error, "__notes__", ()) if note.startswith("in ")), "outside an op")
    return (
        f"the step cannot be captured: {str(error).splitlines()[0] if str(error) else type(error).__name__} ({where}). A captured step "
        "must not look at values (item, float, bool, print, a boolean mask) nor send arrays to the device; return what is to be looked at"
    )
