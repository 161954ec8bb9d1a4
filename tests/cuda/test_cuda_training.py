"""Whole training steps on the pretended GPU, through the code that launches kernels: few launches, no waiting, the CPU's numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from support.strict import LEDGER, no_sync
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad import nn, optim
from minigrad.nn import functional as F
from minigrad.training.models import cnn

pytestmark = pytest.mark.slow  # whole training steps in the emulator: CI runs them with the other tests of CUDA


@pytest.fixture(autouse=True)
def gpu() -> Iterator[Any]:
    with pretended_gpu() as backend:
        yield backend


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))


def train(model: nn.Module, shape: tuple[int, ...], device: str, steps: int, make: Callable[..., Any]) -> tuple[list[float], list[str]]:
    """Losses of some steps, and the launches of the last."""
    rng = np.random.default_rng(3)
    x, labels = rng.standard_normal((6, *shape)).astype(np.float32), rng.integers(0, 10, 6)
    model = model.to(device)
    optimizer = make(model.parameters())
    data = mg.Tensor(x).to(device), mg.Tensor(labels).to(device)
    losses = []
    for _ in range(steps):
        LEDGER.clear()
        with no_sync():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(data[0]), data[1])
            loss.backward()
            optimizer.step()
        launches = LEDGER.launches
        assert not LEDGER.syncs
        assert not LEDGER.transfers
        losses.append(loss.item())
    return losses, launches


#: model, shape of a sample, and how many launches a step may take
MODELS = {"mlp": (mlp, (64,), 12), "digits cnn": (lambda: cnn((1, 8, 8), 10), (1, 8, 8), 40)}
OPTIMIZERS = {
    "adam": lambda p: optim.Adam(p, lr=1e-2),
    "adamw": lambda p: optim.AdamW(p, lr=1e-2, weight_decay=0.1),
    "sgd": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3),
}


@pytest.mark.parametrize(("name", "optimizer"), [*(("mlp", optimizer) for optimizer in OPTIMIZERS), ("digits cnn", "adam")])
def test_a_training_step_has_few_launches_and_the_numbers_of_the_cpu(name: str, optimizer: str) -> None:
    make_model, shape, most = MODELS[name]
    runs = []
    for device in ("cpu", "cuda"):
        mg.manual_seed(0)
        model = make_model()
        runs.append((train(model, shape, device, 3, OPTIMIZERS[optimizer]), model))
    (expected, _), host = runs[0]
    (losses, launches), model = runs[1]
    np.testing.assert_allclose(losses, expected, rtol=2e-5)
    for (key, value), (_, want) in zip(model.state_dict().items(), host.state_dict().items(), strict=True):
        np.testing.assert_allclose(value.to("cpu").numpy(), want.numpy(), rtol=2e-3, atol=2e-5, err_msg=key)
    assert len(launches) <= most, launches
