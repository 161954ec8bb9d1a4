"""Memory that is used again.

A large array that is freed goes back to the operating system, and the next one of its size is paid for with a page
fault for every 4 KB, which costs more than most of what is then done with it. `empty` keeps large blocks and hands
out views of those that nobody refers to any more: a view holds a reference to its block, so the reference count of a
block says when its last view, and whatever graph had saved it, is gone.
"""

from __future__ import annotations

import math
import sys
from _thread import allocate_lock as Lock  # threading is slow to import, and NumPy does without
from typing import Any

import numpy as np

from minigrad.backends import Array, DType

SMALLEST = 1 << 18  #: bytes; the memory of smaller arrays is reused by the C library itself
LIMIT = 1 << 31  #: bytes kept in all; beyond it the blocks least recently asked for are dropped

_blocks: dict[int, list[np.ndarray[Any, Any]]] = {}  # size in bytes -> blocks of that size
_lock = Lock()
_kept = 0


def empty(shape: tuple[int, ...], dtype: DType) -> np.ndarray[Any, Any]:
    """Return an uninitialized array, as ``numpy.empty`` does."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < SMALLEST:
        return np.empty(shape, dtype)
    step = 1 << (size.bit_length() - 3)
    room = -(-size // step) * step  # four sizes to each power of two, so that arrays of nearly one size share blocks
    with _lock:
        block = _unused(room)
        array: np.ndarray[Any, Any] = (_new(room) if block is None else block)[:size].view(dtype).reshape(shape)
        return array


def _unused(room: int) -> Array:
    """Find a block that nobody refers to: of this size, or else of the next up to twice as large."""
    for size in (room, *sorted(size for size in _blocks if room < size <= 2 * room)):
        for block in _blocks.get(size, ()):
            if sys.getrefcount(block) == _UNUSED:
                return block
    return None


def _new(room: int) -> Array:
    """Make a block. It takes the place of smaller ones that are not in use now, whose users will fit into larger ones."""
    global _kept
    _drop_unused(most=room, smaller_than=room)
    block = np.empty(room, np.uint8)
    _blocks.setdefault(room, []).append(block)
    _kept += room
    if _kept > LIMIT:
        _drop_unused()
    return block


def empty_like(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return an uninitialized array of the shape and dtype of ``array``, in C order."""
    return empty(array.shape, array.dtype)


def clear() -> None:
    """Give back all memory that is not in use."""
    with _lock:
        _drop_unused()


def _drop_unused(most: float = math.inf, smaller_than: float = math.inf) -> None:
    """Drop blocks that are not in use, ``most`` bytes of them or a little more."""
    global _kept
    for size in sorted(size for size in _blocks if size < smaller_than):
        in_use = []
        for block in _blocks[size]:
            if most > 0 and sys.getrefcount(block) == _UNUSED:
                most -= size
                _kept -= size
            else:
                in_use.append(block)
        if in_use:
            _blocks[size] = in_use
        else:
            del _blocks[size]


def _count_of_unused() -> int:
    """The reference count that a block has when only the list and the loop variable refer to it."""
    for block in [np.empty(1)]:
        return sys.getrefcount(block)
    raise AssertionError


_UNUSED = _count_of_unused()
