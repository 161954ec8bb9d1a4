"""Large blocks of memory are used again once nobody refers to them, and only then."""

from __future__ import annotations

import numpy as np
import pytest

from minigrad.kernels import buffers

MB = 1 << 20


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(buffers, "_blocks", {})
    monkeypatch.setattr(buffers, "_kept", 0)


def kept() -> int:
    held = sum(size * len(blocks) for size, blocks in buffers._blocks.items())
    assert held == buffers._kept
    return held


def address(array) -> int:
    return array.__array_interface__["data"][0]


def test_memory_that_nobody_refers_to_is_used_again():
    x = buffers.empty((MB,), np.uint8)
    first = address(x)
    del x
    y = buffers.empty((MB // 4,), np.float32)
    assert address(y) == first
    view = y[10:]
    del y
    assert address(buffers.empty((MB,), np.uint8)) != first
    view[:] = 1
    assert kept() == 2 * MB


def test_a_larger_block_serves_a_smaller_array_but_not_one_of_less_than_half():
    x = buffers.empty((2 * MB,), np.uint8)
    first = address(x)
    del x
    half = buffers.empty((MB,), np.uint8)
    assert address(half) == first
    del half
    assert address(buffers.empty((MB // 2,), np.uint8)) != first


def test_smaller_blocks_that_are_idle_make_room_for_a_larger_one():
    used, *idle = [buffers.empty((MB,), np.uint8) for _ in range(4)]
    used[:] = 7
    del idle
    large = buffers.empty((2 * MB,), np.uint8)
    large[:] = 1
    assert kept() == 2 * MB + 2 * MB  # the large one, the one in use, one that is idle
    assert (used == 7).all()


def test_a_step_that_repeats_allocates_only_at_first():
    def step():
        small = [buffers.empty((MB,), np.uint8) for _ in range(5)]
        del small
        large = [buffers.empty((3 * MB,), np.uint8) for _ in range(3)]
        middle = [buffers.empty((2 * MB,), np.uint8) for _ in range(4)]
        return [address(a) for a in (*large, *middle)]

    step()
    step()
    before = kept()
    addresses = sorted(step())
    assert kept() == before
    assert sorted(step()) == addresses


def test_beyond_the_limit_what_is_idle_goes(monkeypatch):
    monkeypatch.setattr(buffers, "LIMIT", 3 * MB)
    x = buffers.empty((3 * MB,), np.uint8)
    del x
    y = buffers.empty((MB,), np.uint8)
    assert kept() == MB
    y[:] = 0


def test_small_arrays_and_odd_shapes():
    assert buffers.empty((), np.float64).shape == ()
    assert buffers.empty((0, 5), np.float32).shape == (0, 5)
    assert kept() == 0
    assert buffers.empty((1000, 333, 3), np.float64).flags.c_contiguous
    buffers.clear()
    assert kept() == 0
