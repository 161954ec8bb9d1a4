"""Checkpointing, which trades time for memory: what a stretch of computation saves is forgotten, and computed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad import random
from minigrad.core.graph import Node
from minigrad.core.mode import Observer, changed_mode, mode
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, wrap

__all__ = ["checkpoint"]


def checkpoint(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call ``function`` without keeping what its ops save; the function runs a second time when backward needs it.

    Gradients of every order flow to the arguments and to whatever else the function uses. Random numbers repeat in the
    second run, and batch norm updates its statistics in the first one only. (Chen, Xu, Zhang, Guestrin: "Training deep
    nets with sublinear memory cost", 2016.)
    """
    now = mode.get()
    if not now.recording or now.recomputing or any(isinstance(o, (_Forgetting, _Collecting)) for o in now.observers):
        return function(*args, **kwargs)
    segment = _Segment(function, args, kwargs, now.autocast)
    with changed_mode(observers=(*now.observers, _Forgetting(segment))):
        return function(*args, **kwargs)


class _Segment:
    """A stretch of computation that can be run again."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], autocast: Any) -> None:
        self.function, self.args, self.kwargs, self.autocast = function, args, kwargs, autocast
        self.random_state = random.get_state()
        self.ops: list[str] = []
        self.found: dict[int, tuple[Any, ...]] = {}

    def recompute(self) -> None:
        """Run the function again and keep what its nodes save."""

        def again(value: Any) -> Any:
            return wrap(value.data, None).requires_grad_(value.requires_grad) if type(value) is Tensor else value

        state, collecting = random.get_state(), _Collecting()
        random.set_state(self.random_state)
        try:
            with changed_mode(recording=True, recomputing=True, observers=(collecting,), autocast=self.autocast):
                self.function(*map(again, self.args), **{name: again(value) for name, value in self.kwargs.items()})
        finally:
            random.set_state(state)
        if [name for name, _ in collecting.found] != self.ops:
            raise RuntimeError("checkpoint: the function did other ops in its second run than in its first; it must repeat exactly")
        self.found = dict(enumerate(saved for _, saved in collecting.found))


class _Recompute:
    """What a node of a checkpointed segment holds in place of its saved arrays."""

    __slots__ = ("index", "segment")

    def __init__(self, segment: _Segment, index: int) -> None:
        self.segment, self.index = segment, index

    def unpack(self) -> tuple[Any, ...]:
        if self.index not in self.segment.found:
            self.segment.recompute()
        return self.segment.found.pop(self.index)


class _Forgetting(Observer):
    """Replaces what nodes saved by a promise to compute it again."""

    def __init__(self, segment: _Segment) -> None:
        self.segment = segment

    def on_forward(self, op: Op, args: tuple[Any, ...], params: dict[str, Any], out: Any, node: Node | None) -> None:
        if node is not None:
            node.saved = _Recompute(self.segment, len(self.segment.ops))
            self.segment.ops.append(op.name)


class _Collecting(Observer):
    """Collects what nodes save in the second run of a segment."""

    def __init__(self) -> None:
        self.found: list[tuple[str, tuple[Any, ...]]] = []

    def on_forward(self, op: Op, args: tuple[Any, ...], params: dict[str, Any], out: Any, node: Node | None) -> None:
        if node is not None:
            self.found.append((op.name, node.saved))
