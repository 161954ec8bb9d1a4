"""Sending arrays and numbers to the device without waiting: through a few pinned buffers, used in turn."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.backends import Array

DEPTH = 4  #: copies of one size that may be under way before the host waits for the oldest
MOST_NUMBERS = 4096  #: that a recorded step can be told anew


class Staging:
    """Pinned memory to copy from.

    A copy from pinned memory is queued and not waited for, so the memory must stay as it is until the copy has passed:
    an event tells. Copies of one size take turns with ``DEPTH`` buffers, which go back to CuPy, and so perhaps to another
    copy, when all have passed.
    """

    def __init__(self, xp: Any) -> None:
        self.xp = xp
        self._rings: dict[int, list[tuple[Any, Any]]] = {}
        weakref.finalize(self, _wait_for, self._rings).atexit = False

    def send(self, place: Array, values: np.ndarray[Any, Any]) -> None:
        """Copy host values to ``place``, an array of their shape and dtype on the current device."""
        if not values.nbytes:
            return
        ring = self._rings.setdefault(values.nbytes, [])
        if len(ring) < DEPTH:
            memory, event = self.xp.cuda.alloc_pinned_memory(values.nbytes), self.xp.cuda.Event()
        else:
            memory, event = ring.pop(0)
            event.synchronize()  # passed long ago, unless the host is DEPTH steps ahead
        ring.append((memory, event))
        staged = np.frombuffer(memory, values.dtype, values.size).reshape(values.shape)
        staged[...] = values
        stream = self.xp.cuda.get_current_stream()
        place.set(staged, stream=stream)
        event.record(stream)


def _wait_for(rings: dict[int, list[tuple[Any, Any]]]) -> None:
    for ring in rings.values():
        for _, event in ring:
            event.synchronize()


class LiveNumbers:
    """Numbers that kernels read from the device because they change from step to step, side by side: one copy sends them all."""

    def __init__(self, xp: Any) -> None:
        self._block = xp.empty(MOST_NUMBERS, dtype=np.float64)
        self._sources: list[tuple[slice, np.dtype[Any], Callable[[], Sequence[float]]]] = []
        self._used = 0

    def place(self, dtype: Any, numbers: Callable[[], Sequence[float]]) -> Array:
        """Return an array of a type of 8 bytes, which will hold ``numbers()`` of the moment whenever `send` is called."""
        span = slice(self._used, self._used + len(numbers()))
        if span.stop > MOST_NUMBERS:
            raise RuntimeError(f"a step has more than {MOST_NUMBERS} numbers that change, such as learning rates and random counters")
        self._used = span.stop
        self._sources.append((span, np.dtype(dtype), numbers))
        return self._block[span].view(dtype)

    def send(self, staging: Staging) -> None:
        """Write the numbers of the moment."""
        values = np.empty(self._used)
        for span, dtype, numbers in self._sources:
            values[span].view(dtype)[...] = numbers()
        staging.send(self._block[: self._used], values)
