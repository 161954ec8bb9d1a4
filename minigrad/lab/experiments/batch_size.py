"""Batches of 2 to 128 with five normalizations, the same number of samples for all."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad import data, nn
from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, column
from minigrad.lab.nets import accuracy_of, digits, net, norm_of, train
from minigrad.training.panels import Line, Panel

ARMS = ("plain", "BN", "renorm", "layer", "group")


def measure(seed: int, s: Settings) -> Row:
    """Train each cell at the better of two rates; judge BN with the statistics of large batches, too."""
    row: Row = {}
    sets = digits()
    for arm in ARMS:
        for m in s["sizes"]:
            runs = []
            for lr in s["rates"]:
                model = net((64, 64, 64, 10), "relu", norm_of(arm), start="he", seed=seed)
                runs.append((train(model, sets, lr, s["epochs"] * len(sets.x) // m, batch=m, seed=seed).last, lr, model))
            row[f"{arm} {m}"], _, model = max(runs, key=lambda run: run[:2])
            if arm == "BN":
                loader = data.DataLoader(data.TensorDataset(sets.x, sets.y), batch_size=128, drop_last=True)
                row[f"BN {m}, statistics of batches of 128"] = accuracy_of(
                    nn.population_statistics(model, loader), sets.x_test, sets.y_test
                )
    top = max(row[f"BN {m}"] for m in s["sizes"])
    row["BN at 2, below its best"] = top - row["BN 2"]
    row["BN - plain at 2"] = row["BN 2"] - row["plain 2"]
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw accuracy by batch size."""
    lines = {arm: Line(s["sizes"], [[r[f"{arm} {m}"] for m in s["sizes"]] for r in rows], marks=True) for arm in ARMS}
    panel = Panel("MLP, two epochs", "batch size", "accuracy", lines, log_x=True)
    return Findings({name: column(rows, name) for name in rows[0]}, panels=[panel])


EXPERIMENT = Experiment(
    claim="BN is hurt by very small batches",
    source="article 2",
    data="8x8 digits",
    settings={"sizes": (2, 4, 8, 32, 128), "rates": (0.03, 0.3), "epochs": 2},
    measure=measure,
    conclude=conclude,
    rule=(Condition("BN at 2, below its best", ">=", 0.05), Condition("BN - plain at 2", "<", 0)),
    true="In an MLP BN fails at batch 2, in training itself: statistics of large batches in evaluation do not repair it.",
    overstated="'Small batches': of 8 and more it is as good as ever, and a CNN has many values per channel (see cnn_norms).",
    seconds=26,
)
