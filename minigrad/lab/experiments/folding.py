"""In inference batch norm is a fixed linear map, and can be part of the layer before it."""

from __future__ import annotations

import time

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.lab.experiment import Condition, Experiment, Row, Settings
from minigrad.lab.nets import digits, net, train


def cnn() -> nn.Sequential:
    """Return a small convolutional net for the 8 x 8 digits."""
    layers = [nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))


def measure(seed: int, s: Settings) -> Row:
    """Train an MLP and a CNN for a little, fold both, and compare outputs and times of a forward pass."""
    row: Row = {"relative difference": 0.0, "batch norms left": 0}
    x = mg.as_tensor(digits().x_test[:64].astype(np.float64))
    for name, model in (("MLP", net((64, 64, 64, 10), norm=nn.BatchNorm1d, start="he", seed=seed)), ("CNN", cnn())):
        train(model, digits(), s["lr"], s["steps"], seed=seed)
        model.to(dtype=np.float64).eval()
        folded = nn.fold_batch_norm(model)
        with mg.no_grad():
            a, b = model(x).data, folded(x).data
            row["relative difference"] = max(row["relative difference"], float(np.abs(a - b).max() / np.abs(a).max()))
            row["batch norms left"] += sum(isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)) for m in folded.modules())
            row[f"speed-up, {name}"] = quickest(model, x, s["repeats"]) / quickest(folded, x, s["repeats"])
    return row


def quickest(model: nn.Module, x: mg.Tensor, repeats: int) -> float:
    """Return the shortest of some forward passes, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        model(x)
        times.append(time.perf_counter() - start)
    return min(times)


EXPERIMENT = Experiment(
    claim="in inference batch norm is a linear map that can be folded away",
    source="paper 3.1; article 2",
    data="8x8 digits, float64",
    settings={"lr": 0.1, "steps": 100, "repeats": 30},
    measure=measure,
    rule=(Condition("relative difference", "<", 1e-12), Condition("batch norms left", "==", 0)),
    true="The folded net computes the same to rounding, without any batch norm, and is quicker.",
    overstated="It holds for a batch norm right behind a linear layer or convolution, not behind an activation.",
    exact=True,
    seconds=2,
)
