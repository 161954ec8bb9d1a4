"""Is the loss smoother with BN? Loss and gradient along the step, as Santurkar et al. (2018) measure it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.data import DataLoader, TensorDataset
from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, columns
from minigrad.lab.nets import digits, net, norm_of
from minigrad.nn import functional as F
from minigrad.random import Generator
from minigrad.training.panels import Line, Panel

NETS: dict[str, str | float] = {"sigmoid": 0.1, "tanh": "xavier", "relu": "he"}
MEASURES = ("range of the loss", "change of the gradient", "beta")


def along(model: nn.Module, x: mg.Tensor, y: mg.Tensor, etas: Sequence[float]) -> list[float]:
    """Return the range of the loss, the largest |g - g'| and the largest |g - g'| / (eta |g|) at theta - eta g."""
    own = dict(model.named_parameters())

    def at(parameters: dict[str, mg.Tensor]) -> tuple[float, np.ndarray, list[mg.Tensor]]:
        loss = F.cross_entropy(nn.functional_call(model, parameters, x), y)
        gs = mg.grad(loss, list((parameters or own).values()))
        return loss.item(), np.concatenate([g.data.ravel().astype(float) for g in gs]), list(gs)

    with nn.statistics_kept(model):
        loss, g, parts = at({})
        losses, changes, beta = [loss], [], []
        for eta in etas:
            there = {n: mg.tensor(p.data - eta * d.data, requires_grad=True) for (n, p), d in zip(own.items(), parts, strict=True)}
            moved, h, _ = at(there)
            losses.append(moved)
            changes.append(float(np.linalg.norm(g - h)))
            beta.append(changes[-1] / (eta * float(np.linalg.norm(g)) + 1e-12))
    return [max(losses) - min(losses), max(changes), max(beta)]


def measure(seed: int, s: Settings) -> Row:
    """Train, and look along the gradient every ten steps."""
    row: Row = {}
    for activation, start in NETS.items():
        for arm in ("plain", "BN"):
            model = net((64, 64, 64, 64, 64, 10), activation, norm_of(arm), start=start, seed=seed)
            optimizer = optim.SGD(model.parameters(), s["lr"])
            loader = DataLoader(TensorDataset(digits().x, digits().y), 60, shuffle=True, drop_last=True, generator=Generator(seed))
            looks = []
            for step, (x, y) in zip(range(s["steps"]), loader.forever(), strict=False):
                if step % 10 == 0:
                    looks.append(along(model, x, y, s["etas"]))
                loss = F.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            row[f"{activation} {arm}: beta by step"] = [look[2] for look in looks]
            row |= {f"{activation} {arm}: {name}": float(v) for name, v in zip(MEASURES, np.mean(looks, axis=0), strict=True)}
        for name in MEASURES:
            row[f"{activation}: {name}, BN / plain"] = row[f"{activation} BN: {name}"] / row[f"{activation} plain: {name}"]
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw beta by step."""
    x = list(range(0, s["steps"], 10))
    panels = [
        Panel(
            act,
            "step",
            "effective beta",
            {arm: Line(x, [r[f"{act} {arm}: beta by step"] for r in rows]) for arm in ("plain", "BN")},
            log_y=True,
        )
        for act in NETS
    ]
    return Findings(columns(rows), panels=panels)


EXPERIMENT = Experiment(
    claim="BN makes the loss smoother (the rival explanation)",
    source="Santurkar et al., 2018",
    data="8x8 digits",
    settings={"lr": 0.1, "steps": 300, "etas": (0.02, 0.05, 0.1, 0.2, 0.4)},
    measure=measure,
    conclude=conclude,
    rule=tuple(Condition(f"{act}: {name}, BN / plain", "<", 1) for act in NETS for name in MEASURES),
    true="With ReLU it is smoother by all three measures.",
    overstated="Not always: a plain sigmoid net sits on a plateau, which is as smooth as can be.",
    seconds=9,
)
