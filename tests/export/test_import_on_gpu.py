"""An imported model runs on CuPy's rules, forward and backward, equal to NumPy's, and without waiting for the device."""

from __future__ import annotations

import numpy as np
import pytest
from support.strict import LEDGER, no_sync
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad.core.mode import changed_mode

pytest.importorskip("onnx", reason="needs the extra onnx")

from .test_import import LAYERS, file_of, imported


@pytest.mark.parametrize("name", LAYERS)
def test_an_imported_layer_runs_on_the_device_and_equals_numpy(name, tmp_path):
    model = imported(file_of(name), tmp_path).double()
    inputs = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in LAYERS[name].inputs]

    moved: list[int] = []

    def run(device):
        model.to(device).zero_grad()
        args = [mg.tensor(x, device=device, requires_grad=x.dtype.kind == "f") for x in inputs]
        LEDGER.clear()
        with no_sync():
            out = model(*args)
        moved.append(len(LEDGER.transfers))
        outputs = out if isinstance(out, tuple) else (out,)
        sum((y * y).sum() for y in outputs).backward()
        grads = [t.grad for t in (*args, *model.parameters())]
        return [t.to("cpu").detach().numpy() for t in (*outputs, *grads) if t is not None]

    with pretended_gpu(), changed_mode(plain=True):
        expected, found = run("cpu"), run("cuda")
        for got, want in zip(found, expected, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
        run("cuda")
        assert moved[-1] == 0, "constants are there already"
