"""BN before the activation, after it, or on the input alone."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, dots
from minigrad.lab.nets import digits, fewest, net, norm_of, train

NETS = {"sigmoid": "xavier", "relu": "he"}
PLACES = ("none", "input", "before", "after")


def measure(seed: int, s: Settings) -> Row:
    """Count steps to 95 % for each place and rate."""
    row: Row = {}
    for activation, start in NETS.items():
        for place in PLACES:
            norm = norm_of("plain" if place == "none" else "BN")
            for lr in s["rates"]:
                model = net((64, 64, 64, 64, 10), activation, norm, place=place, start=start, seed=seed)
                curve = train(model, digits(), lr, s["steps"], every=10, seed=seed, target=0.95)
                row[f"{activation} {place} {lr:g}"] = curve.steps_to(0.95)
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Compare places, each at the rate with the fewest steps on average."""
    quantities: dict[str, list[float]] = {}
    panels, notes = [], {}
    for act in NETS:
        best = {}
        for place in PLACES:
            cells = {lr: [r[f"{act} {place} {lr:g}"] for r in rows] for lr in s["rates"]}
            best[place] = cells[fewest(cells)]
            notes[f"{act} {place}: best rate"] = fewest(cells)
        quantities |= {f"{act} {place}: steps": steps for place, steps in best.items()}
        quantities[f"{act}: steps, before / after"] = [b / a for b, a in zip(best["before"], best["after"], strict=True)]
        panels.append(dots(f"{act}: steps to 95 %", best, y="steps", log_y=True))
    return Findings(quantities, notes, panels)


EXPERIMENT = Experiment(
    claim="BN goes between the linear layer and the activation",
    source="paper 3.2; article 2",
    data="8x8 digits",
    settings={"rates": (0.1, 0.3, 1.0, 3.0), "steps": 1500},
    measure=measure,
    conclude=conclude,
    rule=tuple(Condition(f"{act}: steps, before / after", "<", 1) for act in NETS),
    refuted=tuple(Condition(f"{act}: steps, before / after", ">=", 1) for act in NETS),
    true="With ReLU before is the better place, or as good.",
    overstated="With sigmoid after is faster. And BN on the input alone already gives ReLU nets most of the gain.",
    seconds=24,
)
