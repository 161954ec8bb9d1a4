"""Which memory was overwritten, and when: so that the graph can refuse to use saved arrays that are no longer what was saved."""

from __future__ import annotations

import weakref
from functools import partial
from typing import Any

from numpy.lib.array_utils import byte_bounds

from minigrad.backends import Array, owner

Span = tuple[int, int]  #: first and one past the last address; None in its place is the whole of a memory


class Overwritten:
    """For each piece of memory that was overwritten and is still alive, which parts of it, and when for the last time."""

    def __init__(self) -> None:
        self.latest = 0.0  #: of all: nodes made later need not look
        self._parts: dict[int, tuple[Any, dict[Span | None, float]]] = {}  # id of a memory's owner -> weak reference to it, parts

    def note(self, array: Array, seq: float) -> None:
        """Note that ``array`` was overwritten at ``seq``."""
        memory = owner(array)
        key = id(memory)
        self.latest = seq
        if key not in self._parts:
            forget = partial(self._parts.pop, key)  # given the reference, its default; a Python function would lose a Ctrl-C
            self._parts[key] = weakref.ref(memory, forget), {}
        parts = self._parts[key][1]
        if array is memory:
            parts.clear()  # it covers all of them
        parts[None if array is memory else span_of(array)] = seq

    def when(self, array: Array) -> float:
        """Return when a part of the memory of ``array`` was overwritten last; 0 if it never was."""
        _, parts = self._parts.get(id(owner(array)), (None, None))
        if not parts:
            return 0.0
        first, end = span_of(array)
        return max((seq for part, seq in parts.items() if part is None or (part[0] < end and first < part[1])), default=0.0)


def span_of(array: Array) -> Span:
    """Return the addresses between which the elements of an array lie."""
    if hasattr(array, "__array_interface__"):
        return byte_bounds(array)
    first: int = array.data.ptr  # on a GPU, where views have steps but no negative ones before their first element
    steps = [(n - 1) * step for n, step in zip(array.shape, array.strides, strict=True) if n]
    return first + sum(s for s in steps if s < 0), first + sum(s for s in steps if s > 0) + array.itemsize


overwritten = Overwritten()
