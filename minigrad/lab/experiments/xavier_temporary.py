"""Article 0: Xavier and He 'only work as temporary solutions, as the problem returns further into the training'."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, columns
from minigrad.lab.nets import digits, gradients, net, norm_of, train
from minigrad.training.panels import Line, Panel

NETS = {"tanh": "xavier", "relu": "he"}


def measure(seed: int, s: Settings) -> Row:
    """Follow the ratio of gradients, second over last hidden layer, while nets train."""
    row: Row = {}
    x, y = digits().x[:256], digits().y[:256]
    for activation, start in NETS.items():
        for arm in ("plain", "BN"):
            for lr in s["rates"]:
                model, ratios = net((64, *[64] * s["depth"], 10), activation, norm_of(arm), start=start, seed=seed), []

                def look(step: int) -> None:
                    g = gradients(model, x, y)
                    ratios.append(g[1] / g[-2])

                curve = train(model, digits(), lr, s["steps"], every=s["every"], seed=seed, watch=look)
                name = f"{activation} {arm} rate {lr:g}"
                row |= {"step": curve.step, f"{name}: ratios": ratios, f"{name}: lowest": min(ratios), f"{name}: highest": max(ratios)}
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw the ratio by step at the higher rate."""
    lr = max(s["rates"])
    panels = [
        Panel(
            act,
            "step",
            "gradient, 2nd / last hidden",
            {arm: Line(rows[0]["step"], [r[f"{act} {arm} rate {lr:g}: ratios"] for r in rows]) for arm in ("plain", "BN")},
            log_y=True,
        )
        for act in NETS
    ]
    quantities = columns(rows)
    cells = [f"{act} plain rate {lr:g}" for act in NETS for lr in s["rates"]]
    quantities["lowest ratio of any plain net"] = [min(r[f"{c}: lowest"] for c in cells) for r in rows]
    quantities["highest ratio of any plain net"] = [max(r[f"{c}: highest"] for c in cells) for r in rows]
    return Findings(quantities, panels=panels)


EXPERIMENT = Experiment(
    claim="a good start is only a temporary remedy for vanishing gradients",
    source="article 0",
    data="8x8 digits",
    settings={"depth": 10, "rates": (0.03, 0.1), "steps": 800, "every": 40},
    measure=measure,
    conclude=conclude,
    rule=(Condition("lowest ratio of any plain net", "<", 0.1), Condition("highest ratio of any plain net", ">", 10)),
    true="The gradients of plain nets that start well keep their proportions over the whole training.",
    overstated="The claim: nothing returned in any run.",
    seconds=22,
)
