"""Groups: calls that go over the same elements, which become one nest of loops."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from minigrad.replay.program import Call, Ref, Storage, changed


class Group:
    """Calls over the same elements, which become one nest of loops."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.calls: list[Call] = []
        self._read: dict[Storage, set[Ref]] = {}
        self._written: dict[Storage, set[Ref]] = {}
        self._summed: set[Storage] = set()

    def fitted(self, call: Call) -> Call | None:
        """Return a call as it may join, perhaps with its elements seen in the group's shape; None if it may not."""
        if shape_of(call) != self.shape:
            call = _seen_as(call, self.shape) or call
        return call if self._takes(call) else None

    def _takes(self, call: Call) -> bool:
        """Tell whether a call may join: what it reads must be in registers or untouched, what it writes unread elsewhere."""
        if shape_of(call) != self.shape:
            return False
        for ref in call.reads:
            written = self._written.get(ref.storage)
            if ref.storage in self._summed or (written is not None and (written != {ref} or ref.shape != self.shape)):
                return False
        for ref in call.results:
            if ref.storage in self._summed:
                return False
            for known in (self._read.get(ref.storage), self._written.get(ref.storage)):
                if known is not None and (known != {ref} or call.kind == "reduce"):
                    return False
        return True

    def add(self, call: Call) -> None:
        """Take a call in."""
        self.calls.append(call)
        for ref in call.reads:
            self._read.setdefault(ref.storage, set()).add(ref)
        for ref in call.results:
            self._written.setdefault(ref.storage, set()).add(ref)
            if call.kind == "reduce":
                self._summed.add(ref.storage)

    @property
    def summed(self) -> set[Storage]:
        """Storages of sums, which are complete only after the loops."""
        return self._summed


def _seen_as(call: Call, shape: tuple[int, ...]) -> Call | None:
    """Return an elementwise call over another shape of as many elements, where these lie one after the other; None if they do not."""
    if call.kind == "reduce" or call.outs[0].size != math.prod(shape):
        return None
    n, refs = call.outs[0].size, [*call.reads, *call.results]
    if not all(ref.size == 1 or (ref.size == n and ref.is_contiguous) for ref in refs) or n == 1:
        return None

    def seen(value: Any) -> Any:
        if not isinstance(value, Ref):
            return value
        return (
            value._replace(shape=(), strides=()) if value.size == 1 else value._replace(shape=shape, strides=contiguous(shape, value.dtype))
        )

    return replace(call, args=changed(call.args, seen), outs=[seen(out) for out in call.outs])


def contiguous(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Return the strides of elements in C order."""
    strides, step = [], dtype.itemsize
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def shape_of(call: Call) -> tuple[int, ...]:
    """Return the shape over which a call goes."""
    shape: tuple[int, ...] = call.args[0].shape if call.kind == "reduce" else call.outs[0].shape
    return shape


def reduced_axes(call: Call) -> tuple[int, ...]:
    """Return the axes along which a call sums, or finds the largest."""
    rank, axis = len(call.args[0].shape), call.args[1]
    return tuple(range(rank)) if axis is None else tuple([a % rank for a in (axis if isinstance(axis, tuple) else (axis,))])
