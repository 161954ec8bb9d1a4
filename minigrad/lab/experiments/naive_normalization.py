"""Normalizing outside the gradient: u + (b + db) - E[u + (b + db)] = u + b - E[u + b], so b grows and the loss stays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import minigrad as mg
from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings
from minigrad.lab.nets import digits
from minigrad.training.panels import Line, Panel

#: name -> how z = Wx + b is normalized
WAYS = {
    "mean outside": lambda z: z - z.mean(axis=0).detach(),
    "mean and sd outside": lambda z: (z - z.mean(axis=0).detach()) / (z.var(axis=0).detach() + 1e-5).sqrt(),
    "mean in the graph": lambda z: z - z.mean(axis=0),
    "batch norm": lambda z: mg.batch_norm(z, axis=0, eps=1e-5)[0],
}
#: (way, whether W is learned too)
CELLS = (
    ("mean outside", False),
    ("mean outside", True),
    ("mean and sd outside", False),
    ("mean in the graph", True),
    ("batch norm", True),
)


def descend(way: str, learn_w: bool, seed: int, s: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Return |b| and the loss after each step of gradient descent on 200 raw digits and targets with a mean of 1."""
    x = mg.tensor(digits().x[:200].astype(np.float64))
    target = mg.tensor(np.random.default_rng(seed).normal(1.0, 1.0, (200, 8)))
    w, b = np.random.default_rng(seed + 1).normal(0, 0.1, (64, 8)), np.zeros(8)
    sizes, losses = [], []
    for _ in range(s["steps"]):
        wt, bt = mg.tensor(w, requires_grad=True), mg.tensor(b, requires_grad=True)
        loss = (WAYS[way](x @ wt + bt) - target).square().mean()
        gw, gb = mg.grad(loss, [wt, bt])
        w, b = w - s["lr"] * gw.data * learn_w, b - s["lr"] * gb.data
        sizes.append(float(np.abs(b).max()))
        losses.append(loss.item())
    return np.array(sizes), np.array(losses)


def measure(seed: int, s: Settings) -> Row:
    """Learn b alone, as in the paper's example, and W with it; with each way to normalize."""
    half, t = s["steps"] // 2, np.arange(1, s["steps"] + 1)
    row: Row = {"b": {}}
    for way, learn_w in CELLS:
        sizes, losses = descend(way, learn_w, seed, s)
        name = f"{way}, {'W and b' if learn_w else 'b alone'}"
        row["b"][name] = sizes[19::20].tolist()
        row[f"{name}: |b| at the end"] = float(sizes[-1])
        row[f"{name}: loss gained"] = float(losses[-1] - losses[half])
        if sizes[-1] > 1e-6:
            row[f"{name}: exponent"] = float(np.polyfit(np.log(t[half:]), np.log(sizes[half:]), 1)[0])
    plain, divided = "mean outside, b alone", "mean and sd outside, b alone"
    row[f"{plain}: |exponent - 1|"] = abs(row[f"{plain}: exponent"] - 1)
    row[f"{plain}: |loss gained|"] = abs(row[f"{plain}: loss gained"])
    row["dividing too: growth of b, times"] = row[f"{divided}: |b| at the end"] / row[f"{plain}: |b| at the end"]
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw |b|, which is a straight line of slope 1 where the normalization is outside."""
    x = np.arange(20, s["steps"] + 1, 20).tolist()
    lines = {name: Line(x, [row["b"][name] for row in rows]) for name in rows[0]["b"] if rows[0]["b"][name][-1] > 1e-6}
    names = [name for name in rows[0] if name != "b"]
    panel = Panel("the bias of a layer normalized outside the gradient", "step", "largest |b|", lines, log_x=True, log_y=True)
    return Findings({name: [row[name] for row in rows] for name in names}, panels=[panel])


EXPERIMENT = Experiment(
    claim="normalizing outside the gradient lets a bias grow without bound at an unchanged loss",
    source="paper 2; articles 1, 3",
    data="200 8x8 digits, float64, full batch",
    settings={"steps": 2000, "lr": 0.1},
    measure=measure,
    conclude=conclude,
    rule=(
        Condition("mean outside, b alone: |exponent - 1|", "<=", 0.01),
        Condition("mean outside, b alone: |loss gained|", "<=", 1e-12),
        Condition("mean in the graph, W and b: |b| at the end", "<", 1e-10),
        Condition("batch norm, W and b: |b| at the end", "<", 1e-10),
        Condition("dividing too: growth of b, times", ">", 1),
    ),
    true="The normalization must be in the graph. Outside, b grows linearly for ever; with W learned on raw inputs the loss even rises.",
    overstated="Dividing by the deviation as well, outside the gradient, is no cure, as article 3 has it: b grows several times faster.",
    exact=True,
    seconds=15,
)
