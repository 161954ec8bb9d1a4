"""What nodes save, and in which memory: views of one array share it, and a leaf's is there anyway."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from minigrad.backends import Array, is_array, owner
from minigrad.core.graph import Node
from minigrad.explore.records import Entry, Ref, Saved


class Memory:
    """Numbers memories in the order in which they are met, without holding them."""

    def __init__(self) -> None:
        self._numbers: dict[int, tuple[Any, int]] = {}  # id of a memory's owner -> weak reference to it, number
        self._held: set[int] = set()
        self._count = 0

    def number(self, array: Any) -> int:
        """Return the number of an array's memory; -1 for what is no array."""
        if not is_array(array) or isinstance(array, np.generic):
            return -1
        whole = owner(array)
        key = id(whole)
        if key not in self._numbers:
            self._count += 1
            self._numbers[key] = weakref.ref(whole, partial(self._numbers.pop, key)), self._count
        return self._numbers[key][1]

    def hold(self, array: Any) -> None:
        """Note that a leaf or a constant has the memory of an array, so that a graph that saves it adds nothing."""
        self._held.add(self.number(array))

    def saved_by(self, node: Node, entry: Entry) -> Iterator[Saved]:
        """Describe what a node saves."""
        plan, op = node.plan, node.plan.op
        for name, value in zip(plan.saves, node.saved, strict=True):
            wanted = [i for f in plan.formulas if name in f.saves for i in f.inputs]
            if name in op.inputs and op.variadic:
                parts = [(f"{name}[{i}]", entry.inputs[i], part) for i, part in enumerate(value)]
            elif name in op.inputs:
                parts = [(name, entry.inputs[op.inputs.index(name)], value)]
            elif name in op.outputs:
                parts = [(name, Ref(entry.id, op.outputs.index(name)), value)]
            else:
                parts = []
                yield Saved(name, None, (), "shape", 0, -1, True, wanted)
            for part_name, of, part in parts:
                if is_array(part):
                    yield self._array(part_name, of if isinstance(of, Ref) else None, part, wanted)

    def _array(self, name: str, of: Ref | None, array: Array, wanted: list[str]) -> Saved:
        memory = self.number(array)
        return Saved(name, of, array.shape, array.dtype.name, int(array.nbytes), memory, memory in self._held, wanted)

    def clear(self) -> None:
        """Forget which memory is which."""
        self._numbers.clear()
