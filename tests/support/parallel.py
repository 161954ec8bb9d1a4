"""Training on parts of batches beside training on the whole ones, in float64: models, data, and how far they are apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import nn, optim
from minigrad.data import DataLoader, TensorDataset
from minigrad.distributed import synchronize
from minigrad.nn import functional as F
from minigrad.random import Generator
from minigrad.training import Trainer

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1),
}


def make_model(bias: bool = True) -> nn.Module:
    """An MLP with batch norm. ``bias``: also before batch norm, where its gradient is rounding alone, which Adam divides by itself."""
    rng = np.random.default_rng(3)
    layers: list[nn.Module] = []
    for a, b in ((20, 32), (32, 32)):
        layers += [nn.Linear(a, b, bias=bias), nn.BatchNorm1d(b), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(32, 10)).double()
    for p in model.parameters():
        p.data[...] = rng.normal(size=p.shape) * 0.3 + (1 if p.ndim == 1 else 0)
    return model


def make_data(n: int = 146) -> TensorDataset:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 20)) + 3
    return TensorDataset(x, (x[:, :10] + rng.normal(size=(n, 10))).argmax(1))


def make_trainer(group: Any, optimizer: str = "SGD", batch: int = 32, bias: bool = True, **options: Any) -> tuple[Trainer, DataLoader]:
    model = make_model(bias)
    if group is not None:
        synchronize(model, group)
    loader = DataLoader(make_data(), batch, shuffle=True, generator=Generator(7), shard=group)
    return Trainer(model, OPTIMIZERS[optimizer](model.parameters()), F.cross_entropy, group=group, **options), loader


def numbers(trainer: Trainer) -> np.ndarray:
    """All parameters and buffers, end to end."""
    return np.concatenate([v.data.reshape(-1).astype(np.float64) for v in trainer.model.state_dict().values()])


def trained(group: Any, *arguments: Any, epochs: int = 10, **options: Any) -> np.ndarray:
    """Parameters and buffers after 50 steps with the usual batches, the last one of each epoch shorter."""
    trainer, loader = make_trainer(group, *arguments, **options)
    trainer.fit(loader, epochs)
    return numbers(trainer)


def distance(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.abs(found - truth).max() / np.abs(truth).max())


def training_errors(group: Any) -> list[tuple[str, float, float]]:
    """What was compared, how far the ranks are from one process, and how far they may be."""
    found = []
    for name, arguments, bound in (
        ("SGD", {"optimizer": "SGD", "clip_norm": 1.0}, 1e-14),
        ("SGD, empty parts", {"optimizer": "SGD", "clip_norm": 1.0, "batch": 36}, 1e-14),
        ("AdamW", {"optimizer": "AdamW", "clip_norm": 1.0}, 1e-11),
        # 3.2e-13 to 2.5e-12 over OpenBLAS's kernels for SkylakeX, Haswell and Nehalem, with Numba's loops and without
        ("AdamW without biases before batch norm", {"optimizer": "AdamW", "clip_norm": 1.0, "bias": False}, 1e-11),
    ):
        mine = trained(group, **arguments)
        found.append((name, distance(mine, trained(None, **arguments)), bound))
        every = group.all_gather(mine)
        found.append((f"{name}: bits on other ranks", float(np.abs(every - every[0]).max()), 0.0))
    return found
