"""Collectives as ops: derivatives of first to third order are those of one process."""

from __future__ import annotations

import numpy as np
import pytest
from support.derivatives import COLLECTIVES, collective_error

import minigrad as mg
from minigrad.distributed import Stacked, all_reduce, spmd


@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("name", COLLECTIVES)
def test_derivatives_to_third_order(name, size):
    assert max(spmd(size, collective_error, name)) < 1e-13


def test_ranks_as_an_axis_compute_what_ranks_as_threads_do():
    x = np.random.default_rng(0).normal(size=(3, 2, 3))
    stacked = Stacked(3)
    for name in ("all_reduce", "all_gather", "reduce_scatter", "broadcast", "reduce_to"):
        options = {"root": 1} if name in ("broadcast", "reduce_to") else {}
        apart = spmd(3, lambda group, name=name, options=options: getattr(group, name)(x[..., group.rank].copy(), **options))
        np.testing.assert_array_equal(getattr(stacked, name)(x, **options), np.stack(apart, axis=-1), err_msg=name)


def test_a_loss_that_is_already_the_sum_counts_once_for_each_rank():
    """The trap that the docs name: 6 in place of 3 with two ranks."""

    def derivatives(group):
        w = mg.Tensor(np.ones(1), requires_grad=True)
        local = (w * (group.rank + 1.0)).sum()  # the sum over the ranks is w + 2 w
        (right,) = mg.grad([local], [w])
        (wrong,) = mg.grad([all_reduce((w * (group.rank + 1.0)).sum(), group=group)], [w])
        return group.all_reduce(right.data)[0], group.all_reduce(wrong.data)[0]

    assert spmd(2, derivatives) == [(3.0, 6.0)] * 2


def test_collectives_in_backward_come_in_one_order_whatever_the_graph():
    """A random graph whose nodes lie elsewhere in memory on each rank."""

    def run(group):
        rng = np.random.default_rng(0)
        pool = [mg.Tensor(np.random.default_rng([group.rank, i]).normal(size=3), requires_grad=True) for i in range(3)]
        inputs, _others = pool[:3], [object() for _ in range(1000 * group.rank)]
        for k in range(40):
            i, j = rng.integers(len(pool), size=2)
            z = pool[i] * 0.5 + pool[j] * pool[i]
            pool.append(all_reduce(mg.tanh(z), group=group) if k % 2 else z)
        total = sum((p * p).sum() for p in pool[-7:])
        gradients = mg.grad([total], inputs, create_graph=True, allow_unused=True)
        sum((g * g).sum() for g in gradients if g is not None).backward()
        return group.calls

    calls = spmd(3, run, check=True)
    assert calls[0] > 40
    assert len(set(calls)) == 1
