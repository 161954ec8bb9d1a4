"""Stochastic gradient descent, with momentum if wanted."""

from __future__ import annotations

from typing import Any

from minigrad.backends import Array
from minigrad.optim.arguments import check_options
from minigrad.optim.optimizer import Optimizer, Params


class SGD(Optimizer):
    """x <- x - lr * d, where d is the gradient or, with momentum mu, the buffer b <- mu * b + (1 - dampening) * g.

    The first gradient fills the buffer undamped. Nesterov's form takes d = g + mu * b.
    (Sutskever, Martens, Dahl, Hinton: "On the importance of initialization and momentum in deep learning", 2013.)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        check_options("SGD", lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("SGD: nesterov=True needs a momentum above 0 and no dampening")
        options = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov}
        super().__init__(params, {**options, "maximize": maximize})

    def slots(self, group: dict[str, Any]) -> dict[str, float]:
        return {"momentum_buffer": 0} if group["momentum"] else {}

    def update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        momentum = group["momentum"]
        if momentum:
            b = s["momentum_buffer"]
            b *= momentum
            b += g * (1 - group["dampening"]) if group["dampening"] and s["step"] > 1 else g
            g = g + momentum * b if group["nesterov"] else b
        x -= group["lr"] * g
