"""Which memory was overwritten, and when: so that the graph can refuse to use saved arrays that are no longer what was saved."""

from __future__ import annotations

import weakref
from typing import Any

from minigrad.backends import Array, owner


class Overwritten:
    """For each piece of memory that was overwritten and is still alive, the sequence number of the last time."""

    def __init__(self) -> None:
        self.latest = 0.0  #: of all: nodes made later need not look
        self._when: dict[int, tuple[Any, float]] = {}  # id of a memory's owner -> weak reference to it, sequence number

    def note(self, array: Array, seq: float) -> None:
        """Note that ``array`` was overwritten at ``seq``."""
        memory = owner(array)
        key = id(memory)
        self.latest = seq
        self._when[key] = (weakref.ref(memory, lambda _: self._when.pop(key, None)), seq)

    def when(self, array: Array) -> float:
        """Return when the memory of ``array`` was overwritten last; 0 if it never was."""
        return self._when.get(id(owner(array)), (None, 0.0))[1]


overwritten = Overwritten()
