"""What a recorder writes down: nodes, what they save, and the contributions of backward passes."""

from __future__ import annotations

from typing import Any, NamedTuple

from minigrad.core._source import Place
from minigrad.core.op import Op
from minigrad.explore.values import Value


class Ref(NamedTuple):
    """One of the values of a node."""

    node: int
    output: int


class Saved(NamedTuple):
    """A value that a node keeps for its backward pass."""

    name: str
    of: Ref | None
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    memory: int  #: equal numbers are one memory
    held: bool  #: whether a leaf or a constant has that memory, so that the graph adds nothing
    wanted_by: list[str]  #: the inputs whose formulas name it


class Step(NamedTuple):
    """A contribution: what a formula of ``node`` returned for the input at ``slot``."""

    number: int  #: of the pass, from 1
    node: int
    slot: int
    to: Ref
    add: Value
    made: Ref | None  #: the node that computed it, if the pass was itself recorded
    cotangent: list[Value | None] | None  #: where it is not the sum of the contributions so far


class Entry:
    """A node as it is written down."""

    def __init__(self, id: int, kind: str, op: Op | None = None) -> None:
        self.id, self.kind, self.op = id, kind, op
        self.name: str | None = None
        self.module: str | None = None
        self.root: str | None = None  #: of a parameter, what its model is called
        self.number = 0  #: of the pass that made it; 0 for the forward computation
        self.made_by: int | None = None  #: the node whose formula made it
        self.sum = False  #: whether it adds two contributions
        self.place: Place | None = None
        self.inputs: list[Any] = []  #: a Ref, a number, or None
        self.params: dict[str, str] = {}
        self.values: list[Value | None] = []
        self.shapes: list[tuple[int, ...]] = []  #: of the values, where these are not known
        self.grads: list[tuple[int, int, Value]] = []  #: pass, output, value
        self.saved: list[Saved] = []
        self.recomputed = self.hooked = False
        self.check: list[dict[str, Any]] = []
        self.six_lines: dict[str, Any] | None = None
