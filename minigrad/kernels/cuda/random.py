"""Random numbers on a GPU: the same bits as on the CPU, one launch for as many as are wanted."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.backends import Array
from minigrad.kernels.cuda.launch import blocks_for, launch


def words(backend: Any, generator: Any, first: int, n: int, index: int) -> Array:
    """Return ``n`` words of the stream of ``generator``, from block ``first`` on, as uint64."""
    with backend.xp.cuda.Device(index):
        out = backend.xp.empty(n, dtype=np.uint64)
        launch("mg_random_words", blocks_for(-(-n // 4)), (256,), (out, *_where(backend, generator, first), n), like=out)
        return out


def mask(backend: Any, generator: Any, first: int, shape: tuple[int, ...], p: float, index: int) -> Array:
    """Return booleans that are true with probability ``p``, from block ``first`` of the stream on."""
    with backend.xp.cuda.Device(index):
        out = backend.xp.empty(shape, dtype=np.bool_)
        launch("mg_random_mask", blocks_for(-(-out.size // 8)), (256,), (out, *_where(backend, generator, first), p, out.size), like=out)
        return out


def _where(backend: Any, generator: Any, first: int) -> tuple[Array, ...]:
    """Return what says where in the stream to begin: key, the counter on the device if a step is captured, the counter."""
    seed = generator.state["seed"]
    live = backend.capture.random(generator, first) if backend.capture is not None else None
    return seed & 2**64 - 1, seed >> 64, live, first
