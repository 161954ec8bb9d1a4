"""RMSprop, Adagrad and Adadelta: each element's step is scaled by the gradients that it has seen."""

from __future__ import annotations

from typing import Any

from minigrad.backends import Array, namespace
from minigrad.optim.arguments import check_options, check_share
from minigrad.optim.optimizer import Optimizer, Params


class RMSprop(Optimizer):
    """x <- x - lr * g / (sqrt(v) + eps), where v is a running average of g^2.

    ``centered`` takes the square of the average gradient from v; ``momentum`` averages the steps.
    (Tieleman, Hinton: lecture 6.5 of "Neural networks for machine learning", 2012; Graves, 2013.)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        check_options("RMSprop", lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
        options = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(params, {**options, "centered": centered, "maximize": maximize})

    def slots(self, group: dict[str, Any]) -> dict[str, float]:
        optional = {"momentum_buffer": group["momentum"] > 0, "grad_avg": group["centered"]}
        return dict.fromkeys(["square_avg", *(name for name, wanted in optional.items() if wanted)], 0)

    def update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        alpha, v, xp = group["alpha"], s["square_avg"], namespace(x)
        t = g * g  # one temporary, used over and over
        t *= 1 - alpha
        v *= alpha
        v += t
        if group["centered"]:
            mean = s["grad_avg"]
            mean += (g - mean) * (1 - alpha)
            xp.sqrt(v - mean * mean, out=t)
        else:
            xp.sqrt(v, out=t)
        t += group["eps"]
        xp.divide(g, t, out=t)
        if group["momentum"]:
            b = s["momentum_buffer"]
            b *= group["momentum"]
            b += t
            xp.multiply(b, group["lr"], out=t)
        else:
            t *= group["lr"]
        x -= t


class Adagrad(Optimizer):
    """x <- x - lr' * g / (sqrt(sum of all g^2 so far) + eps), with lr' = lr / (1 + (t - 1) lr_decay).

    (Duchi, Hazan, Singer: "Adaptive subgradient methods for online learning and stochastic optimization", 2011.)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        initial = initial_accumulator_value
        check_options("Adagrad", lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, initial_accumulator_value=initial, eps=eps)
        options = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay, "initial_accumulator_value": initial}
        super().__init__(params, {**options, "maximize": maximize})

    def slots(self, group: dict[str, Any]) -> dict[str, float]:
        return {"sum": group["initial_accumulator_value"]}

    def update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        s["sum"] += g * g
        lr = group["lr"] / (1 + (s["step"] - 1) * group["lr_decay"])
        x -= lr * g / (namespace(x).sqrt(s["sum"]) + group["eps"])


class Adadelta(Optimizer):
    """x <- x - lr * d with d = g * sqrt(u + eps) / sqrt(v + eps), where u and v average d^2 and g^2.

    (Zeiler: "ADADELTA: an adaptive learning rate method", 2012.)
    """

    def __init__(
        self, params: Params, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0, *, maximize: bool = False
    ) -> None:
        check_options("Adadelta", lr=lr, eps=eps, weight_decay=weight_decay)
        check_share("Adadelta", "rho", rho)
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize})

    def slots(self, group: dict[str, Any]) -> dict[str, float]:
        return {"square_avg": 0, "acc_delta": 0}

    def update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        rho, eps, v, u, xp = group["rho"], group["eps"], s["square_avg"], s["acc_delta"], namespace(x)
        v *= rho
        v += (1 - rho) * g * g
        delta = xp.sqrt(u + eps) / xp.sqrt(v + eps) * g
        u *= rho
        u += (1 - rho) * delta * delta
        x -= group["lr"] * delta
