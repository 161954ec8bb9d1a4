"""Every layer and loss runs on CuPy's rules, forward and backward, equal to NumPy's, and without waiting for the device."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support.strict import LEDGER, no_sync
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad.core.mode import changed_mode
from minigrad.gradcheck.samples.layers import LAYERS


@pytest.fixture(autouse=True)
def gpu() -> Iterator[None]:
    with pretended_gpu():
        LEDGER.clear()
        yield


def run(module: Any, sample: Any, device: str) -> list[np.ndarray]:
    """Outputs, gradients of inputs and parameters, computed on a device."""
    module = copy.deepcopy(module).to(device)
    args = [mg.tensor(a, device=device, requires_grad=a.dtype.kind == "f") if isinstance(a, np.ndarray) else a for a in sample.args]
    mg.manual_seed(0)
    with no_sync():
        out = module(*args)
    outputs = [y for y in (out if isinstance(out, tuple) else (out,)) for y in (y if isinstance(y, tuple) else (y,))]
    floats = [y for y in outputs if y.requires_grad]
    for k, y in enumerate(floats):
        assert y.device.kind == device
        cotangent = np.random.default_rng(k).standard_normal(y.shape)
        y.backward(mg.tensor(cotangent, device=device), retain_graph=True)
    grads = [t.grad for t in [*args, *module.parameters()] if isinstance(t, mg.Tensor)]
    return [t.to("cpu").detach().numpy() for t in [*outputs, *grads] if t is not None]


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_a_layer_runs_on_the_device_and_equals_numpy(name: str) -> None:
    with changed_mode(plain=True):
        for sample in LAYERS[name](np.random.default_rng(0)):
            module = sample.make().double()
            expected, found = run(module, sample, "cpu"), run(module, sample, "cuda")
            assert len(found) == len(expected)
            for got, want in zip(found, expected, strict=True):
                np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12, err_msg=repr(sample))
