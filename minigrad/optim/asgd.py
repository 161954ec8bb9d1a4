"""ASGD: gradient descent that also averages the points it comes through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minigrad.backends import Array
from minigrad.optim.arguments import check_options
from minigrad.optim.optimizer import Optimizer, Params


class ASGD(Optimizer):
    """x <- (1 - lambd * e) x - e * g with e = lr / (1 + lambd * lr * (t - 1))^alpha, and a running mean of x.

    The mean is ``optimizer.state[x]["ax"]``: of all x since step t0 + 2, until then x itself. ``weight_decay`` is added to the gradient.
    Where ``lr`` changes, a step takes the new one (PyTorch's the one of the step before).
    (Polyak, Juditsky: "Acceleration of stochastic approximation by averaging", 1992; with Bottou's schedule of steps.)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay}
        self.check_group(options)
        super().__init__(params, {**options, "maximize": maximize})

    def check_group(self, options: Mapping[str, Any]) -> None:
        super().check_group(options)
        check_options("ASGD", **{option: options[option] for option in ("lambd", "alpha", "t0") if option in options})

    def slots(self, group: dict[str, Any]) -> dict[str, float]:
        return {"ax": 0}

    def update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        before, lr, lambd, mean = s["step"] - 1, group["lr"], group["lambd"], s["ax"]
        eta = lr / (1 + lambd * lr * before) ** group["alpha"]
        x *= 1 - lambd * eta
        x -= eta * g
        share = 1 / max(1, before - group["t0"])
        mean *= 1 - share
        mean += share * x
