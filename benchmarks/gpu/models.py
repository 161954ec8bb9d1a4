"""What benchmarks/gpu times: models written once for minigrad and PyTorch, whose names are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def mlp(nn: Any) -> Any:
    """784-256-256-10 with batch norm."""
    layers: list[Any] = []
    for a, b in ((784, 256), (256, 256)):
        layers += [nn.Linear(a, b, bias=False), nn.BatchNorm1d(b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(256, 10))


def digits_cnn(nn: Any) -> Any:
    """The network of ``minigrad train digits``."""
    layers: list[Any] = []
    for a, b, pool in ((1, 16, False), (16, 32, True), (32, 32, True)):
        layers += [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), *([nn.MaxPool2d(2)] if pool else [])]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128, 10))


def resnet(nn: Any) -> Any:
    """Eight convolutions with residual connections, for images of 32 by 32."""

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, a: int, b: int, stride: int) -> None:
            super().__init__()
            self.f = nn.Sequential(
                nn.Conv2d(a, b, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
                nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b),
            )  # fmt: skip
            self.fit = nn.Sequential(nn.Conv2d(a, b, 1, stride=stride, bias=False), nn.BatchNorm2d(b)) if stride > 1 else nn.Identity()
            self.relu = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.relu(self.f(x) + self.fit(x))

    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


def attention(nn: Any) -> Any:
    """A transformer block of width 128 on sequences of 64, and a classifier on all of it."""
    block = nn.TransformerEncoderLayer(128, 4, 256, dropout=0.0, batch_first=True)
    return nn.Sequential(block, nn.Flatten(), nn.Linear(64 * 128, 10))


#: name -> model, shape of a sample, size of a batch
TRAINING: dict[str, tuple[Callable[[Any], Any], tuple[int, ...], int]] = {
    "mlp, batch 64": (mlp, (784,), 64),
    "mlp, batch 512": (mlp, (784,), 512),
    "digits cnn, batch 64": (digits_cnn, (1, 8, 8), 64),
    "resnet 32x32, batch 64": (resnet, (3, 32, 32), 64),
    "attention block, batch 32": (attention, (64, 128), 32),
}


def batch(shape: tuple[int, ...], size: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Random inputs and labels of 10 classes."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((size, *shape)).astype(np.float32), rng.integers(0, 10, size)
