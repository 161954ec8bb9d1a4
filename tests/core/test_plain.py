"""``with mg.plain():`` runs what stands in op.py and in the formulas."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.core.op import Op
from minigrad.nn import functional as F

PACKAGE = Path(mg.__file__).parent


def files_entered(run):
    """Files of the package in which a function is called."""
    seen = set()

    def profile(frame, event, _):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            seen.add((str(path.relative_to(PACKAGE)), frame.f_code.co_name))

    sys.setprofile(profile)
    try:
        run()
    finally:
        sys.setprofile(None)
    return seen


def step():
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    x = mg.tensor(np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32), requires_grad=True)
    loss = F.cross_entropy(mg.tanh(model(x) * 2.0), mg.tensor([0, 1, 0, 1, 0, 1]))
    loss.backward()
    return loss, x.grad


def test_no_fast_call_and_no_kernel_runs_and_the_numbers_are_the_same():
    step()  # plans are made once
    with mg.plain():
        entered = files_entered(step)
        plain = step()
    assert ("core/op.py", "__call__") in entered
    assert not [f for f, name in entered if f.startswith("kernels/")]
    assert {name for f, name in entered if f == "core/_fast_calls.py"} <= {"call"}  # which hands on to Op.__call__ at once
    for a, b in zip(plain, step(), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-7)


def test_without_it_both_run():
    entered = files_entered(step)
    assert [f for f, _ in entered if f.startswith("kernels/")]
    assert ("core/_fast_calls.py", "pull") in entered


def test_a_step_into_a_product_lands_in_op():
    x = mg.tensor([2.0], requires_grad=True)
    calls = []

    def trace(frame, event, _):
        calls.append(frame.f_code)

    with mg.plain():
        sys.setprofile(trace)
        try:
            x * x
        finally:
            sys.setprofile(None)
    assert Op.__call__.__code__ in calls[:4]
