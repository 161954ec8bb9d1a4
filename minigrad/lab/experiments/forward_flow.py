"""Article 1: 'low activations of one layer lead to lower activations in the next, and so on'."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, columns
from minigrad.lab.nets import ACTIVATIONS, digits, inputs_of, net, norm_of
from minigrad.training.panels import Line, Panel


def measure(seed: int, s: Settings) -> Row:
    """Return the size of the pre-activations, last layer over first, for each activation and start."""
    row: Row = {}
    x = digits().x[:256].astype(np.float64)
    for activation, start in s["cells"]:
        for arm in ("plain", "BN"):
            model = net((64, *[128] * s["depth"], 10), activation, norm_of(arm), start=start, seed=seed).to(dtype=np.float64)
            sizes = [float(z.std(0).mean()) for z in inputs_of(model, ACTIVATIONS[activation], x, training=True)]
            row |= {f"{activation} {start} {arm}": sizes[-1] / sizes[0], f"{activation} {start} {arm}: sizes": sizes}
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw sizes by layer."""
    x = list(range(1, s["depth"] + 1))
    panels = [
        Panel(
            f"{act}, start {start}",
            "layer",
            "sd of the pre-activation",
            {arm: Line(x, [r[f"{act} {start} {arm}: sizes"] for r in rows]) for arm in ("plain", "BN")},
            log_y=True,
        )
        for act, start in s["cells"]
    ]
    return Findings(columns(rows), panels=panels[:3])


CELLS = (("tanh", 0.02), ("relu", 0.02), ("relu", 1.0), ("relu", "he"), ("tanh", "xavier"))
EXPERIMENT = Experiment(
    claim="without BN low activations become lower layer by layer; with BN they keep their size",
    source="article 1",
    data="8x8 digits, float64",
    settings={"depth": 30, "cells": CELLS},
    measure=measure,
    conclude=conclude,
    rule=(
        Condition("tanh 0.02 plain", "<", 1e-3),
        Condition("relu 0.02 plain", "<", 1e-3),
        Condition("relu 1.0 plain", ">", 1e3),
        *(Condition(f"{act} {start} BN", ">=", 0.5) for act, start in CELLS[:3]),
        *(Condition(f"{act} {start} BN", "<=", 2) for act, start in CELLS[:3]),
    ),
    true="With BN every layer's input has the size 1, exactly, from any start.",
    overstated="He's and Xavier's starts alone keep it within a factor of four over 30 layers.",
    seconds=1,
)
