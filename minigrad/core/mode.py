"""What applies to ops called now: whether they are recorded, who watches, whether faster forms may run.

The mode is a context variable, so each thread and each task has its own. Ops look at it once; in the usual mode,
`RECORDING`, that is one comparison.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

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
    before = mode.get()
    new = before._replace(**changes)
    try:  # around the change, too: Ctrl-C may come right behind it
        mode.set(RECORDING if new == RECORDING else new)
        yield
    finally:
        mode.set(before)


@block
def plain() -> Iterator[None]:
    """Within ``with plain():`` run exactly what stands in ``core/op.py`` and in the formulas: no fast calls, no kernels.

    The numbers are the same up to rounding. A debugger's step into ``x * x`` then lands in `minigrad.core.op.Op.__call__`, a step
    into ``y.backward()`` in the formulas of the ops.
    """
    with changed_mode(plain=True):
        yield
