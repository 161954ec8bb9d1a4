"""Does the deep sigmoid net need BN, or only a start that allows for sigmoid'(0) = 1/4?"""

from __future__ import annotations

from collections.abc import Sequence

from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, dots
from minigrad.lab.nets import digits, most, net, train


def measure(seed: int, s: Settings) -> Row:
    """Train plain nets from two starts at each rate."""
    return {
        f"{depth} {start:g} {lr:g}": train(
            net((64, *[64] * depth, 10), "sigmoid", start=start, seed=seed), digits(), lr, s["steps"], seed=seed
        ).last
        for depth in s["depths"]
        for start in s["starts"]
        for lr in s["rates"]
    }


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Take the best cell of each depth."""
    cells = {d: {(st, lr): [r[f"{d} {st:g} {lr:g}"] for r in rows] for st in s["starts"] for lr in s["rates"]} for d in s["depths"]}
    best = {d: most(of_depth) for d, of_depth in cells.items()}
    quantities = {f"depth {d}: accuracy without BN": cells[d][best[d]] for d in s["depths"]}
    panel = dots("accuracy without BN, at its best start and rate", quantities, y="accuracy", limit=0.8)
    return Findings(quantities, {"best (start, rate)": best}, [panel])


EXPERIMENT = Experiment(
    claim="deep sigmoid nets stay at chance without BN, from any start",
    source="paper 4.2.2; article 3",
    data="8x8 digits",
    settings={"depths": (10, 30), "starts": (0.5, 1.0), "rates": (0.03, 0.1, 0.3, 1.0), "steps": 400},
    measure=measure,
    conclude=conclude,
    rule=(Condition("depth 10: accuracy without BN", "<", 0.25), Condition("depth 30: accuracy without BN", "<", 0.25)),
    refuted=(Condition("depth 10: accuracy without BN", ">=", 0.8), Condition("depth 30: accuracy without BN", ">=", 0.8)),
    true="At depth 30 no start tried here trains it without BN.",
    overstated="At depth 10 a start of N(0, 1) does.",
    seconds=48,
)
