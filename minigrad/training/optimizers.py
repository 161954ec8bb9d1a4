"""The optimizers that a training run can take, with what is usual for each."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

from minigrad import nn, optim

SETTINGS = ("momentum", "weight_decay")  #: of a run, where its optimizer takes them


class Choice(NamedTuple):
    """An optimizer, and what is usual for it."""

    make: type[optim.Optimizer]
    lr: float
    momentum: float | None = None  #: None: that of the optimizer itself

    def takes(self) -> dict[str, float]:
        """Return the settings of a run that this optimizer takes, with their usual values."""
        parameters = inspect.signature(self.make).parameters
        usual = {name: float(parameters[name].default) for name in SETTINGS if name in parameters}
        return usual if self.momentum is None else {**usual, "momentum": self.momentum}


OPTIMIZERS: dict[str, Choice] = {
    "sgd": Choice(optim.SGD, 0.1, momentum=0.9),
    "adam": Choice(optim.Adam, 1e-3),
    "adamw": Choice(optim.AdamW, 1e-3),
    "adamax": Choice(optim.Adamax, 2e-3),
    "nadam": Choice(optim.NAdam, 2e-3),
    "radam": Choice(optim.RAdam, 5e-3),
    "adagrad": Choice(optim.Adagrad, 1e-2),
    "adadelta": Choice(optim.Adadelta, 1.0),
    "adafactor": Choice(optim.Adafactor, 1e-2),
    "asgd": Choice(optim.ASGD, 0.1),
    "lion": Choice(optim.Lion, 1e-3),
    "rmsprop": Choice(optim.RMSprop, 1e-3),
    "rprop": Choice(optim.Rprop, 1e-2),
}

#: optimizers that train no model by themselves, and why
NOT_ALONE = {"lbfgs": "it calls the loss several times in a step", "muon": "it is for matrices, and a model has other parameters too"}


def usual(name: str) -> dict[str, float]:
    """Return all settings of an optimizer with their usual values."""
    return {"lr": OPTIMIZERS[name].lr, **OPTIMIZERS[name].takes()}


def make_optimizer(config: Mapping[str, Any], model: nn.Module) -> optim.Optimizer:
    """Return the optimizer that the settings of a run name; a run of an older version has not all of them."""
    chosen = OPTIMIZERS[config["optimizer"]]
    settings = {name: config.get(name, value) for name, value in chosen.takes().items()}
    return chosen.make(model.parameters(), lr=config["lr"], **settings)  # type: ignore[call-arg]
