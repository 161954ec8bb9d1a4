"""Figure 1 at three rates on real digits: is the early lead, and the drift, a matter of the rate?"""

from __future__ import annotations

from collections.abc import Sequence

from numpy import array, percentile

from minigrad import nn
from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, columns
from minigrad.lab.experiments.fig1 import drift
from minigrad.lab.nets import digits, inputs_of, net, norm_of, train
from minigrad.training.panels import Line, Panel

RATES = (0.1, 1.0, 3.0)


def measure(seed: int, s: Settings) -> Row:
    """Train both arms at each rate."""
    row: Row = {}
    for lr in s["rates"]:
        drifts = {}
        for arm in ("plain", "BN"):
            model, track = net((64, 100, 100, 100, 10), "sigmoid", norm_of(arm), start=0.1, seed=seed), []
            look = lambda step: track.append(percentile(inputs_of(model, nn.Sigmoid, digits().x_test)[-1], [15, 50, 85], axis=0))
            curve = train(model, digits(), lr, s["steps"], every=s["every"], seed=seed, watch=look)
            row |= {f"step {lr:g}": curve.step, f"{arm} {lr:g}": curve.accuracy}
            drifts[arm] = drift(array(track))
        early = row[f"step {lr:g}"].index(500)
        row[f"lead at step 500, rate {lr:g}"] = row[f"BN {lr:g}"][early] - row[f"plain {lr:g}"][early]
        row[f"lead at the end, rate {lr:g}"] = row[f"BN {lr:g}"][-1] - row[f"plain {lr:g}"][-1]
        row[f"drift, plain / BN, rate {lr:g}"] = drifts["plain"] / drifts["BN"]
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw accuracy by step at each rate."""
    panels = [
        Panel(
            f"rate {lr:g}",
            "step",
            "accuracy",
            {arm: Line(rows[0][f"step {lr:g}"], [r[f"{arm} {lr:g}"] for r in rows]) for arm in ("plain", "BN")},
        )
        for lr in s["rates"]
    ]
    return Findings(columns(rows), panels=panels)


EXPERIMENT = Experiment(
    claim="at every rate BN leads early, and its inputs drift less",
    source="paper fig. 1",
    data="8x8 digits",
    settings={"rates": RATES, "steps": 5000, "every": 250},
    measure=measure,
    conclude=conclude,
    rule=(
        *(Condition(f"lead at step 500, rate {lr:g}", ">", 0) for lr in RATES),
        *(Condition(f"drift, plain / BN, rate {lr:g}", ">=", 1.5) for lr in RATES),
    ),
    true="The early lead is there at every rate.",
    overstated="The steadier inputs belong to low rates: at a rate of 3 they move as much with BN as without.",
    seconds=55,
)
