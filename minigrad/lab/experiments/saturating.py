"""Sigmoid and tanh at depths 3, 10 and 30: the gradient at the start, and what is learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, column
from minigrad.lab.nets import digits, gradients, net, norm_of, train
from minigrad.training.panels import Line, Panel


def measure(seed: int, s: Settings) -> Row:
    """Train each net at the better of two rates."""
    row: Row = {}
    x, y = digits().x[:128].astype(np.float64), digits().y[:128]
    for activation in ("sigmoid", "tanh"):
        for depth in s["depths"]:
            for arm in ("plain", "BN"):
                make = lambda: net((64, *[64] * depth, 10), activation, norm_of(arm), start="xavier", seed=seed)
                g = gradients(make().to(dtype=np.float64), x, y)
                row[f"{activation} {depth} {arm}: gradient, 2nd / last hidden"] = g[1] / g[-2]
                row[f"{activation} {depth} {arm}"] = max(train(make(), digits(), lr, s["steps"], seed=seed).last for lr in s["rates"])
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw accuracy by depth."""
    panels = [
        Panel(
            act,
            "hidden layers",
            "accuracy",
            {arm: Line(s["depths"], [[r[f"{act} {d} {arm}"] for d in s["depths"]] for r in rows], marks=True) for arm in ("plain", "BN")},
        )
        for act in ("sigmoid", "tanh")
    ]
    return Findings({name: column(rows, name) for name in rows[0]}, panels=panels)


EXPERIMENT = Experiment(
    claim="BN trains deep nets with saturating nonlinearities, which stay at chance without",
    source="paper 4.2.2; articles 0, 1, 3",
    data="8x8 digits",
    settings={"depths": (3, 10, 30), "rates": (0.1, 1.0), "steps": 300},
    measure=measure,
    conclude=conclude,
    rule=tuple(part for d in (10, 30) for part in (Condition(f"sigmoid {d} plain", "<", 0.25), Condition(f"sigmoid {d} BN", ">=", 0.8))),
    true="Sigmoid nets of 10 and 30 layers train with BN and, from Xavier's start, not at all without.",
    overstated="That they cannot: see saturating_start. And tanh nets of 10 layers train as well without.",
    seconds=44,
)
