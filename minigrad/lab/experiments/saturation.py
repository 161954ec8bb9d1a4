"""Saturated sigmoids and dead ReLUs during training, with and without BN."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, columns
from minigrad.lab.nets import ACTIVATIONS, digits, inputs_of, net, norm_of, train
from minigrad.training.panels import Line, Panel


def share(model: object, activation: str) -> float:
    """Return the share of values with sigmoid' < .01, or of ReLUs that are 0 on all test samples."""
    seen = inputs_of(model, ACTIVATIONS[activation], digits().x_test)  # type: ignore[arg-type]
    return float(np.mean([np.mean(np.abs(z) > 4.595) if activation == "sigmoid" else np.mean((z <= 0).all(0)) for z in seen]))


def measure(seed: int, s: Settings) -> Row:
    """Follow the share while nets train."""
    row: Row = {}
    for name, activation, start, lr in s["cells"]:
        for arm in ("plain", "BN"):
            model, track = net((64, 100, 100, 100, 10), activation, norm_of(arm), start=start, seed=seed), []
            curve = train(model, digits(), lr, s["steps"], every=50, seed=seed, watch=lambda step: track.append(share(model, activation)))
            row |= {f"{name} {arm}: track": track, f"{name} {arm}: share": track[-1], f"{name} {arm}: accuracy": curve.last}
        row[f"{name}: share, BN / plain"] = row[f"{name} BN: share"] / max(row[f"{name} plain: share"], 1e-9)
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw the share by step."""
    panels = []
    for name, *_ in s["cells"]:
        lines = {}
        for arm in ("plain", "BN"):
            tracks = [r[f"{name} {arm}: track"] for r in rows]
            n = max(map(len, tracks))
            lines[arm] = Line([50 * i for i in range(n)], [t + [float("nan")] * (n - len(t)) for t in tracks])
        panels.append(Panel(name, "step", "saturated or dead", lines))
    return Findings(columns(rows), panels=panels)


CELLS = (
    ("sigmoid, N(0, .1), rate 3", "sigmoid", 0.1, 3.0),
    ("sigmoid, N(0, 1), rate .3", "sigmoid", 1.0, 0.3),
    ("ReLU, He, rate .3", "relu", "he", 0.3),
    ("ReLU, He, rate 1.5", "relu", "he", 1.5),
)
EXPERIMENT = Experiment(
    claim="without BN many units end saturated and stop learning; BN prevents it",
    source="articles 1, 3",
    data="8x8 digits",
    settings={"cells": CELLS, "steps": 600},
    measure=measure,
    conclude=conclude,
    rule=(
        *(Condition(f"{name} plain: share", ">", 0.2) for name, *_ in CELLS),
        *(Condition(f"{name}: share, BN / plain", "<=", 0.5) for name, *_ in CELLS),
    ),
    true="BN prevents saturated and dead units, in every cell.",
    overstated="'Many': in two of four cells. And saturated need not mean untrained: 44 % saturated sigmoids reach the same accuracy.",
    seconds=14,
)
