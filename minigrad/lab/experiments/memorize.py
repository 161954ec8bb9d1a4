"""Article 1: 'the network can no longer just memorize values and their correct answers'. Random labels say whether it can."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, columns
from minigrad.lab.nets import Sets, digits, net, norm_of, train
from minigrad.training.panels import Line, Panel


def measure(seed: int, s: Settings) -> Row:
    """Train both arms on random labels until they know 99 % of them."""
    x, labels = digits().x[: s["samples"]], np.random.default_rng(seed).integers(0, 10, s["samples"])
    row: Row = {}
    for arm in ("plain", "BN"):
        model = net((64, 128, 128, 10), "relu", norm_of(arm), start="he", seed=seed)
        curve = train(model, Sets(x, labels, x, labels), s["lr"], s["steps"], batch=s["batch"], every=50, seed=seed, target=0.99)
        row |= {f"{arm}: step": curve.step, f"{arm}: curve": curve.accuracy}
        row |= {f"{arm}: accuracy on random labels": curve.last, f"{arm}: steps to 99 %": curve.steps_to(0.99)}
    row["steps, plain / BN"] = row["plain: steps to 99 %"] / row["BN: steps to 99 %"]
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw accuracy on the training set, each run to its end."""
    x = list(range(0, s["steps"] + 1, 50))
    pad = lambda curve: [*curve, *[float("nan")] * (len(x) - len(curve))]
    lines = {arm: Line(x, [pad(r[f"{arm}: curve"]) for r in rows]) for arm in ("plain", "BN")}
    panel = Panel("random labels", "step", "accuracy on the training set", lines)
    return Findings(columns(rows), panels=[panel])


EXPERIMENT = Experiment(
    claim="a net with BN cannot memorize",
    source="article 1",
    data="500 8x8 digits, random labels",
    settings={"samples": 500, "batch": 50, "lr": 0.1, "steps": 3000},
    measure=measure,
    conclude=conclude,
    rule=(Condition("BN: accuracy on random labels", "<", 0.5), Condition("plain: accuracy on random labels", ">=", 0.99)),
    refuted=(Condition("BN: accuracy on random labels", ">=", 0.99),),
    true="It memorizes random labels several times faster than the net without.",
    overstated="The claim is plainly wrong.",
    seconds=3,
)
