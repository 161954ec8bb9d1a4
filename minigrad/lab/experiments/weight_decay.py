"""'Reduce L2 by 5': accuracy by weight decay; and what L2 does under BN: it sets the rate in effect, lr / |W|^2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad import optim
from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, column
from minigrad.lab.nets import digits, most, net, norm_of, train
from minigrad.training.panels import Line, Panel


def measure(seed: int, s: Settings) -> Row:
    """Train both arms with each decay on 300 digits, others for each seed."""
    row: Row = {}
    some = digits().some(s["samples"], seed)
    for arm in ("plain", "BN"):
        for decay in s["decays"]:
            model = net((64, 128, 128, 10), "relu", norm_of(arm), start="he", seed=seed)
            sgd = lambda m: optim.SGD(m.parameters(), s["lr"], weight_decay=decay)
            row[f"{arm} {decay:g}"] = train(model, some, 0, s["steps"], batch=50, seed=seed, optimizer=sgd).last
            row[f"{arm} {decay:g}: lr / |W|^2"] = s["lr"] / float(np.linalg.norm(model[0].weight.data)) ** 2
    row["BN: most decay - none"] = row[f"BN {s['decays'][-1]:g}"] - row["BN 0"]
    row["plain: most decay - none"] = row[f"plain {s['decays'][-1]:g}"] - row["plain 0"]
    row["rate in effect under BN, most decay / none"] = row[f"BN {s['decays'][-1]:g}: lr / |W|^2"] / row["BN 0: lr / |W|^2"]
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Find the best decay of each arm on average; draw accuracy by decay."""
    found = Findings({name: column(rows, name) for name in rows[0]})
    best = {arm: most({d: column(rows, f"{arm} {d:g}") for d in s["decays"]}) for arm in ("plain", "BN")}
    found.notes["best decay"] = best
    found.quantities["best decay, plain"], found.quantities["best decay, BN"] = ([best[arm]] for arm in ("plain", "BN"))
    found.quantities["best decay, BN - plain / 5"] = [best["BN"] - best["plain"] / 5]
    found.quantities["best decay, BN - plain"] = [best["BN"] - best["plain"]]
    x = s["decays"][1:]
    lines = {arm: Line(x, [[r[f"{arm} {d:g}"] for d in x] for r in rows]) for arm in ("plain", "BN")}
    found.panels = [Panel("accuracy by decay", "weight decay", "accuracy", lines, log_x=True)]
    return found


EXPERIMENT = Experiment(
    claim="with BN the L2 penalty can be 5 times smaller",
    source="paper 4.2.1; article 1",
    data="300 8x8 digits",
    settings={"samples": 300, "decays": (0.0, 1e-4, 1e-3, 5e-3, 2e-2), "lr": 0.1, "steps": 800},
    measure=measure,
    conclude=conclude,
    rule=(Condition("best decay, BN - plain / 5", "<=", 0), Condition("best decay, plain", ">", 0)),
    refuted=(Condition("best decay, BN - plain", ">=", 0),),
    seeds=tuple(range(5)),
    true="Under BN L2 does not shrink the function; it raises the rate in effect, lr / |W|^2, many times.",
    overstated="That BN wants less of it: the means point the other way.",
    seconds=21,
)
