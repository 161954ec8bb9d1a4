"""Captured steps: a training step recorded once as a CUDA graph, and replayed as a single launch.

A step of a small model is some dozens of kernels, each of which takes the GPU less time than it takes Python to ask for
it. A captured step asks once. What a replay does is fixed, down to the addresses it reads and writes, hence:

* inputs are copied into buffers that belong to the graph; another shape makes another graph, another dtype is an error;
* numbers that change from step to step (the learning rate, the count of steps, the place in the stream of random
  numbers) live on the device and are written there before each replay: kernels that use them ask the `Recording`;
* the host cannot look at a value, or send one, while it records: that is a `CaptureError`;
* the memory used while recording belongs to the graph, and is given to nobody else.

The first call with a shape runs the step as it is, which also compiles kernels and makes the optimizer's buffers; the
second records and replays; later ones replay. Each call is one step, equal to an eager one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.backends import Array, CaptureError, is_array, kind_of
from minigrad.core.device import Device, backend_of, device_of, move
from minigrad.core.tensor import Tensor, array_of, wrap
from minigrad.cuda.staging import LiveNumbers, Staging


def capture(step: Callable[..., Any], *, device: str | Device = "cuda") -> CapturedStep:
    """Make a function of a training step that records it once and then replays it as one launch.

    Parameters
    ----------
    step
        Takes arrays or Tensors (and values that are part of what is recorded, such as flags) and does a whole step:
        forward, backward, update. It returns Tensors, or tuples, lists and dicts of them, or None. What it does in
        Python happens when it is recorded and not at a replay: it must not look at values (``loss.item()``), print
        them, or step a learning rate schedule.
    device
        Where it runs.

    Returns
    -------
    CapturedStep
        Called like ``step``. The Tensors it returns are copies, without history.

    Raises
    ------
    DeviceUnavailableError
        If there is no such device.
    CaptureError
        On the call that records, if the step waits for the device, sends something to it, or allocates in a way that
        cannot be recorded. The error names the op. The step was not made then.

    Examples
    --------
    >>> def step(x, labels):
    ...     optimizer.zero_grad()
    ...     loss = F.cross_entropy(model(x), labels)
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> fast = mg.cuda.capture(step)  # doctest: +SKIP
    >>> for x, labels in loader:
    ...     loss = fast(x, labels)  # doctest: +SKIP
    """
    return CapturedStep(step, device)


class CapturedStep:
    """What `capture` returns."""

    def __init__(self, step: Callable[..., Any], device: str | Device) -> None:
        from minigrad.core.device import as_device

        self.step, self.device = step, as_device(device)
        self.backend: Any = backend_of(self.device.kind)
        self._graphs: dict[Any, Recording | None] = {}  # None: seen once, and run eagerly
        self._dtypes: tuple[Any, ...] | None = None

    def __call__(self, *args: Any) -> Any:
        """Make one step."""
        key, dtypes = self._signature(args)
        if self._dtypes is None:
            self._dtypes = dtypes
        elif dtypes != self._dtypes:
            raise TypeError(
                f"this step was captured for arguments of {_named(self._dtypes)} and is called with {_named(dtypes)}; "
                "convert them with astype, or capture another step"
            )
        if key not in self._graphs:
            result = self.step(*[wrap(move(array_of(a), self.device), None) if _is_data(a) else a for a in args])
            self._graphs[key] = None
            return result
        recording = self._graphs[key]
        if recording is None:
            recording = self._graphs[key] = Recording(self.backend, self.device, self.step, args)
            return recording.replay(args, first=True)
        return recording.replay(args)

    @property
    def captured(self) -> int:
        """How many graphs there are: one for each combination of shapes that came twice."""
        return sum(recording is not None for recording in self._graphs.values())

    def _signature(self, args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """Return what decides which graph to replay, and the dtypes, which must stay."""
        try:
            key = tuple([array_of(a).shape if _is_data(a) else (type(a), a) for a in args])
            hash(key)
        except TypeError:
            raise TypeError("the arguments of a captured step are arrays, Tensors and hashable values, such as numbers and flags") from None
        return key, tuple([str(array_of(a).dtype) if _is_data(a) else type(a).__name__ for a in args])


class Recording:
    """One graph: what was recorded, and what has to be done before each replay.

    While it is being made it is ``backend.capture``, where kernels and optimizers find it.
    """

    def __init__(self, backend: Any, device: Device, step: Callable[..., Any], args: Sequence[Any]) -> None:
        self.backend, self.device = backend, device
        xp = self.xp = backend.xp
        self._at_replay: list[Callable[[], None]] = []
        self._undo: list[Callable[[], None]] = []
        self._streams: dict[int, _Stream] = {}
        self._kept: list[Any] = []
        with xp.cuda.Device(device.index):
            self._inputs = [_copy(xp, move(array_of(a), device)) if _is_data(a) else None for a in args]
            given = [wrap(x, None) if x is not None else a for x, a in zip(self._inputs, args, strict=True)]
            self._pool = xp.cuda.MemoryPool()
            self._staging, self._live = Staging(xp), LiveNumbers(xp)
            self._outputs = self._record(step, given)

    def _record(self, step: Callable[..., Any], args: list[Any]) -> Any:
        xp, backend = self.xp, self.backend
        stream = backend.capturing_stream(self.device.index)
        with stream, xp.cuda.using_allocator(self._pool.malloc):
            stream.begin_capture()
            backend.capture = self
            try:
                outputs = step(*args)
                _check_outputs(outputs)
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


def _is_data(value: Any) -> bool:
    return isinstance(value, Tensor) or (is_array(value) and not isinstance(value, np.generic))


def _named(dtypes: Sequence[str]) -> str:
    return f"({', '.join(dtypes)})"


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


def _check_outputs(value: Any) -> None:
    """Refuse what a replay could not give anew."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        for item in value:
            _check_outputs(item)
    elif not (value is None or isinstance(value, Tensor)):
        raise CaptureError(f"a captured step returns Tensors, or tuples, lists and dicts of them, not {type(value).__name__}")


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
