"""Collectives in captured steps: kept, in order, once, with the bits of the eager steps; or the step is refused."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.backends import CaptureError
from minigrad.core.mode import changed_mode
from minigrad.distributed import GradientReducer, all_reduce, spmd, sync_batch_norm, synchronize


def five_steps(group, make, captured):
    """Results of five steps, parameters and buffers, and how many collectives were made in the last step."""
    model, step = make(group)
    run = mg.capture(step) if captured else step
    results = []
    for k in range(5):
        before = group.calls
        results.append(run(mg.Tensor(np.random.default_rng([k, group.rank]).normal(size=(6, 3)))).data.copy())
    state = [v.data.copy() for v in model.state_dict().values()]
    return results, state, group.calls - before


def sums(group):
    model = nn.Linear(3, 3).double()
    model.load_state_dict({"weight": mg.Tensor(np.eye(3)), "bias": mg.Tensor(np.ones(3))})
    optimizer = optim.SGD(model.parameters(), lr=0.01)

    def step(x):
        optimizer.zero_grad()
        y = all_reduce(model(x), group=group)
        (y * y).sum().backward()
        all_reduce(x, group=group)  # whose result nobody reads, and which the other ranks wait for
        optimizer.step()
        return y

    return model, step


def statistics(group):
    model = nn.Linear(3, 3).double()
    model.load_state_dict({"weight": mg.Tensor(np.eye(3)), "bias": mg.Tensor(np.ones(3))})
    optimizer = optim.SGD(model.parameters(), lr=0.01)

    def step(x):
        optimizer.zero_grad()
        y, mean, _, _ = sync_batch_norm(model(x), axis=0, group=group)
        ((y**3).sum() + mean.sum()).backward()
        optimizer.step()
        return y

    return model, step


@pytest.mark.parametrize("kernels", [True, False], ids=["kernels", "formula"])
@pytest.mark.parametrize("make", [sums, statistics])
def test_captured_steps_have_the_bits_and_the_messages_of_eager_ones(make, kernels):
    def both(group):
        with changed_mode(plain=not kernels):
            return five_steps(group, make, False), five_steps(group, make, True)

    for eager, captured in spmd(2, both, check=True):
        for a, b in zip([*eager[0], *eager[1]], [*captured[0], *captured[1]], strict=True):
            np.testing.assert_array_equal(a, b)
        assert eager[2] == captured[2]


def test_a_step_with_the_reducer_is_refused_on_all_ranks():
    """It looks at its flags to know which parameters have a gradient anywhere."""

    def reduced(group):
        model = synchronize(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), group).double()
        optimizer = optim.SGD(model.parameters(), lr=0.01)
        reduce = GradientReducer(optimizer, group)

        def step(x):
            optimizer.zero_grad()
            y = model(x)
            y.sum().backward()
            reduce()
            optimizer.step()
            return y

        return model, step

    def run(group):
        with pytest.raises(CaptureError):
            five_steps(group, reduced, True)

    spmd(2, run)
