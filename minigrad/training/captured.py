"""How the trainer makes its steps: recorded and replayed where that gives the same numbers.

`minigrad.capture` refuses what it cannot record. What it cannot see is Python that a replay would leave out: hooks,
observers and, on a GPU, options of the optimizer other than the learning rate. Such steps, and refused ones, are made eagerly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.backends import CaptureError
from minigrad.core.mode import mode
from minigrad.core.tensor import Tensor
from minigrad.nn import Module
from minigrad.nn.hooks import KINDS
from minigrad.optim import Optimizer
from minigrad.replay import CapturedStep

MOST_SHAPES = 8  #: of batches that are captured; each has a program with memory of its own
CAPTURED = {
    "numpy": "steps are captured as one program of NumPy calls",
    "c": "steps are captured as one program in C",
    "cuda": "steps are captured as one CUDA graph",
}  #: backend of the program -> what is told

Step = Callable[[Tensor, Tensor], Any]


class Steps:
    """Makes training steps, captured or eagerly; which of them, and why, is told once.

    Parameters
    ----------
    step
        ``step(input, target)`` makes a whole step; see `minigrad.capture` for what it may return.
    model, optimizer
        What it changes.
    capture
        Whether to capture steps; "c" for a program in C, on the CPU. Every step is then made by the program, the first too, so that
        a run that is resumed goes on with the same numbers.
    note
        Called with a line that says whether steps are captured, when that is known.
    """

    def __init__(self, step: Step, model: Module, optimizer: Optimizer, *, capture: bool | str, note: Callable[[str], None]) -> None:
        self.step, self.model, self.optimizer, self.note = step, model, optimizer, note
        self._device = optimizer.param_groups[0]["params"][0].device if capture else None  # None: steps are made eagerly
        self._compiled = capture == "c"
        self._captured: Any = None
        self._uncompiled: Any = None  #: for short batches
        self._shapes: set[Any] = set()
        self._options: Any = None
        self._at_the_end: Any = None
        self._told = False
        self._full: int | None = None

    @property
    def may_go_on(self) -> bool:
        """Whether later training may use the programs: on the CPU, where they keep little memory and notice what was changed."""
        return self._captured is not None and self._device is not None and self._device.kind == "cpu"

    def begin_epoch(self, full: int | None = None) -> None:
        """Capture anew if what a graph depends on was changed since `end_epoch`; on the CPU a captured step notices itself.

        ``full`` is how many samples all batches have but the last of an epoch, which may have fewer; None if that is not known.
        """
        self._full = full
        if self._device is None:
            return
        obstacle = _watched(self.model)
        if obstacle is not None:
            self._give_up(obstacle)
        elif self._captured is None or self._at_the_end != self._configuration():
            backend = "cuda" if self._device.kind == "cuda" else "c" if self._compiled else "numpy"
            if backend == "c":
                self.optimizer.buckets()  # made now, so that the first step makes nothing that lasts
            self._captured = CapturedStep(self.step, backend=backend, device=self._device, eager_first=backend != "c")
            self._uncompiled = CapturedStep(self.step, backend="numpy", eager_first=False) if backend == "c" else self._captured
            self._shapes = set()
            self._options = _options(self.optimizer)

    def end_epoch(self) -> None:
        """Note what the graphs depend on; until `begin_epoch`, all of it may be changed."""
        if self._device is not None:
            self._at_the_end = self._configuration()

    def __call__(self, x: Tensor, target: Tensor) -> Any:
        """Make one step."""
        if self._device is None:
            return self.step(x, target)
        obstacle = self._changed(x, target)
        if obstacle is None:
            try:
                result = (self._uncompiled if self._is_short(x) else self._captured)(x, target)
            except CaptureError as error:  # the step was not made
                obstacle = str(error).partition(". ")[0]
            else:
                if self._captured.captured and not self._told:
                    self._tell(CAPTURED[self._captured.program.backend])
                return result
        self._give_up(obstacle)
        return self.step(x, target)

    def _is_short(self, x: Tensor) -> bool:
        """Tell whether a batch comes once in an epoch: to compile a program for it takes longer than that saves."""
        return self._full is not None and len(x) < self._full

    def _changed(self, x: Tensor, target: Tensor) -> str | None:
        """Say what changes from step to step that a program cannot follow."""
        if self._device is not None and self._device.kind == "cuda":
            options = _options(self.optimizer)
            if options != self._options:
                names = sorted({k for new, old in zip(options, self._options, strict=True) for k in new if new[k] != old.get(k)})
                return f"{', '.join(names)} of the optimizer changes from step to step, and only its lr can"
        self._shapes.add((x.shape, target.shape))
        return f"batches come in more than {MOST_SHAPES} shapes" if len(self._shapes) > MOST_SHAPES else None

    def _configuration(self) -> Any:
        return _configuration(self.model, self.optimizer) if self._device is not None and self._device.kind == "cuda" else None

    def _give_up(self, obstacle: str) -> None:
        self._device = self._captured = None
        self._tell(f"steps are {'no longer' if self._told else 'not'} captured: {obstacle}")

    def _tell(self, line: str) -> None:
        self._told = True
        self.note(line)


def _watched(model: Module) -> str | None:
    """Say who watches the steps in Python, which a replay does not run."""
    if mode.get().observers:
        return f"ops are watched by {type(mode.get().observers[0]).__name__.strip('_')}"
    for name, module in model.named_modules():
        if module._hooks is not None and any(module._hooks.of(kind) for kind in KINDS):
            return f"layer {name or 'model'} ({type(module).__name__}) has a hook"
    return None


def _options(optimizer: Optimizer) -> list[dict[str, Any]]:
    """Return the options that a graph has as constants."""
    return [{k: v for k, v in group.items() if k not in ("params", "lr", "initial_lr")} for group in optimizer.param_groups]


def _configuration(model: Module, optimizer: Optimizer) -> Any:
    """Return what decides which kernels a step launches, with which constants, and where they read and write."""
    tensors = [*model.parameters(), *model.buffers(), *(p for group in optimizer.param_groups for p in group["params"])]
    places = [(t.data.data.ptr, t.requires_grad) for t in tensors]
    plain = (bool, int, float, str, type(None))
    settings = [{k: v for k, v in module.__dict__.items() if isinstance(v, plain)} for module in model.modules()]
    return places, settings, _options(optimizer)
