"""A small CNN at batches of 2 and 32 with seven normalizations: what counts is values per channel, m p q."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import minigrad as mg
from minigrad import nn
from minigrad.lab.experiment import Condition, Experiment, Findings, Row, Settings, column, dots
from minigrad.lab.nets import digits, train

#: name -> the layers of a normalization of c channels
KINDS: dict[str, Callable[[int], list[nn.Module]]] = {
    "none": lambda c: [],
    "batch": lambda c: [nn.BatchNorm2d(c)],
    "instance": lambda c: [nn.InstanceNorm2d(c, affine=True)],
    "group": lambda c: [nn.GroupNorm(4, c)],
    "layer": lambda c: [nn.GroupNorm(1, c)],
    "LRN": lambda c: [nn.LocalResponseNorm(5)],
    "batch and LRN": lambda c: [nn.BatchNorm2d(c), nn.LocalResponseNorm(5)],
}


def cnn(kind: str, seed: int) -> nn.Sequential:
    """Return two convolutions with a normalization after each."""
    mg.manual_seed(seed)
    first = [nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3, padding=1), *KINDS[kind](8), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*first, nn.Conv2d(8, 16, 3, padding=1), *KINDS[kind](16), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))


def measure(seed: int, s: Settings) -> Row:
    """Train each kind at the better of two rates."""
    row: Row = {}
    for kind in KINDS:
        for m, epochs in s["batches"]:
            if m == 2 and "LRN" in kind:
                continue
            steps = epochs * len(digits().x) // m
            row[f"{kind} {m}"] = max(train(cnn(kind, seed), digits(), lr, steps, batch=m, seed=seed).last for lr in s["rates"])
    for kind in ("instance", "layer", "none"):
        row[f"{kind} - batch at 2"] = row[f"{kind} 2"] - row["batch 2"]
    row["LRN beside BN gains at 32"] = row["batch and LRN 32"] - row["batch 32"]
    return row


def conclude(rows: Sequence[Row], s: Settings) -> Findings:
    """Draw accuracies side by side."""
    cells = {f"{kind}": column(rows, f"{kind} 2") for kind in KINDS if f"{kind} 2" in rows[0]}
    more = {f"{kind}": column(rows, f"{kind} 32") for kind in KINDS}
    panels = [dots("CNN, batch 2", cells, y="accuracy"), dots("CNN, batch 32", more, y="accuracy")]
    return Findings({name: column(rows, name) for name in rows[0]}, panels=panels)


EXPERIMENT = Experiment(
    claim="small batches need layer or instance norm; with BN, local response norm can go",
    source="article 2; paper 4.2.1",
    data="8x8 digits",
    settings={"batches": ((2, 1), (32, 2)), "rates": (0.03, 0.3)},
    measure=measure,
    conclude=conclude,
    rule=(
        Condition("instance - batch at 2", ">=", 0.02),
        Condition("layer - batch at 2", ">=", 0.02),
        Condition("LRN beside BN gains at 32", "<=", 0.005, over="the mean"),
    ),
    true="Local response norm adds nothing beside BN.",
    overstated="'Small batches': a CNN at batch 2 has 128 values per channel and does well with BN, better than without.",
    seconds=27,
)
