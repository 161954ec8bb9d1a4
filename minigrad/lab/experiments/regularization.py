"""BN, dropout and L2 on 300 training digits: test accuracy, paired by seed."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad import optim
from minigrad.lab.experiment import Effect, Experiment, Findings, Row, Settings, column, dots
from minigrad.lab.nets import Sets, digits, net, norm_of, train


def cells(sets: Sets, seed: int, s: Settings) -> Row:
    """Train the eight cells on some of the data, others for each seed."""
    row: Row = {}
    some = sets.some(s["samples"], seed)
    for arm in ("plain", "BN"):
        for dropout in (0.0, s["dropout"]):
            for l2 in (0.0, s["l2"]):
                model = net((sets.x.shape[1], 256, 256, 10), "relu", norm_of(arm), start="he", dropout=dropout, seed=seed)
                sgd = lambda m: optim.SGD(m.parameters(), s["lr"], momentum=0.9, weight_decay=l2)
                name = f"{arm}{', dropout' if dropout else ''}{', L2' if l2 else ''}"
                row[name] = train(model, some, 0, s["steps"], batch=50, seed=seed, optimizer=sgd).last
    row["BN - plain"] = row["BN"] - row["plain"]
    row["dropout gains without BN"] = row["plain, dropout"] - row["plain"]
    row["dropout gains with BN"] = row["BN, dropout"] - row["BN"]
    row["L2 gains with BN"] = row["BN, L2"] - row["BN"]
    return row


def measure(seed: int, s: Settings) -> Row:
    """Train the eight cells on the digits."""
    return cells(digits(), seed, s)


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw the cells side by side."""
    accuracies = {name: column(rows, name) for name in rows[0] if "gains" not in name and " - " not in name}
    return Findings({name: column(rows, name) for name in rows[0]}, panels=[dots("accuracy", accuracies, y="accuracy")])


EXPERIMENT = Experiment(
    claim="BN regularizes: it is better on little data, and takes the place of dropout",
    source="paper 4.2.1; articles 0 to 3",
    data="300 8x8 digits",
    settings={"samples": 300, "dropout": 0.5, "l2": 1e-3, "lr": 0.05, "steps": 600},
    measure=measure,
    conclude=conclude,
    rule=(Effect("BN - plain"), Effect("dropout gains with BN", sign=-1)),
    seeds=tuple(range(5)),
    true="On 300 small digits BN was 1.4 points better than without on eight seeds and .6 on eight others: half a point or one.",
    overstated="That dropout can go, or L2: neither hurts beside BN, and on harder data dropout gains much (regularization_hard).",
    seconds=29,
)
