"""A guard against slowness that does not wobble: counts of nodes, Python calls and large allocations, never seconds.

A limit here is what a step takes now, with little room. One that fails names what grew; raise it only with a reason.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.core.graph import newest_first
from minigrad.core.op import OPS
from minigrad.nn import functional as F


@pytest.fixture(autouse=True)
def without_cuda(monkeypatch):
    """Count as in a process that has not loaded CUDA, which an earlier test may have done."""
    monkeypatch.setattr(import_module("minigrad.core.op"), "KINDS", {"cpu"})  # minigrad.op, as an attribute, is the decorator
    removed = {op: {key: op.kernels.pop(key) for key in list(op.kernels) if key[0] != "cpu"} for op in OPS.values()}
    for op in removed:
        op.plans.clear()
    yield
    for op, kernels in removed.items():
        op.kernels.update(kernels)
        op.plans.clear()


def network():
    layers = [nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(8 * 14 * 14, 10))


def training_step(model, batch, *shape):
    x = mg.Tensor(np.random.default_rng(0).standard_normal((batch, *shape)).astype(np.float32))
    labels = mg.Tensor(np.arange(batch) % 10)
    optimizer = optim.SGD(model.parameters(), lr=0.01)

    def step():
        optimizer.zero_grad()
        F.cross_entropy(model(x), labels).backward()
        optimizer.step()

    return step


def calls_in(step) -> int:
    """Count calls of Python functions that are defined in minigrad."""
    inside, count = str(Path(mg.__file__).parent), 0

    def profile(frame, event, _):
        nonlocal count
        count += event == "call" and frame.f_code.co_filename.startswith(inside)

    gc.collect()  # what earlier tests left behind is freed now, and not while counting
    gc.disable()
    sys.setprofile(profile)
    try:
        step()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def nodes_before(y: mg.Tensor) -> int:
    return len(newest_first([y.node]))


def peak_of(step) -> int:
    """Bytes that a step allocates at most at once, beyond what is there before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        step()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


# ------------------------------------------------------------------------------------------------------ Python calls


@pytest.mark.parametrize(("op", "arity"), [(mg.tanh, 1), (mg.multiply, 2)])
def test_calls_of_an_op_forward(op, arity):
    x = mg.Tensor(np.ones((4, 4)), requires_grad=True)
    op(*[x] * arity)  # the first call makes a plan
    assert calls_in(lambda: op(*[x] * arity)) <= 2  # the call and the op's function


def test_calls_of_an_op_backward():
    def chain(n):
        y = x
        for _ in range(n):
            y = y * 1.0
        return y.sum()

    x = mg.Tensor(np.ones((4, 4)), requires_grad=True)
    short, long = (calls_in(chain(n).backward) for n in (100, 200))
    assert (long - short) / 100 <= 2  # what runs the op's formulas, and the formula


def test_calls_of_a_training_step():
    model = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 10))
    step = training_step(model, 8, 20)
    step()
    # one for each op that the walk runs, in as much time as when it ran simple formulas itself; two for the dtype of each of five results
    assert calls_in(step) <= 300


def test_calls_of_a_training_step_with_convolution():
    step = training_step(network(), 4, 1, 28, 28)
    step()
    # thirty for the dtypes of results and for masks by bits, in 0.97 (0.94-1.02) of the time before
    assert calls_in(step) <= 875


# ------------------------------------------------------------------------------------------------------------ passes


def test_a_network_is_few_nodes():
    model, x = network(), mg.Tensor(np.zeros((4, 1, 28, 28), np.float32))
    ops = 5 + 1  # convolution, batch norm with ReLU and its output, pooling and its output, flatten, linear
    assert nodes_before(model(x)) - len(list(model.parameters())) <= ops + 1


# -------------------------------------------------------------------------------------------------- large allocations


@pytest.mark.parametrize(
    ("make", "arrays"),
    [
        (lambda x: F.max_pool2d(x, 2), 1.5),
        (lambda x: nn.Sequential(nn.BatchNorm2d(8), nn.ReLU())(x), 3.5),
        (lambda x: F.softmax(x, -1), 2.5),
        (lambda x: x[:, :4], 1.5),
    ],
    ids=["pooling", "batch norm and ReLU", "softmax", "slice"],
)
def test_memory_of_an_op(make, arrays):
    """At its peak a forward and a backward pass hold this many arrays of the size of x, its gradient and results included."""
    x = mg.Tensor(np.random.default_rng(0).standard_normal((16, 8, 64, 64)).astype(np.float32), requires_grad=True)

    def step():
        y = make(x)
        g = np.broadcast_to(np.float32(1), y.shape)
        y.backward(g)
        x.grad = None

    step()  # what is loaded or compiled at the first call is no memory of the op
    mg.kernels.buffers.clear()
    assert peak_of(step) <= (arrays + 0.5) * x.data.nbytes


def test_later_steps_allocate_nothing_as_large_as_an_activation():
    step = training_step(network(), 64, 1, 28, 28)
    step()
    step()
    assert peak_of(step) < 64 * 8 * 28 * 28 * 4
