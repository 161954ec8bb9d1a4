"""A bias under BN has no effect and a gradient of 0; but Adam divides rounding noise by its own size, and moves it all the same."""

from __future__ import annotations

import numpy as np

from minigrad import nn, optim
from minigrad.lab.experiment import Condition, Experiment, Row, Settings
from minigrad.lab.nets import digits, net, norm_of, outputs, train


def measure(seed: int, s: Settings) -> Row:
    """Train with a bias under BN; see how far it moved, and what becomes of the outputs without it."""
    row: Row = {}
    makers = {"Adam": lambda m: optim.Adam(m.parameters(), 1e-3), "SGD": lambda m: optim.SGD(m.parameters(), 0.1)}
    for name, make in makers.items():
        model = net((64, 64, 10), "relu", norm_of("BN"), bias_under_norm=True, start="he", seed=seed)
        start = [model[k].bias.data.copy() for k in (0, -1)]
        train(model, digits(), 0, s["steps"], batch=32, seed=seed, optimizer=make)
        dead, live = (float(np.abs(model[k].bias.data - b).mean()) for k, b in zip((0, -1), start, strict=True))
        with_it = outputs(model, digits().x[:200], training=True)
        nn.init.zeros_(model[0].bias)
        without = outputs(model, digits().x[:200], training=True)
        row[f"{name}: the dead bias moved"] = dead
        row[f"{name}: moved, dead / live bias"] = dead / live
        row[f"{name}: outputs without it, relative"] = float(np.abs(with_it - without).max() / np.abs(with_it).max())
    return row


EXPERIMENT = Experiment(
    claim="the bias before BN is redundant",
    source="paper 3.2",
    data="8x8 digits",
    settings={"steps": 440},
    measure=measure,
    rule=tuple(Condition(f"{name}: outputs without it, relative", "<", 1e-5) for name in ("Adam", "SGD")),
    true="It has no effect: leave it out.",
    overstated="'It stays where it is': Adam moves it, a tenth as far as a live bias, as it divides rounding noise by its own size.",
    seconds=1,
)
