"""Rates 5 and 30 times the plain net's best; and the low end, 1e-4."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, column
from minigrad.lab.nets import Curve, digits, net, norm_of, train
from minigrad.training.panels import Line, Panel

NETS: dict[str, str | float] = {"sigmoid": 0.1, "relu": "he"}  #: activation -> start
RUNGS = {"x1": 1, "x5": 5, "x30": 30}


def run(activation: str, arm: str, lr: float, seed: int, steps: int) -> Curve:
    """Train a net."""
    model = net((64, 100, 100, 100, 10), activation, norm_of(arm), start=NETS[activation], seed=seed)
    return train(model, digits(), lr, steps, every=100, seed=seed)


@cache
def base(activation: str, rates: tuple[float, ...], steps: int) -> float:
    """Return the rate that is best for the plain net, on a seed of its own."""
    return max(rates, key=lambda lr: run(activation, "plain", lr, 99, steps).last)


def measure(seed: int, s: Settings) -> Row:
    """Train both arms on each rung of the ladder."""
    row: Row = {}
    for activation in NETS:
        best = row[f"{activation}: base"] = base(activation, s["rates"], s["steps"])
        for arm in ("plain", "BN"):
            for rung, factor in RUNGS.items():
                row[f"{activation} {arm} {rung}"] = run(activation, arm, best * factor, seed, s["steps"]).last
            row[f"{activation} {arm} at 1e-4"] = run(activation, arm, 1e-4, seed, s["steps"]).last
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw the accuracy at the end by rate."""
    panels = []
    for activation in NETS:
        x = [1e-4, *(rows[0][f"{activation}: base"] * k for k in RUNGS.values())]
        names = ["at 1e-4", *RUNGS]
        lines = {arm: Line(x, [[r[f"{activation} {arm} {n}"] for n in names] for r in rows], marks=True) for arm in ("plain", "BN")}
        panels.append(Panel(activation, "learning rate", "accuracy at the end", lines, log_x=True))
    return Findings({name: column(rows, name) for name in rows[0]}, panels=panels)


EXPERIMENT = Experiment(
    claim="BN can use 5 and 30 times higher rates, at which the plain net breaks",
    source="paper 4.2; articles 0 to 3",
    data="8x8 digits",
    settings={"rates": (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0), "steps": 800},
    measure=measure,
    conclude=conclude,
    rule=tuple(
        part
        for activation in NETS
        for part in (
            Condition(f"{activation} BN x5", ">=", 0.9),
            Condition(f"{activation} BN x30", ">=", 0.9),
            Condition(f"{activation} plain x30", "<", 0.5),
        )
    ),
    true="A ReLU net survives 30 times its best rate with BN and dies without.",
    overstated="Any rate will do: a sigmoid net at a rate of 90 dies with BN, too. And plain nets never needed rates below 1e-4 here.",
    seconds=38,
)
