"""Groups: what collectives return, and what happens when ranks do not do the same."""

from __future__ import annotations

import re
import threading

import numpy as np
import pytest
from hypothesis import given, strategies as st

import minigrad as mg
from minigrad.distributed import Alone, DesyncError, Stacked, all_reduce, spmd, sync_batch_norm

SHAPES = st.lists(st.integers(0, 3), max_size=3).map(tuple)
DTYPES = st.sampled_from(["float16", "float32", "float64", "int32", "complex64"])


@given(size=st.integers(1, 4), shape=SHAPES, dtype=DTYPES)
def test_what_collectives_return(size, shape, dtype):
    xs = [(np.random.default_rng(r).normal(size=(size, *shape)) * 9).astype(dtype) for r in range(size)]
    total = np.sum(np.stack(xs), axis=0, dtype=dtype)

    def run(group):
        x = xs[group.rank]
        results = [group.all_reduce(x), group.all_gather(x), group.reduce_scatter(x), group.broadcast(x, size - 1), group.reduce_to(x)]
        np.testing.assert_array_equal(results[1], np.stack(xs))
        np.testing.assert_array_equal(results[3], xs[-1])
        for found, expected in ((results[0], total), (results[2], total[group.rank]), (results[4], total * (group.rank == 0))):
            assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
            np.testing.assert_allclose(
                found, expected, rtol=1e-2 if dtype == "float16" else 1e-5, atol=1e-1 if dtype == "float16" else 1e-4
            )
        if np.dtype(dtype).kind != "c":
            np.testing.assert_array_equal(group.all_reduce(x, "max"), np.max(np.stack(xs), axis=0))
            np.testing.assert_array_equal(group.all_reduce(x, "min"), np.min(np.stack(xs), axis=0))
        assert all(not np.shares_memory(result, x) for result in results)
        return group.all_reduce_(x.copy())

    assert len({found.tobytes() for found in spmd(size, run)}) == 1


def test_arguments_may_be_overwritten_as_soon_as_a_collective_returns():
    """Threads share memory: without copies one rank would read what another has already made of its own array."""

    def run(group):
        x = np.full(1000, float(group.rank + 1))
        for _ in range(50):
            group.all_reduce_(x)
        return x[0]

    assert spmd(2, run) == [3.0 * 2.0**49] * 2


def test_words_parts_and_order():
    def run(group):
        group.barrier()
        group.agree("model", 12)
        assert group.exchange(("rank", group.rank)) == [("rank", r) for r in range(3)]
        return group.part(list(range(8))), group.main, repr(group)

    parts = spmd(3, run)
    assert [part for part, _, _ in parts] == [[0, 1], [2, 3, 4], [5, 6, 7]]
    assert [main for _, main, _ in parts] == [True, False, False]
    assert parts[1][2] == "<ThreadGroup rank 1 of 3>"


@given(n=st.integers(0, 40), size=st.integers(1, 7))
def test_parts_are_all_items_once_and_differ_by_one_at_most(n, size):
    parts = []
    for rank in range(size):
        group = Alone()
        group.rank, group.size = rank, size
        parts.append(group.part(range(n)))
    assert [i for part in parts for i in part] == list(range(n))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_split():
    def run(group):
        part = group.split(group.rank % 2)
        total = part.all_reduce(np.array([float(group.rank)]))[0]
        return part.rank, part.size, total, group.all_reduce(np.array([1.0]))[0]

    assert spmd(5, run) == [(0, 3, 6.0, 5.0), (0, 2, 4.0, 5.0), (1, 3, 6.0, 5.0), (1, 2, 4.0, 5.0), (2, 3, 6.0, 5.0)]


def test_a_group_of_one_is_the_same_program():
    group, x = Alone(), np.arange(3.0)
    np.testing.assert_array_equal(group.all_reduce(x), x)
    assert group.all_gather(x).shape == (1, 3)
    assert group.exchange("x") == ["x"]
    assert group.split(7) is group
    group.agree("anything")
    assert group.main


# ---------------------------------------------------------------------------------------------- ranks that are not alike


def setup(group, needs=True):
    x = np.random.default_rng(group.rank).normal(size=(4, 3))
    return mg.Tensor(x, requires_grad=needs), mg.Tensor(np.ones(3), requires_grad=needs)


def a_loss_that_leaves_out_the_batch_norm(group):
    x, w = setup(group)
    y = sync_batch_norm(x, w, axis=0, group=group)[0]
    ((x if group.rank == 1 else y) ** 2).sum().backward()
    group.all_reduce(x.data)


def nothing_needs_a_gradient_on_one_rank(group):
    x, w = setup(group, needs=group.rank == 0)
    y = sync_batch_norm(x, w, axis=0, group=group)[0]
    if group.rank == 0:
        (y**2).sum().backward()
    group.all_reduce(x.data)


def swapped(group):
    a, b = np.full(3, 1.0), np.full(3, 10.0)
    if group.rank == 0:
        return group.all_reduce(a)[0], group.all_reduce(b)[0]
    second = group.all_reduce(b)[0]
    return group.all_reduce(a)[0], second


def another_collective(group):
    (group.all_reduce if group.rank == 0 else group.all_gather)(np.ones(3))


def another_root(group):
    group.broadcast(np.ones(3), root=group.rank)


def other_sizes(group):
    group.all_reduce(np.ones(3 + group.rank))


def other_dtypes(group):
    group.all_reduce(np.ones(3, "f4" if group.rank else "f8"))


def fewer_batches(group):
    for _ in range(3 + (group.rank == 0)):
        group.all_reduce(np.ones(3))


HAZARDS = [
    a_loss_that_leaves_out_the_batch_norm, nothing_needs_a_gradient_on_one_rank, another_collective, another_root, other_sizes,
    other_dtypes, fewer_batches,
]  # fmt: skip


@pytest.mark.parametrize("check", [True, False], ids=["check", "no check"])
@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda f: f.__name__)
def test_a_difference_between_ranks_is_noticed(hazard, check):
    with pytest.raises(DesyncError, match=r"rank 0: .*rank 1: "):
        spmd(2, hazard, check=check)


def test_two_equal_collectives_that_are_swapped_are_told_apart_by_where_they_are_called():
    with pytest.raises(DesyncError) as caught:
        spmd(2, swapped, check=True)
    lines = re.findall(r"test_group.py:(\d+)", str(caught.value))
    assert len(set(lines)) == 2, "both places in the user's code are shown"


def test_without_check_that_is_the_one_difference_that_stays_silent():
    """The sums of a and b are mixed up: 11 in place of 2. This is what the documentation says."""
    assert spmd(2, swapped, check=False) == [(11.0, 11.0)] * 2


def test_a_backward_pass_is_placed_where_it_was_called():
    with pytest.raises(DesyncError) as caught:
        spmd(2, a_loss_that_leaves_out_the_batch_norm, check=True)
    assert "all_reduce #2 of float64[5, 3]" in str(caught.value)
    assert str(caught.value).count("test_group.py:") == 2


def test_the_first_error_is_raised_and_not_what_follows_from_it():
    def run(group):
        group.all_reduce(np.ones(3))
        if group.rank == 1:
            raise ZeroDivisionError("on rank 1 only")
        group.all_reduce(np.ones(3))

    with pytest.raises(ZeroDivisionError) as caught:
        spmd(3, run)
    assert caught.value.__notes__ == ["on rank 1 of 3"]


def test_collectives_belong_to_one_thread():
    def run(group):
        found = []

        def elsewhere():
            try:
                group.all_reduce(np.ones(2))
            except RuntimeError as error:
                found.append(str(error))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return found[0], group.calls

    for message, calls in spmd(2, run):
        assert message.startswith("all_reduce: collectives belong to the thread that made the group")
        assert calls == 0


def test_after_a_refused_call_nothing_has_been_sent():
    def run(group):
        with pytest.raises(ValueError, match="reduce_scatter: x of shape"):
            group.reduce_scatter(np.ones(5))
        with pytest.raises(ValueError, match="not contiguous"):
            group.all_reduce_(np.ones((3, 4))[:, ::2])
        with pytest.raises(TypeError, match=r"all_reduce: x must be an array, not a Tensor; minigrad.distributed.all_reduce takes"):
            group.all_reduce(mg.ones(3))
        with pytest.raises(ValueError, match="op='mean' is none of sum, max, min"):
            group.all_reduce(np.ones(3), "mean")
        return group.calls

    assert spmd(2, run) == [0, 0]


def test_the_op_takes_tensors_and_arrays():
    x = np.arange(6.0).reshape(3, 2)
    assert isinstance(all_reduce(mg.Tensor(x), group=Stacked(2)), mg.Tensor)
    assert isinstance(all_reduce(x, group=Stacked(2)), np.ndarray)


def test_spmd_needs_a_rank():
    with pytest.raises(ValueError, match="size=0 must be at least 1"):
        spmd(0, lambda group: None)
