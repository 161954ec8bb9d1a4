"""Lion: steps of one size in every element."""

from __future__ import annotations

from typing import Any

from minigrad.backends import Array, namespace
from minigrad.optim.arguments import check_options
from minigrad.optim.optimizer import Optimizer, Params


class Lion(Optimizer):
    """x <- (1 - lr * weight_decay) x - lr * sign(b1 m + (1 - b1) g), and then m <- b2 m + (1 - b2) g.

    (Chen and others: "Symbolic discovery of optimization algorithms", 2023, algorithm 2.)
    """

    def __init__(
        self, params: Params, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0, *, maximize: bool = False
    ) -> None:
        check_options("Lion", lr=lr, weight_decay=weight_decay, betas=betas)
        options = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, {**options, "decoupled_weight_decay": True})

    def slots(self, group: dict[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0}

    def update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        (beta1, beta2), m = group["betas"], s["exp_avg"]
        x -= group["lr"] * namespace(x).sign(m * beta1 + g * (1 - beta1))
        m *= beta2
        m += g * (1 - beta2)
