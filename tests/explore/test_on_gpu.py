"""A trace of a computation on a GPU, by CuPy's rules through the strict double: equal to that on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
from support.strict_cuda import pretended_gpu
from support.traces import check

import minigrad as mg
from minigrad import nn
from minigrad.core.mode import changed_mode
from minigrad.explore import Trace
from minigrad.nn import functional as F


@pytest.fixture(autouse=True)
def gpu():
    with pretended_gpu(), changed_mode(plain=True):
        yield


def traced(device: str, full: bool) -> Trace:
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 30), nn.BatchNorm1d(30), nn.ReLU(), nn.Linear(30, 5)).to(device)
    inputs, labels = mg.tensor(np.random.default_rng(0).standard_normal((16, 20)), dtype="float32", device=device), np.arange(16) % 5
    with mg.record(full=full, check=2) as trace:
        F.cross_entropy(model(inputs), mg.tensor(labels, device=device)).backward()
    return trace


@pytest.mark.parametrize("full", [False, True])
def test_a_trace_is_that_of_the_cpu(full):
    there, here = traced("cuda", full), traced("cpu", full)
    check(there)
    assert [(n["op"], n["name"], n["module"]) for n in there.document["nodes"]] == [
        (n["op"], n["name"], n["module"]) for n in here.document["nodes"]
    ]
    for one, other in zip(there.document["backward"], here.document["backward"], strict=True):
        np.testing.assert_allclose(one["add"]["data"], other["add"]["data"], rtol=1e-4, atol=1e-7)
    assert any("check" in node for node in there.document["nodes"])
    str(there), there.draw()
