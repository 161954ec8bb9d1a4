"""Figure 1 of the paper: a 784-100-100-100-10 sigmoid net, batch 60; accuracy by step, and how a unit's input drifts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from minigrad import nn
from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, columns
from minigrad.lab.nets import Curve, images, images_source, inputs_of, net, norm_of, train
from minigrad.training.panels import Line, Panel


def run(arm: str, lr: float, seed: int, steps: int, every: int) -> tuple[Curve, np.ndarray]:
    """Train; return the curve, and the 15th, 50th and 85th percentiles of the last hidden units' inputs by step and unit."""
    sets, track = images(6000, 1000), []
    model = net((784, 100, 100, 100, 10), "sigmoid", norm_of(arm), start=0.1, seed=seed)

    def look(step: int) -> None:
        track.append(np.percentile(inputs_of(model, nn.Sigmoid, sets.x_test)[-1], [15, 50, 85], axis=0))

    return train(model, sets, lr, steps, every=every, seed=seed, watch=look), np.array(track)


@cache
def best_rate(rates: tuple[float, ...], steps: int, source: str | None) -> float:
    """Return the rate that is best for the plain net on these images, on a seed of its own."""
    return max(rates, key=lambda lr: run("plain", lr, 99, steps, steps)[0].last)


def drift(track: np.ndarray) -> float:
    """Return how far a typical unit's median moved after the first tenth of the steps, in widths between its percentiles."""
    late = track[len(track) // 10 :]
    return float(np.median(np.abs(np.diff(late[:, 1], axis=0)).sum(0) / (late[:, 2] - late[:, 0]).mean(0)))


def measure(seed: int, s: Settings) -> Row:
    """Train both arms at the plain net's best rate."""
    row: Row = {"lr": best_rate(s["rates"], s["search_steps"], images_source())}
    for arm in ("plain", "BN"):
        curve, track = run(arm, row["lr"], seed, s["steps"], s["every"])
        row |= {f"{arm} step": curve.step, f"{arm} accuracy": curve.accuracy, f"{arm} drift": drift(track)}
        row[f"{arm} at 500"], row[f"{arm} at the end"] = curve.accuracy[curve.step.index(500)], curve.last
        row[f"{arm} unit"] = track[:, :, 50].T.tolist()
    half = len(row["BN accuracy"]) // 2
    row["least lead of BN in the first half"] = min(np.subtract(row["BN accuracy"], row["plain accuracy"])[1:half])
    row["BN - plain at the end"] = row["BN at the end"] - row["plain at the end"]
    row["drift, plain / BN"] = row["plain drift"] / row["BN drift"]
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw accuracy by step, and the percentiles of unit 50 with one seed."""
    x = rows[0]["BN step"]
    panels = [Panel("test accuracy", "step", "accuracy", {arm: Line(x, [r[f"{arm} accuracy"] for r in rows]) for arm in ("plain", "BN")})]
    for arm in ("plain", "BN"):
        lines = {f"{q}th percentile": Line(x, [rows[0][f"{arm} unit"][i]]) for i, q in ((2, 85), (1, 50), (0, 15))}
        panels.append(Panel(f"a unit's input, {arm}", "step", "before the sigmoid", lines))
    return Findings(columns(rows), panels=panels)


EXPERIMENT = Experiment(
    claim="BN trains faster, to a higher accuracy, and the inputs of its units stay put",
    source="paper fig. 1; article 1",
    data="drawn 28x28 digits, 6000 + 1000",
    images=True,
    settings={"rates": (0.1, 0.3, 1.0, 3.0), "search_steps": 1500, "steps": 5000, "every": 250},
    measure=measure,
    conclude=conclude,
    rule=(
        Condition("least lead of BN in the first half", ">", 0),
        Condition("BN - plain at the end", ">", -0.005),
        Condition("drift, plain / BN", ">=", 1.5),
    ),
    true="The net with BN is far ahead in the first steps, at every rate.",
    overstated="That its inputs stay put: at the plain net's best rate they move as much or more, and the lead melts to half a point.",
    seconds=43,
)
