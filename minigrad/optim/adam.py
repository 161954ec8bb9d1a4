"""Adam and its relatives: steps scaled by running averages of the gradient and of its square.

m <- b1 m + (1 - b1) g and v <- b2 v + (1 - b2) g^2 start at zero; dividing by 1 - b1^t and 1 - b2^t after t steps
takes that bias out. (Kingma, Ba: "Adam: a method for stochastic optimization", 2015.)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np

from minigrad.backends import Array, kind_of, namespace
from minigrad.core._capturing import boxed
from minigrad.kernels import loops
from minigrad.optim.arguments import check_options
from minigrad.optim.optimizer import Optimizer, Params

Betas = tuple[float, float]


def move_averages(g: Array, s: dict[str, Any], betas: Betas) -> Array:
    """Move the running averages of g and g^2 towards their new values. Returns an array that may be overwritten."""
    m, v = s["exp_avg"], s["exp_avg_sq"]
    t = g - m  # one temporary, used over and over: a third less time than with one for each operation
    t *= 1 - betas[0]
    m += t
    namespace(g).multiply(g, g, out=t)
    t -= v
    t *= 1 - betas[1]
    v += t
    return t


class Adam(Optimizer):
    """x <- x - lr * m' / (sqrt(v') + eps), with the averages m' and v' corrected for their start at zero.

    With ``amsgrad``, v is replaced by the largest v so far (Reddi, Kale, Kumar: "On the convergence of Adam and
    beyond", 2018); with ``decoupled_weight_decay`` it is `AdamW`.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_options(type(self).__name__, lr=lr, eps=eps, weight_decay=weight_decay, betas=betas)
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        super().__init__(params, {**options, "maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay})

    def slots(self, group: dict[str, Any]) -> dict[str, float]:
        return dict.fromkeys(["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else [])], 0)

    def update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        (beta1, beta2), step, xp = group["betas"], s["step"], namespace(x)
        correction = (1 - beta2**step) ** 0.5  # sqrt(v / c^2) + eps = (sqrt(v) + eps c) / c
        eps, rate = group["eps"] * correction, group["lr"] * correction / (1 - beta1**step)
        fast = _compiled(x, g) if not group["amsgrad"] else None
        if fast is not None:
            update = boxed(partial(_update_by, fast.adam), writes=(0, 2, 3))
            if update(x, g, s["exp_avg"], s["exp_avg_sq"], 1 - beta1, 1 - beta2, eps, rate) is not NotImplemented:
                return
        t = move_averages(g, s, group["betas"])
        v = s["exp_avg_sq"]
        if group["amsgrad"]:
            v = xp.maximum(s["max_exp_avg_sq"], v, out=s["max_exp_avg_sq"])
        xp.sqrt(v, out=t)
        t += eps
        xp.divide(s["exp_avg"], t, out=t)
        t *= rate
        x -= t


def _update_by(loop: Callable[..., None], x: Array, g: Array, m: Array, v: Array, *numbers: float) -> None:
    """Run the compiled loop, which takes its numbers in the dtype of x."""
    loop(x, g, m, v, *[x.dtype.type(k) for k in numbers])


def _compiled(x: Array, g: Array) -> Any:
    """Return the compiled loops, if they are there and for these arrays."""
    known = kind_of(x) == "cpu" and x.dtype == g.dtype and x.dtype in (np.float32, np.float64)
    return loops.find("optimizers") if known else None


class AdamW(Adam):
    """Adam with decoupled weight decay: x <- (1 - lr * weight_decay) x, beside the step and not through the averages.

    (Loshchilov, Hutter: "Decoupled weight decay regularization", 2019.)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)


class NAdam(Optimizer):
    """Adam with Nesterov's momentum. (Dozat: "Incorporating Nesterov momentum into Adam", 2016.)

    The momentum of step t is mu_t = b1 (1 - 0.96^(t * momentum_decay) / 2); ``mu_product`` is the product of all so far.
    """

    scalars: ClassVar = {"step": 0, "mu_product": 1.0}

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        check_options("NAdam", lr=lr, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay, betas=betas)
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay}
        super().__init__(params, {**options, "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize})

    def slots(self, group: dict[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0, "exp_avg_sq": 0}

    def advance(self, scalars: dict[str, Any], group: dict[str, Any]) -> None:
        scalars["step"] += 1
        scalars["mu_product"] *= self._mu(scalars["step"], group)

    def update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        lr, step, product = group["lr"], s["step"], s["mu_product"]
        mu, mu_next = self._mu(step, group), self._mu(step + 1, group)
        move_averages(g, s, group["betas"])
        direction = lr * (1 - mu) / (1 - product) * g + lr * mu_next / (1 - product * mu_next) * s["exp_avg"]
        x -= direction / (namespace(x).sqrt(s["exp_avg_sq"] / (1 - group["betas"][1] ** step)) + group["eps"])

    @staticmethod
    def _mu(step: int, group: dict[str, Any]) -> float:
        mu: float = group["betas"][0] * (1 - 0.5 * 0.96 ** (step * group["momentum_decay"]))
        return mu


class RAdam(Optimizer):
    """Adam whose step is rectified while few gradients were seen and v is a poor estimate.

    (Liu and others: "On the variance of the adaptive learning rate and beyond", 2020.)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        check_options("RAdam", lr=lr, eps=eps, weight_decay=weight_decay, betas=betas)
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**options, "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize})

    def slots(self, group: dict[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0, "exp_avg_sq": 0}

    def update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        (beta1, beta2), step = group["betas"], s["step"]
        move_averages(g, s, group["betas"])
        bias2 = 1 - beta2**step
        longest = 2 / (1 - beta2) - 1  # length of the average of g^2 after infinitely many steps, and after this one
        length = longest - 2 * step * beta2**step / bias2
        direction = s["exp_avg"] * (group["lr"] / (1 - beta1**step))
        if length > 5:
            rectification = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) ** 0.5
            direction *= rectification * bias2**0.5 / (namespace(x).sqrt(s["exp_avg_sq"]) + group["eps"])
        x -= direction


class Adamax(Optimizer):
    """Adam with the largest |g|, slowly forgotten, in place of the root of the average of g^2. (Kingma, Ba, 2015.)"""

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        check_options("Adamax", lr=lr, eps=eps, weight_decay=weight_decay, betas=betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize})

    def slots(self, group: dict[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0, "exp_inf": 0}

    def update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        (beta1, beta2), m, largest = group["betas"], s["exp_avg"], s["exp_inf"]
        m += (g - m) * (1 - beta1)
        largest *= beta2
        namespace(x).maximum(largest, abs(g) + group["eps"], out=largest)
        x -= group["lr"] / (1 - beta1 ** s["step"]) * (m / largest)
