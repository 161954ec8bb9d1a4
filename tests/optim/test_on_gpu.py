"""Optimizers on the pretended GPU: the CPU's numbers, without waiting for the device."""

import numpy as np
import pytest
from support.strict import LEDGER, no_sync
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad import nn, optim
from minigrad.data import DataLoader, TensorDataset
from minigrad.nn import functional as F
from minigrad.random import Generator
from minigrad.training import Trainer

SHAPES = [(3, 4), (5,), ()]
CASES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "maximize": True}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {}),
    ("RMSprop", {"centered": True, "momentum": 0.9}),
    ("Adagrad", {}),
    ("Adadelta", {}),
    ("Adamax", {}),
    ("NAdam", {}),
    ("RAdam", {}),
    ("Lion", {}),
    ("Muon", {}),
    ("Adafactor", {"weight_decay": 0.1}),
    ("ASGD", {"t0": 2}),
    ("Rprop", {}),
]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_steps(name, options):
    shapes = SHAPES[:1] if name == "Muon" else SHAPES
    with pretended_gpu():
        values = []
        for device in ("cpu", "cuda"):
            rng = np.random.default_rng(0)
            params = [mg.tensor(rng.normal(size=s)).to(device).requires_grad_() for s in shapes]
            optimizer, ema = getattr(optim, name)(params, **options), optim.EMA(params, 0.5)
            for t in range(7):
                grads = [mg.tensor(np.cos(t + i) + np.ones(s)).to(device) for i, s in enumerate(shapes)]
                LEDGER.clear()
                with no_sync():
                    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
                        p.grad = None if (t, i) == (3, 0) and len(shapes) > 1 else g
                    optim.clip_grad_norm_(params, 1.0)
                    optim.clip_grad_value_(params, 0.3)
                    optimizer.step()
                    ema.update()
                assert not LEDGER.transfers
            values.append([p.to("cpu").detach().numpy() for p in params])
            again = getattr(optim, name)(params, **options)
            again.load_state_dict(optimizer.state_dict())
            assert all(s["step"] in (6, 7) for s in again.state.values())
        for host, device in zip(*values, strict=True):
            np.testing.assert_allclose(device, host, atol=1e-12)


@pytest.mark.parametrize("on_device", [False, True], ids=["data on the host", "data on the GPU"])
def test_a_whole_run(on_device, tmp_path):
    """Loader, trainer, checkpoint and resume; in a step nothing waits and nothing but the batch is moved."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 4)).astype(np.float32), rng.integers(0, 3, 60)

    def make():
        mg.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)).to("cuda")
        arrays = [mg.Tensor(a).to("cuda") for a in (x, y)] if on_device else [x, y]
        loader = DataLoader(TensorDataset(*arrays), 20, shuffle=True, generator=Generator(0), device="cuda")
        return Trainer(model, optim.Adam(model.parameters(), 0.01), F.cross_entropy, folder=tmp_path), loader

    with pretended_gpu():
        whole, loader = make()
        history = whole.fit(loader, 4)
        first, loader = make()
        first.fit(loader, 2)
        second, loader = make()
        second.resume(tmp_path / "last.ckpt", loader)
        assert second.fit(loader, 4) == history
        for p, q in zip(whole.model.parameters(), second.model.parameters(), strict=True):
            assert p.device.kind == "cuda"
            np.testing.assert_array_equal(p.to("cpu").detach().numpy(), q.to("cpu").detach().numpy())
