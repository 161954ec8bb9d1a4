"""Where in a step a call comes from: told by observing ops and formulas, and by the modules that are being called."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import minigrad
from minigrad.core.mode import Observer
from minigrad.replay.program import Origin

PACKAGE = str(Path(minigrad.__file__).parent)
LIBRARY = str(Path(sys.modules["numpy"].__file__ or "").parent)
PENDING = Origin(phase="")


class Origins(Observer):
    """Labels the calls of a recorder: those since the last op or formula belong to the one that is now done."""

    def __init__(self, recorder: Any) -> None:
        self.recorder = recorder
        self.names: dict[int, str] = {}  #: of modules, and of the tensors in them, by id
        self._layers: list[str] = []
        self._fixed: Origin | None = None
        self._mark = 0
        self._place_of: dict[int, tuple[str, str]] = {}  # layer and line of nodes, for their formulas
        self._phase = "forward"

    def now(self) -> Origin:
        """Origin of a call made now."""
        return PENDING if self._fixed is None else self._fixed

    # ---------------------------------------------------------------------------------------------------- as observer

    def on_forward(self, op: Any, args: Any, params: Any, out: Any, node: Any) -> None:
        place = self._layers[-1] if self._layers else "", user_line()
        if node is not None:
            self._place_of[id(node)] = place
        self._phase = "forward"
        self._label(Origin("forward", op.name, "", *place))

    def on_backward(self, node: Any, position: int, *gradients: Any) -> None:
        self._phase = "backward"
        name = node.op.input_name(position)
        self._label(Origin("backward", node.op.name, f"{node.op.name}.vjp({name})", *self._place_of.get(id(node), ("", ""))))

    def finish(self) -> None:
        """Label what came after the last op."""
        self._label(Origin(self._phase))

    def _label(self, origin: Origin) -> None:
        calls = self.recorder.calls
        for call in calls[self._mark :]:
            if call.origin is PENDING:
                call.origin = origin
        self._mark = len(calls)

    # -------------------------------------------------------------------------------------------- modules, optimizers

    def outermost(self) -> bool:
        """Whether no module is being called."""
        return not self._layers

    def name_parts(self, module: Any) -> None:
        """Take over the names of a module's parts, parameters and buffers."""
        for name, part in module.named_modules():
            self.names.setdefault(id(part), name or type(module).__name__)
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            self.names.setdefault(id(tensor), name)

    @contextmanager
    def within(self, module: Any) -> Iterator[None]:
        """What is called in the block belongs to a module."""
        self._layers.append(self.names.get(id(module), type(module).__name__))
        try:
            yield
        finally:
            self._layers.pop()

    @contextmanager
    def named(self, phase: str, what: str) -> Iterator[None]:
        """What is called in the block is ``what``, such as the step of an optimizer."""
        self._label(Origin(self._phase))
        try:
            self._fixed = Origin(phase or self._phase, what, "", self._layers[-1] if self._layers else "")
            yield
        finally:
            self._fixed = None
            self._mark = len(self.recorder.calls)


def user_line() -> str:
    """Return file and line of the innermost frame that is neither minigrad's nor NumPy's; empty if there is none."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((PACKAGE, LIBRARY, "<frozen")) and "contextlib" not in file:
            return f"{Path(file).name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
