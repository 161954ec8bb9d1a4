"""Backward passes that are going on, told apart by the frame of the walk and by its order, from new nodes to old."""

from __future__ import annotations

from types import FrameType
from typing import Any


class Walk:
    """A backward pass that is going on."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.last = float("inf")  #: the sequence number of the node visited last
        self.positions: set[int] = set()  #: the inputs for which its formulas have returned
        self.sums: dict[int, dict[int, Any]] = {}  #: entry -> output -> the sum of the contributions so far

    def is_over(self, seq: float, position: int | None = None) -> bool:
        """Tell whether a visit to that node cannot belong to this walk, which goes from new to old."""
        return seq > self.last or (seq == self.last and position in self.positions)


def equal(a: Any, b: Any) -> bool:
    """Tell whether two arrays hold the same numbers, where NaN is the same as NaN."""
    return a is b or (a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all()))


def outer_frames(frame: FrameType) -> set[int]:
    """Return the ids of the frames that called this one."""
    found, outer = set(), frame.f_back
    while outer is not None:
        found.add(id(outer))
        outer = outer.f_back
    return found
