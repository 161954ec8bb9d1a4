"""Gradients at depth 30: vanishing ones are cured; with ReLU, BN makes them explode, by pi / (pi - 1) a layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, columns
from minigrad.lab.nets import digits, gradients, net, norm_of
from minigrad.training.panels import Line, Panel


def measure(seed: int, s: Settings) -> Row:
    """Return the ratio of gradients, second over last hidden layer, at the start, for each activation and start."""
    row: Row = {}
    x, y = digits().x[:256].astype(np.float64), digits().y[:256]
    for activation, start in s["cells"]:
        ratio = {}
        for arm in ("plain", "BN"):
            model = net((64, *[128] * s["depth"], 10), activation, norm_of(arm), start=start, seed=seed).to(dtype=np.float64)
            g = gradients(model, x, y)
            ratio[arm] = row[f"{activation} {start} {arm}"] = g[1] / max(g[-2], 1e-300)
            if (activation, start) == ("relu", "he"):
                row[f"{arm}: gradients"] = g[:-1]
                row[f"ReLU with {arm}: growth of squared gradients a layer"] = ratio[arm] ** (2 / (s["depth"] - 2))
        size = {arm: abs(float(np.log10(max(value, 1e-300)))) for arm, value in ratio.items()}
        row[f"{activation} {start}: BN is nearer to 1 by, in powers of ten"] = size["plain"] - size["BN"]
    growth = row["ReLU with BN: growth of squared gradients a layer"]
    row["growth with ReLU and BN, relative to pi / (pi - 1)"] = growth / (np.pi / (np.pi - 1))
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw gradients by layer for ReLU from He's start."""
    x = list(range(1, s["depth"] + 1))
    lines = {arm: Line(x, [r[f"{arm}: gradients"] for r in rows]) for arm in ("plain", "BN")}
    panel = Panel("ReLU from He's start", "layer", "gradient by the weight", lines, log_y=True)
    return Findings(columns(rows), panels=[panel])


CELLS = (
    ("sigmoid", "xavier"), ("tanh", "xavier"), ("tanh", 1.0), ("tanh", 0.02),
    ("relu", "he"), ("relu", "xavier"), ("relu", 1.0), ("relu", 0.02),
)  # fmt: skip
EXPERIMENT = Experiment(
    claim="BN keeps gradients from vanishing and from exploding",
    source="articles 0, 1, 2, 4",
    data="8x8 digits, float64",
    settings={"depth": 30, "cells": CELLS},
    measure=measure,
    conclude=conclude,
    rule=tuple(Condition(f"{act} {start}: BN is nearer to 1 by, in powers of ten", ">", 0) for act, start in CELLS),
    true="Vanishing gradients of sigmoid nets are cured.",
    overstated="'And exploding': with ReLU it is BN that explodes them, by 1.2 a layer, as theory says (Yang et al., 2019).",
    seconds=3,
)
