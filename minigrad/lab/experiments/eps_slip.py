"""Article 3 writes (x - E) / (sqrt(Var) + eps), and 'divided by the variance'. How much does it matter where eps stands?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, columns
from minigrad.lab.nets import digits, net, train
from minigrad.training.panels import Line, Panel


class Outside(nn.BatchNorm1d):
    """Batch norm with eps outside the root."""

    def forward(self, x: Any) -> Any:
        if self.training:
            mean = x.mean(axis=0)
            var = (x - mean).square().mean(axis=0)
            self.update(mean.detach().data, var.detach().data, x.shape[0])
        else:
            mean, var = self.running_mean, self.running_var
        return (x - mean) / (var.sqrt() + self.eps) * self.weight + self.bias


def gradient_is_finite(norm: nn.Module) -> float:
    """Return 1 if the gradient of a constant channel is finite."""
    x = mg.tensor(np.full((60, 1), 3.0, np.float32), requires_grad=True)
    weights = mg.tensor(np.random.default_rng(1).normal(size=(60, 1)).astype(np.float32))
    (g,) = mg.grad((norm(x) * weights).sum(), [x])
    return float(np.isfinite(g.data).all())


def measure(seed: int, s: Settings) -> Row:
    """Compare outputs for channels of small deviation, gradients of a constant channel, and training."""
    z = np.random.default_rng(seed).normal(0, 1, (60, 1))
    z = z / z.std()
    row: Row = {
        "inside": [float(mg.batch_norm(mg.tensor(z * sd), axis=0, eps=1e-5)[0].data.std()) for sd in s["sds"]],
        "outside": [float((z * sd / (sd + 1e-5)).std()) for sd in s["sds"]],
        "by the variance": [float((z * sd / (sd**2 + 1e-5)).std()) for sd in s["sds"]],
    }
    row["largest relative difference, inside and outside"] = max(abs(b / a - 1) for a, b in zip(row["inside"], row["outside"], strict=True))
    row["constant channel, finite gradient, inside"] = gradient_is_finite(nn.BatchNorm1d(1))
    row["constant channel, finite gradient, outside"] = gradient_is_finite(Outside(1))
    for name, norm in (("inside", nn.BatchNorm1d), ("outside", Outside)):
        model = net((64, 64, 64, 10), "sigmoid", norm, start=0.1, seed=seed)
        row[f"accuracy, {name}"] = train(model, digits(), 0.3, s["steps"], seed=seed).last
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw the deviation of the output by that of the input."""
    lines = {
        f"eps {name}" if "side" in name else name: Line(s["sds"], [r[name] for r in rows])
        for name in ("inside", "outside", "by the variance")
    }
    panel = Panel("deviation after normalizing", "deviation of the input", "deviation of the output", lines, log_x=True, log_y=True)
    return Findings(columns(rows), panels=[panel])


EXPERIMENT = Experiment(
    claim="the formula is (x - E) / (sqrt(Var) + eps)",
    source="article 3",
    data="normal samples, float64; 8x8 digits",
    settings={"sds": (1.0, 0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-5), "steps": 300},
    measure=measure,
    conclude=conclude,
    rule=(Condition("largest relative difference, inside and outside", "<=", 0.01),),
    true="Inside the root, eps limits the gain to 316 and keeps the gradient of a constant channel finite; outside, it does not.",
    overstated="That it matters for accuracy: training is the same. Dividing by the variance, as its words have it, is another thing.",
    seconds=1,
)
