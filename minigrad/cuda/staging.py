"""Sending arrays to the device without waiting: through a few pinned buffers, used in turn."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.backends import Array

DEPTH = 4  #: copies of one size that may be under way before the host waits for the oldest


class Staging:
    """Pinned memory to copy from.

    A copy from pinned memory is queued and not waited for, so the memory must stay as it is until the copy has passed:
    an event tells. Copies of one size take turns with ``DEPTH`` buffers.
    """

    def __init__(self, xp: Any) -> None:
        self.xp = xp
        self._rings: dict[int, list[tuple[Any, Any]]] = {}

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
