"""`capture`, and the captured step: eager at first, then recorded, compared with a second recording, and replayed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import Any

from minigrad.backends import CaptureError
from minigrad.core.device import Device, as_device, backend_of, device_of, move
from minigrad.core.mode import RECORDING, Mode, mode
from minigrad.core.tensor import Tensor, array_of, wrap
from minigrad.replay.c_build import NoCompilerError, library
from minigrad.replay.c_program import CProgram, stays_in_python
from minigrad.replay.compare import check_same, gives_same
from minigrad.replay.cpu import CpuProgram
from minigrad.replay.numpy_replay import GuardFailedError
from minigrad.replay.recording import Recording, is_data, record
from minigrad.replay.watch import Watch

BACKENDS = ("numpy", "c", "cuda")
MOST_PROGRAMS = 8  #: kept by one captured step: what comes in further shapes is made eagerly
MOST_RECORDINGS = 64  #: of one program; what changes more often is made eagerly


def capture(step: Callable[..., Any] | None = None, *, backend: str | None = None, keep_grads: bool = False, check: bool = True) -> Any:
    """Make a function of a training step that captures it once and then replays it as a straight-line program.

    The first call with arguments of certain shapes and dtypes runs the step as it is. The second captures it, the third
    captures it again, to see that both are one program, and later ones replay. Each call is one step, equal to an eager one to
    the last bit on the CPU. When parameters, settings of modules or the state of an optimizer are replaced, the step is
    captured anew.

    Parameters
    ----------
    step
        Takes arrays or Tensors (and values that are part of what is captured, such as flags), and does a whole step, forward,
        backward and update, or a part of one: a function without backward is captured as well. It returns Tensors, or tuples,
        lists and dicts of them, or None. What it does in Python happens when it is captured and not at a replay: it must not
        look at values (``loss.item()``), print them, or step a learning rate schedule.
        Without it, `capture` is a decorator with options.
    backend
        ``"numpy"`` replays calls of NumPy on the CPU, ``"c"`` the same program as C, compiled by the machine's ``cc``, ``"cuda"`` a
        CUDA graph. By default this follows the device. C adds in another order than NumPy: results agree within rounding.
        The libraries are kept in the user's cache folder; where there is no compiler (``MINIGRAD_CC`` names another, or none),
        NumPy replays, and a warning says why.
    keep_grads
        Whether parameters keep their gradients after a step. By default those that an optimizer used within the step are
        dropped, and need no memory.
    check
        Whether to capture twice. What Python computes anew in each step, such as NumPy's random numbers or a counter, would be
        frozen as it is; the comparison finds it. On a GPU there is none.

    Returns
    -------
    CapturedStep
        Called like ``step``. The Tensors it returns are copies, without history.

    Raises
    ------
    CaptureError
        On a call that captures, if the step does what cannot be captured, or something else than the first time; it names the
        op and the line. The step was not made then. On every call with an argument that requires a gradient, which would be lost.

    Examples
    --------
    >>> @mg.capture
    ... def step(x, labels):
    ...     optimizer.zero_grad()
    ...     loss = F.cross_entropy(model(x), labels)
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> for x, labels in loader:
    ...     loss = step(x, labels)
    >>> step.captured
    1
    """
    if step is None:
        return lambda function: capture(function, backend=backend, keep_grads=keep_grads, check=check)
    return CapturedStep(step, backend=backend, keep_grads=keep_grads, check=check)


def capture_on_gpu(step: Callable[..., Any], *, device: str | Device = "cuda") -> CapturedStep:
    """Capture a training step once and then replay it as one launch: `minigrad.capture`, for the GPU that is named.

    Parameters
    ----------
    step
        As for `minigrad.capture`.
    device
        Where it runs; arguments on the host are sent there.

    Raises
    ------
    DeviceUnavailableError
        If there is no such device.
    CaptureError
        On the call that captures, if the step waits for the device, sends something to it, or allocates in a way that
        cannot be captured. The error names the op. The step was not made then.

    Examples
    --------
    >>> def step(x, labels):
    ...     optimizer.zero_grad()
    ...     loss = F.cross_entropy(model(x), labels)
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> fast = mg.cuda.capture(step)  # doctest: +SKIP
    >>> for x, labels in loader:  # doctest: +SKIP
    ...     loss = fast(x, labels)
    """
    return CapturedStep(step, backend="cuda", device=as_device(device))


@dataclass
class _Entry:
    """What is known of the step for one combination of shapes, dtypes and settings."""

    recording: Recording | None = None  #: while it waits to be compared with another
    program: Any = None
    watch: Watch | None = None
    recordings: int = 0
    replay: Callable[..., Any] | None = None  #: the program's, once it was compared
    unchanged: Callable[[], bool] = bool  #: the watch's


class CapturedStep:
    """What `capture` returns: called like the step, and does the same.

    Attributes
    ----------
    program
        The program that was captured last; ``print(step.program)`` shows it, and ``step.program.c_source`` its C. None before there
        is one.
    memory
        The plan of its memory.
    """

    def __init__(
        self,
        step: Callable[..., Any],
        *,
        backend: str | None = None,
        keep_grads: bool = False,
        check: bool = True,
        device: Device | None = None,
        eager_first: bool = True,
    ) -> None:
        if not callable(step):
            raise TypeError(f"capture takes a function that makes a step, not a {type(step).__name__}")
        if backend is not None and backend not in BACKENDS:
            raise ValueError(f"capture: unknown backend {backend!r}; expected {', '.join(map(repr, BACKENDS))} or None")
        self.step, self.backend, self.keep_grads, self.check = step, backend, keep_grads, check
        self.program: Any = None
        self._eager_first = eager_first  # otherwise the caller knows that nothing is made in the first step that lasts
        self._compiled = None if backend == "c" else False  # None: not tried yet
        self._device = Device("cuda") if device is None and backend == "cuda" else device
        self._entries: dict[Any, _Entry] = {}
        self._lock = RLock()

    @property
    def memory(self) -> Any:
        """The plan of the program's memory; None before there is one."""
        return getattr(self.program, "memory", None)

    @property
    def captured(self) -> int:
        """How many programs there are: one for each combination of shapes and dtypes that came twice."""
        return sum(entry.program is not None for entry in self._entries.values())

    def __call__(self, *args: Any) -> Any:
        """Make one step."""
        now = mode.get()
        if now.recorder is not None:  # within another captured step, of which this is a part
            return self.step(*args)
        with self._lock:
            key = self._key(args, now) if args or now is not RECORDING else ()
            entry = self._entries.get(key)
            if entry is not None and entry.replay is not None and entry.unchanged() and not now.observers:
                try:
                    return entry.replay(*[array_of(a) for a in args if is_data(a)]) if args else entry.replay()
                except GuardFailedError:  # before anything was changed
                    entry.watch = None
            return self._make(key, entry, args)

    def _make(self, key: Any, entry: _Entry | None, args: tuple[Any, ...]) -> Any:
        """Make a step that is not replayed: eagerly, or by recording it."""
        if entry is None and len(self._entries) < MOST_PROGRAMS:
            self._entries[key] = _Entry()
            entry = None if self._eager_first else self._entries[key]
        if entry is None or mode.get().observers or entry.recordings > MOST_RECORDINGS:
            return self._eager(args)
        if self._device is not None and self._device.kind == "cuda":
            return self._on_gpu(entry, args)
        return self._record(entry, args)

    def _key(self, args: tuple[Any, ...], now: Mode) -> Any:
        """Return what decides which program to replay."""
        key = tuple([_signature(a) for a in args])
        try:
            hash(key)
        except TypeError:
            raise TypeError("the arguments of a captured step are arrays, Tensors and hashable values, such as numbers and flags") from None
        return key if now is RECORDING else (key, now._replace(observers=()))

    def _eager(self, args: tuple[Any, ...]) -> Any:
        device = self._device
        given = [wrap(array_of(a) if device is None else move(array_of(a), device), None) if is_data(a) else a for a in args]
        result = self.step(*given)
        if device is None:
            self._device = _device_in((given, result))
        return _detached(result)

    def _record(self, entry: _Entry, args: tuple[Any, ...]) -> Any:
        """Record the step, and let the program make it."""
        known = entry.watch
        before = entry.recording if known is not None and known.unchanged() else None
        leaves = [] if known is None else known.leaves
        is_box = stays_in_python if self._compiles() else None
        recording = record(self.step, args, keep_grads=self.keep_grads, before=before, leaves=leaves, is_box=is_box)
        if before is not None:
            check_same(before.calls, recording.calls)
        entry.recordings += 1
        entry.watch = Watch(recording, known)
        if before is None or not gives_same(before, recording):
            entry.program = self._ready(recording)
        self.program = entry.program
        entry.recording = recording if self.check and before is None else None
        entry.unchanged, entry.replay = entry.watch.unchanged, None if entry.recording is not None else entry.program.run
        return entry.program.replay(args)

    def _compiles(self) -> bool:
        """Whether programs are compiled; tried once, and what is in the way is told."""
        if self._compiled is None:
            try:
                library("int works(void) { return 1; }")
            except NoCompilerError as error:
                self._without_compiler(error)
            else:
                self._compiled = True
        return bool(self._compiled)

    def _ready(self, recording: Recording) -> CpuProgram:
        if self._compiled:
            try:
                return CProgram(recording)
            except NoCompilerError as error:
                self._without_compiler(error)
        return CpuProgram(recording)

    def _without_compiler(self, error: NoCompilerError) -> None:
        self._compiled = False
        warnings.warn(f"this captured step is replayed by NumPy: {error}", stacklevel=5)

    def _on_gpu(self, entry: _Entry, args: tuple[Any, ...]) -> Any:
        if entry.program is not None:
            return entry.program.replay(args)
        from minigrad.replay.cuda_graph import CudaGraph

        assert self._device is not None
        entry.program = self.program = CudaGraph(backend_of("cuda"), self._device, self.step, args)
        return entry.program.replay(args, first=True)


def _signature(value: Any) -> Any:
    """Return what a program depends on in an argument."""
    if isinstance(value, Tensor):
        if value.node is not None and mode.get().recording:
            raise CaptureError(
                "an argument of a captured step requires a gradient, and its gradient would be lost: arguments are constants, and what "
                "is returned has no history. Give x.detach(), or let the step take the tensor from outside"
            )
        value = value.data
    elif not is_data(value):
        return type(value), value
    return value.shape, value.dtype


def _device_in(values: Any) -> Device | None:
    """Return the device of the first Tensor on a GPU; None if there is none."""
    if isinstance(values, Tensor):
        return None if values.device.kind == "cpu" else device_of(values.data)
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, (tuple, list)):
        return next((device for device in map(_device_in, values) if device is not None), None)
    return None


def _detached(value: Any) -> Any:
    """Return what a step returned, without history, as a replay does."""
    if isinstance(value, Tensor):
        return wrap(value.data, None)
    if isinstance(value, (tuple, list)):
        parts = [_detached(item) for item in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {name: _detached(item) for name, item in value.items()}
    return value
