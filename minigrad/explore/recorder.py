"""The observer that writes down what is computed: forward from the ops, backward from the walk.

Nodes get numbers in the order in which they are first seen, so the inputs of a node have smaller numbers than the node. What is
kept of an array is a copy (`minigrad.explore.values`). A recorder holds no node and no array of the graph, only the arrays of
constants, which it knows by their identity; so a graph is freed as it is without it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from minigrad.backends import Array, is_array
from minigrad.core._messages import shown
from minigrad.core._signature import REQUIRED
from minigrad.core._source import current_call, place_of, variables
from minigrad.core.graph import Node, Output
from minigrad.core.mode import Observer
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, array_of
from minigrad.explore.memory import Memory
from minigrad.explore.naming import Naming, assigned_names
from minigrad.explore.records import Entry, Ref, Step
from minigrad.explore.values import Value, keep
from minigrad.explore.walks import Walk, equal, outer_frames

Visitor = Callable[[Entry, tuple[Any, ...], dict[str, Any], list[Any]], None]


class Recorder(Observer):
    """Writes down the ops that are applied and the contributions that walks add up.

    Parameters
    ----------
    full
        Keep all elements of large arrays.
    keep_arguments
        Hold the arguments of every op, so that it can be computed again.
    on_visit
        For some ops, a function to call when a walk comes to them: with the entry, the arguments and parameters of the op, and the
        cotangents of its outputs.
    """

    def __init__(self, *, full: bool = False, keep_arguments: bool = False, on_visit: dict[Op, Visitor] | None = None) -> None:
        self.full, self.on_visit = full, on_visit or {}
        self.entries: list[Entry] = []
        self.steps: list[Step] = []
        self.starts: list[list[tuple[Ref, Value]]] = []  #: for each pass, where it starts and with what
        self.passes: list[dict[str, Any]] = []  #: of each, how many nodes there were, whether it was itself recorded, what it kept
        self.arguments: dict[int, tuple[tuple[Any, ...], dict[str, Any]]] | None = {} if keep_arguments else None
        self.naming = Naming()
        self._unvisited: dict[int, tuple[tuple[Any, ...], dict[str, Any]]] = {}  # arguments of ops in on_visit
        self._ids: dict[float, int] = {}  # sequence number of a node -> its entry
        self._constants: dict[int, tuple[Array, Ref]] = {}  # id of an array, which is held -> what it is
        self.memory = Memory()
        self._walks: dict[int, Walk] = {}  # by the id of the frame of the walk
        self._unnamed: tuple[FrameType, tuple[str, ...], int] | None = None  # where values get names: frame, names, line
        self._last: tuple[Entry, Node] | None = None

    # ------------------------------------------------------------------------------------------------- forward

    def on_forward(self, op: Op, args: tuple[Any, ...], params: dict[str, Any], out: Any, node: Node | None) -> None:
        self.settle()
        call = current_call(2)
        module = self.naming.module(call.layers, call.user)
        parents = node.parents if node is not None else (None,) * len(args)
        known = len(self.entries)
        inputs = [self.input_of(a, p, call.user) for a, p in zip(args, parents, strict=True)]
        entry = Entry(len(self.entries), "op", op)
        entry.inputs, entry.place = inputs, place_of(call.user)
        entry.module = module
        entry.params = {name: shown(value) for name, value in {**op.params, **params}.items() if value is not REQUIRED}
        outs = out if isinstance(out, tuple) else (out,)
        entry.values = [keep(o, self.full) for o in outs]
        if call.walk is not None:
            entry.number, entry.made_by = self._maker(call.walk)
            entry.sum = call.direct and op.name == "add"
            for constant in self.entries[known:]:
                constant.number, constant.made_by = entry.number, entry.made_by
        if node is None:
            self.entries.append(entry)
            self._constants |= {id(o): (o, Ref(entry.id, k)) for k, o in enumerate(outs)}
        else:
            self.know(node, entry)
        if self.arguments is not None:
            self.arguments[entry.id] = args, params
        if op in self.on_visit and node is not None:
            self._unvisited[entry.id] = args, params
        names = assigned_names(call.user)
        if names:  # of a, b = f(x), g(x) the first is assigned only after the second is computed
            before = self._unnamed
            same = before is not None and before[0] is call.user and before[2] == entry.place.line
            self._unnamed = call.user, (*(before[1] if same and before is not None else ()), *names), entry.place.line

    def input_of(self, value: Any, parent: Node | None, frame: FrameType | None = None) -> Any:
        """Return what an argument of an op is: a reference to a node, which is added if it is new, or a constant."""
        if parent is not None:
            source = parent.parents[0] if isinstance(parent, Output) else parent
            index = parent.index if isinstance(parent, Output) else 0
            assert source is not None
            if source.seq not in self._ids:
                self._ids[source.seq] = self._add_leaf("leaf", value, source, frame)
            return Ref(self._ids[source.seq], index)
        if isinstance(value, tuple) or not is_array(value):
            return value
        if id(value) not in self._constants:
            self._constants[id(value)] = value, Ref(self._add_leaf("const", value, None, frame), 0)
        return self._constants[id(value)][1]

    def _maker(self, frame: FrameType) -> tuple[int, int | None]:
        """Return the pass that is running in a frame of the walk, and the entry whose formulas it runs."""
        seq = frame.f_locals["node"].seq
        walk = self._walks.get(id(frame))
        return walk.number if walk is not None and not walk.is_over(seq) else len(self.starts) + 1, self._ids.get(seq)

    def _add_leaf(self, kind: str, array: Any, node: Node | None, frame: FrameType | None) -> int:
        entry = Entry(len(self.entries), kind)
        entry.name, part = self.naming.of_leaf(array, node, frame), self.naming.part(array)
        if part is not None:
            entry.root, entry.module = part.root, part.module
        entry.values = [keep(array, self.full)]
        entry.hooked = node is not None and bool(node.hooks)
        self.entries.append(entry)
        self.memory.hold(array)
        return entry.id

    def know(self, node: Node, entry: Entry) -> None:
        """Add an entry for a node."""
        self.entries.append(entry)
        self._ids[node.seq] = entry.id
        self._last = None if node.is_leaf else (entry, node)

    def settle(self) -> None:
        """Finish what could not be known when the last op was applied: what its node saved, and the name of its result."""
        if self._last is not None:
            entry, node = self._last
            self._last = None
            entry.hooked = bool(node.hooks)
            if isinstance(node.saved, tuple):
                entry.saved = list(self.memory.saved_by(node, entry))
            else:
                entry.recomputed = node.saved is not None
        if self._unnamed is not None:
            frame, names, line = self._unnamed
            found = variables(frame)
            left = tuple(name for name in names if not self._named(found.get(name), name))
            self._unnamed = (frame, left, line) if left else None

    def _named(self, value: Any, name: str) -> bool:
        """Give the op that computed a value the name of the variable that holds it; tell whether there was one to be named."""
        ref = self.ref_of(value) if isinstance(value, Tensor) else None
        entry = self.entries[ref.node] if ref is not None else None
        if entry is None or entry.kind != "op" or entry.name:
            return False
        entry.name = name
        return True

    def ref_of(self, tensor: Tensor) -> Ref | None:
        """Return which recorded value a tensor is."""
        node = tensor.node
        if node is None:
            found = self._constants.get(id(tensor.data))
            return found[1] if found is not None else None
        source = node.parents[0] if isinstance(node, Output) else node
        assert source is not None
        if source.seq not in self._ids:
            return None
        return Ref(self._ids[source.seq], node.index if isinstance(node, Output) else 0)

    # ------------------------------------------------------------------------------------------------- backward

    def on_backward(self, node: Node, position: int, cotangent: Any, gradient: Any) -> None:
        self.settle()
        parent = node.parents[position]
        if parent is None or node.seq not in self._ids or self.entries[self._ids[node.seq]].kind != "op":
            return  # computed before recording began
        frame = sys._getframe(2)  # of the walk, which called the pull that called this
        walk = self._walks.get(id(frame))
        if walk is None or walk.is_over(node.seq, position):
            self._finish_passes(outer_frames(frame))
            self.starts.append([])
            lifted = isinstance(gradient, Tensor)
            self.passes.append({"nodes": len(self.entries), "create_graph": lifted, "retain_graph": not frame.f_locals["free"]})
            walk = self._walks[id(frame)] = Walk(len(self.starts))
        changed = self._visit(walk, node, cotangent) if walk.last != node.seq else None
        walk.last = node.seq
        walk.positions.add(position)
        array = array_of(gradient)
        to = self.input_of(array, parent, frame)
        self.entries[to.node].hooked = self.entries[to.node].hooked or bool(parent.hooks)
        sums = walk.sums.setdefault(to.node, {})
        if to.output in sums:
            sums[to.output] = sums[to.output] + array
        else:  # a leaf's may become its gradient, which is added to in place
            sums[to.output] = array.copy() if parent.is_leaf else array
        made = self.ref_of(gradient) if isinstance(gradient, Tensor) else None
        self.steps.append(Step(walk.number, self._ids[node.seq], position, to, keep(array, self.full), made, changed))

    def _visit(self, walk: Walk, node: Node, cotangent: Any) -> list[Value | None] | None:
        """Note the cotangents of a node's outputs; return them if they are not the sums of the contributions so far."""
        walk.positions.clear()
        entry = self.entries[self._ids[node.seq]]
        cotangents = [array_of(g) for g in (cotangent if isinstance(cotangent, list) else [cotangent])]
        entry.hooked = entry.hooked or bool(node.hooks)
        sums = walk.sums.pop(entry.id, {})
        values = [None if g is None else keep(g, self.full) for g in cotangents]
        changed = False
        for k, (g, value) in enumerate(zip(cotangents, values, strict=True)):
            if value is None:
                continue
            entry.grads.append((walk.number, k, value))
            if k not in sums:
                self.starts[walk.number - 1].append((Ref(entry.id, k), value))
            changed = changed or not (k in sums and equal(sums[k], g))
        if entry.id in self._unvisited and entry.op is not None:
            self.on_visit[entry.op](entry, *self._unvisited.pop(entry.id), cotangents)
        return values if changed else None

    def _finish_passes(self, going_on: set[int]) -> None:
        """Note the gradients of what the other walks did not go on from: leaves, and whatever else they were asked for."""
        for key in [key for key in self._walks if key not in going_on]:
            walk = self._walks.pop(key)
            for id, sums in walk.sums.items():
                self.entries[id].grads += [(walk.number, output, keep(array, self.full)) for output, array in sums.items()]

    def catch_up(self) -> None:
        """Finish what is over, so that what is read now is whole, though the recording goes on."""
        self.settle()
        self._finish_passes(outer_frames(sys._getframe()))

    @property
    def extent(self) -> tuple[int, int, int]:
        """How far the recording is: its entries, its steps, and the passes that are not over."""
        return len(self.entries), len(self.steps), len(self._walks)

    def close(self) -> None:
        """Finish everything, and let go of what was held to recognise it."""
        self.settle()
        self._finish_passes(set())
        self._unnamed = None
        self._unvisited.clear()
        self.memory.clear()
        self._constants.clear()
