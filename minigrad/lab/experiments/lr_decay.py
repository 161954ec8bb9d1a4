"""'Accelerate the learning rate decay', 6 times in the paper."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad import optim
from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, column, dots
from minigrad.lab.nets import digits, net, norm_of, train


def measure(seed: int, s: Settings) -> Row:
    """Let the rate fall to 1 % over all steps, over a sixth of them, or not at all."""
    row: Row = {}
    for arm in ("plain", "BN"):
        for name, times in (("no decay", 0), ("x1", 1), ("x6", 6)):
            gamma = 0.01 ** (times / s["steps"])
            model = net((64, 64, 64, 10), "relu", norm_of(arm), start="he", seed=seed)
            falling = lambda optimizer: optim.lr_scheduler.ExponentialLR(optimizer, gamma)
            row[f"{arm} {name}"] = train(model, digits(), s["lr"], s["steps"], seed=seed, schedule=falling).last
        row[f"{arm}: lost by x6"] = row[f"{arm} x1"] - row[f"{arm} x6"]
    row["plain loses more than BN by"] = row["plain: lost by x6"] - row["BN: lost by x6"]
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw the cells side by side."""
    cells = {f"{arm} {name}": column(rows, f"{arm} {name}") for arm in ("plain", "BN") for name in ("no decay", "x1", "x6")}
    return Findings({name: column(rows, name) for name in rows[0]}, panels=[dots("decay of the rate", cells, y="accuracy")])


EXPERIMENT = Experiment(
    claim="with BN the learning rate can decay 6 times faster",
    source="paper 4.2.1; article 1",
    data="8x8 digits",
    settings={"lr": 0.3, "steps": 600},
    measure=measure,
    conclude=conclude,
    rule=(
        Condition("BN: lost by x6", "<", 0.005, over="the mean"),
        Condition("plain loses more than BN by", ">", 0.005, over="the mean"),
    ),
    seeds=tuple(range(5)),
    true="BN bears it better.",
    overstated="Not for free: it loses points, too.",
    seconds=6,
)
