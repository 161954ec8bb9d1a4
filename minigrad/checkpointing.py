"""Checkpointing, which trades time for memory: what a stretch of computation saves is forgotten, and computed again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from typing import Any

from minigrad import random
from minigrad.backends import is_array
from minigrad.core._overwritten import overwritten
from minigrad.core.graph import Node, next_sequence
from minigrad.core.mode import Observer, changed_mode, mode
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, wrap

__all__ = ["checkpoint"]


def checkpoint(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call ``function`` without keeping what its ops save; the function runs a second time when backward needs it.

    Gradients of every order flow to the arguments and to whatever else the function uses. Random numbers repeat in the
    second run, and batch norm updates its statistics in the first one only. (Chen, Xu, Zhang, Guestrin: "Training deep
    nets with sublinear memory cost", 2016.)

    Raises
    ------
    RuntimeError
        In the backward pass, if the function does not repeat: other ops, an argument that was changed in place, or random numbers that
        another thread drew from the same generator meanwhile.
    """
    now = mode.get()
    if not now.recording or now.recomputing or any(isinstance(o, (_Forgetting, _Collecting)) for o in now.observers):
        return function(*args, **kwargs)
    segment = _Segment(function, args, kwargs, now.autocast)
    with changed_mode(observers=(*now.observers, _Forgetting(segment))):
        result = function(*args, **kwargs)
    segment.drawn = _drawn_since(segment.random_state)
    return result


def _drawn_since(state: dict[str, int]) -> int:
    """Return how many blocks of random numbers were drawn since, by whichever thread."""
    return random.get_state()["counter"] - state["counter"]


Application = tuple[str, tuple[Any, ...]]  #: an op, and dtypes and shapes of what it was given


def _application(op: Op, args: tuple[Any, ...]) -> Application:
    return op.name, tuple([(str(a.dtype), a.shape) if is_array(a) else None for a in args])


def _said(application: Application | None) -> str:
    if application is None:
        return "nothing"
    return f"{application[0]}({', '.join(f'{of[0]}{list(of[1])}' for of in application[1] if of is not None)})"


class _Segment:
    """A stretch of computation that can be run again."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], autocast: Any) -> None:
        self.function, self.args, self.kwargs, self.autocast = function, args, kwargs, autocast
        self.random_state = random.get_state()
        self.drawn = 0
        self.began = next_sequence()
        self.ops: list[Application] = []
        self.found: dict[int, tuple[Any, ...]] = {}

    def recompute(self) -> None:
        """Run the function again and keep what its nodes save."""

        def again(value: Any) -> Any:
            return wrap(value.data, None).requires_grad_(value.requires_grad) if type(value) is Tensor else value

        state, collecting = random.get_state(), _Collecting(self.began)
        try:
            random.set_state(self.random_state)
            with changed_mode(recording=True, recomputing=True, observers=(collecting,), autocast=self.autocast):
                self.function(*map(again, self.args), **{name: again(value) for name, value in self.kwargs.items()})
            drawn = _drawn_since(self.random_state)
        finally:
            random.set_state(state)
        pairs = zip_longest(self.ops, [application for application, _ in collecting.found])
        for first, second in pairs:
            if first != second:
                raise RuntimeError(
                    f"checkpoint: in its second run the function did {_said(second)} where it did {_said(first)} in its first run; "
                    "it must repeat exactly"
                )
        if drawn != self.drawn:
            raise RuntimeError(
                f"checkpoint: its two runs drew {self.drawn} and {drawn} blocks of random numbers; they must repeat exactly. Does another "
                "thread draw from the same generator meanwhile? Run such functions one after the other"
            )
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
            self.segment.ops.append(_application(op, args))


class _Collecting(Observer):
    """Collects what nodes save in the second run of a segment."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.found: list[tuple[Application, tuple[Any, ...]]] = []

    def on_forward(self, op: Op, args: tuple[Any, ...], params: dict[str, Any], out: Any, node: Node | None) -> None:
        if overwritten.latest > self.began:
            for name, a in zip(op.inputs, args, strict=False):
                if is_array(a) and overwritten.when(a) > self.began:
                    raise RuntimeError(
                        f"checkpoint: what {op.name} is given as {name!r} (shape {a.shape}) was changed in place since the first run. "
                        "Run backward before the change, or compute with a copy of the tensor"
                    )
        if node is not None:
            self.found.append((_application(op, args), node.saved))
