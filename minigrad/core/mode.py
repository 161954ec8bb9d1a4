"""What applies to ops called now: whether they are recorded, who watches, whether faster forms may run.

The mode is a context variable, so each thread and each task has its own. Ops look at it once; in the usual mode,
`RECORDING`, that is one comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from minigrad.backends import kind_of
from minigrad.core._contexts import block

if TYPE_CHECKING:
    from minigrad.amp import Autocast
    from minigrad.core.graph import Node
    from minigrad.core.op import Op


class Observer:
    """Something that watches: anomaly detection, timing, a memory ledger, a drawing. The core imports none of them."""

    def on_forward(self, op: Op, args: tuple[Any, ...], params: dict[str, Any], out: Any, node: Node | None) -> None:
        """Called after every op that is applied to Tensors; ``args`` and ``out`` are their arrays."""

    def on_backward(self, node: Node, position: int, cotangent: Any, gradient: Any) -> None:
        """Called with what a formula of ``node`` made of its cotangent: the gradient for the input at ``position``.

        Both are arrays, or Tensors where the backward pass is recorded; the cotangent is a list where the op has several outputs.
        """


class Mode(NamedTuple):
    """What applies to ops called in this thread (or task) now."""

    recording: bool = True
    observers: tuple[Observer, ...] = ()
    recomputing: bool = False  #: inside the second forward pass of a checkpoint
    autocast: Autocast | None = None  #: casts the inputs of ops; see minigrad.amp
    recorder: Any = None  #: of a step that is being captured; see minigrad.replay
    plain: bool = False  #: run what stands in op.py and in the formulas: no fast calls, no kernels


RECORDING = Mode()
mode: ContextVar[Mode] = ContextVar("minigrad_mode", default=RECORDING)


@block
def changed_mode(**changes: Any) -> Iterator[None]:
    """Change the mode within a ``with`` block."""
    new = mode.get()._replace(**changes)
    token = mode.set(RECORDING if new == RECORDING else new)
    try:
        yield
    finally:
        mode.reset(token)


@block
def plain() -> Iterator[None]:
    """Within ``with plain():`` run exactly what stands in ``core/op.py`` and in the formulas: no fast calls, no kernels.

    The numbers are the same up to rounding. A debugger's step into ``x * x`` then lands in `minigrad.core.op.Op.__call__`, a step
    into ``y.backward()`` in the formulas of the ops.
    """
    with changed_mode(plain=True):
        yield


def boxed(function: Callable[..., Any], *, writes: tuple[int, ...] = (), effect: bool = False) -> Callable[..., Any]:
    """Return ``function`` or, while a step is being captured, a form of it that is recorded as one call.

    ``writes`` are the positions of arguments that it overwrites; ``effect`` says that it must be called even if nobody reads
    its result. The recorded form may return NotImplemented: the recording looks into this function, and wants the plain formula.
    """
    recorder = mode.get().recorder
    form: Callable[..., Any] = function if recorder is None else recorder.boxed(function, writes=writes, effect=effect)
    return form


def can_look(array: Any) -> bool:
    """Tell whether Python may look at values: not on a GPU, which would have to be waited for, nor while a step is captured."""
    return mode.get().recorder is None and kind_of(array) == "cpu"


def recorded(array: Any) -> Any:
    """Return ``array`` or, while a step is being captured, what stands for it in the recording."""
    recorder = mode.get().recorder
    return array if recorder is None else recorder.lift(array)
