"""Schedules: the base class, and those that are one formula.

A schedule is written as what the learning rate *is* after t steps (`LRScheduler.lr_at`), not as a change from one step
to the next: it can be read, plotted and resumed at any t.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from minigrad.optim.arguments import check_milestones, check_options, check_state, is_number, positive_integer
from minigrad.optim.optimizer import Optimizer

Lambda = Callable[[int], float]


class LRScheduler:
    """Sets the learning rate of each group of an optimizer; call `step` after the optimizer's.

    Where something else has changed a learning rate (another schedule of the same optimizer, a cut, a user), it is multiplied by what this
    schedule changes in the step, so that schedules chain as in PyTorch.

    Attributes
    ----------
    base_lrs
        The learning rates that the groups had when the first scheduler of the optimizer was made.
    last_epoch
        How often `step` was called.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer, groups = optimizer, groups_of(type(self).__name__, optimizer)
        self.base_lrs: list[float] = [group.get("initial_lr", group["lr"]) for group in groups]
        self.last_epoch = 0
        self._before = list(self.base_lrs)  #: what the learning rates would be now if this schedule alone had set them
        self.apply()
        for group, base in zip(groups, self.base_lrs, strict=True):
            group["initial_lr"] = base

    def lr_at(self, t: int, base: float, group: int) -> float:
        """Return the learning rate after ``t`` steps of group number ``group`` whose first one was ``base``."""
        raise NotImplementedError(f"{type(self).__name__}.lr_at")

    def step(self) -> None:
        """Go one step on."""
        self.last_epoch += 1
        try:
            self.apply()
        except Exception:
            self.last_epoch -= 1
            raise

    def apply(self) -> None:
        """Write the present learning rates into the optimizer."""
        groups = self.optimizer.param_groups
        if len(groups) != len(self.base_lrs):
            made = f"{type(self).__name__} was made for {len(self.base_lrs)} parameter groups"
            raise ValueError(f"{made}, and the optimizer has {len(groups)} now: make it after add_param_group")
        rates = self.alone()
        for group, before, rate in zip(groups, self._before, rates, strict=True):
            group["lr"] = rate if group["lr"] == before or not before else group["lr"] * (rate / before)
        self._before = rates

    def alone(self) -> list[float]:
        """Return what the learning rates are now if this schedule alone sets them."""
        return [self.lr_at(self.last_epoch, base, i) for i, base in enumerate(self.base_lrs)]

    def get_last_lr(self) -> list[float]:
        """Return the present learning rates."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return what changes from step to step."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs), "lrs": self.get_last_lr()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned, and set the learning rates that there were then."""
        name, mine = type(self).__name__, self.state_dict()
        check_state(name, name, state_dict, mine.keys() - {"lrs"})  # which older files lack
        if len(state_dict["base_lrs"]) != len(self.base_lrs):
            saved, own = len(state_dict["base_lrs"]), len(self.base_lrs)
            raise ValueError(f"{name}: the state is of {saved} parameter groups, and the optimizer has {own}")
        self.last_epoch, self.base_lrs = state_dict["last_epoch"], list(state_dict["base_lrs"])
        self._before = self.alone()
        for group, rate in zip(self.optimizer.param_groups, state_dict.get("lrs", self._before), strict=True):
            group["lr"] = rate


class LambdaLR(LRScheduler):
    """base * f(t), with one function or one for each group."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Lambda | Iterable[Lambda]) -> None:
        self.lr_lambdas = _functions("LambdaLR", lr_lambda, len(groups_of("LambdaLR", optimizer)))
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return base * _factor("LambdaLR", self.lr_lambdas[group], t)


class MultiplicativeLR(LRScheduler):
    """base * f(1) * f(2) * ... * f(t), with one function or one for each group."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Lambda | Iterable[Lambda]) -> None:
        self.lr_lambdas = _functions("MultiplicativeLR", lr_lambda, len(groups_of("MultiplicativeLR", optimizer)))
        self._products = [[1.0] for _ in self.lr_lambdas]  #: for each group, by t, as far as was asked for
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        products = self._products[group]
        while len(products) <= t:
            products.append(products[-1] * _factor("MultiplicativeLR", self.lr_lambdas[group], len(products)))
        return base * products[t]


class StepLR(LRScheduler):
    """base * gamma^(number of whole ``step_size`` in t)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        check_options("StepLR", gamma=gamma)
        self.step_size, self.gamma = positive_integer("StepLR", "step_size", step_size), gamma
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return base * float(self.gamma) ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """base * gamma^(number of milestones reached)."""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        check_options("MultiStepLR", gamma=gamma)
        self.milestones, self.gamma = sorted(check_milestones("MultiStepLR", milestones)), gamma
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return base * float(self.gamma) ** bisect_right(self.milestones, t)


class ExponentialLR(LRScheduler):
    """base * gamma^t."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        check_options("ExponentialLR", gamma=gamma)
        self.gamma = gamma
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return base * float(self.gamma) ** t


class ConstantLR(LRScheduler):
    """base * factor for the first ``total_iters`` steps, base from then on."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5) -> None:
        check_options("ConstantLR", factor=factor)
        self.factor, self.total_iters = factor, positive_integer("ConstantLR", "total_iters", total_iters)
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return base * (self.factor if t < self.total_iters else 1)


class LinearLR(LRScheduler):
    """Warm-up: base times a factor that goes from ``start_factor`` to ``end_factor`` in ``total_iters`` equal steps."""

    def __init__(self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5) -> None:
        if not all(map(is_number, (start_factor, end_factor))) or not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ValueError(f"LinearLR: factors must be from 0 (the first one above 0) to 1, not {start_factor!r} and {end_factor!r}")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = positive_integer("LinearLR", "total_iters", total_iters)
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return base * (self.start_factor + (self.end_factor - self.start_factor) * min(t, self.total_iters) / self.total_iters)


class PolynomialLR(LRScheduler):
    """base * (1 - t / total_iters)^power, and 0 from then on."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0) -> None:
        check_options("PolynomialLR", power=power)
        self.total_iters, self.power = positive_integer("PolynomialLR", "total_iters", total_iters), power
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return float(base * (1 - min(t, self.total_iters) / self.total_iters) ** self.power)


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from base down to ``eta_min`` in ``T_max`` steps, and up again in as many.

    (Loshchilov, Hutter: "SGDR: stochastic gradient descent with warm restarts", 2017.)
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        check_options("CosineAnnealingLR", eta_min=eta_min)
        self.T_max, self.eta_min = positive_integer("CosineAnnealingLR", "T_max", T_max), eta_min
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return cosine_between(base, self.eta_min, t / self.T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half cosines from base to ``eta_min``, the first of ``T_0`` steps, each ``T_mult`` times as long as the one before."""

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> None:
        check_options("CosineAnnealingWarmRestarts", eta_min=eta_min)
        self.T_0 = positive_integer("CosineAnnealingWarmRestarts", "T_0", T_0)
        self.T_mult, self.eta_min = positive_integer("CosineAnnealingWarmRestarts", "T_mult", T_mult), eta_min
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        length = self.T_0
        while t >= length:
            t, length = t - length, length * self.T_mult
            if self.T_mult == 1:
                t %= length
        return cosine_between(base, self.eta_min, t / length)


def groups_of(name: str, optimizer: Any) -> list[dict[str, Any]]:
    """Return the parameter groups of what is to be scheduled after making sure that it is an optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{name} schedules an optimizer, not a {type(optimizer).__name__}")
    return optimizer.param_groups


def _functions(name: str, given: Any, groups: int) -> list[Lambda]:
    """Return one function for each group."""
    found = [given] * groups if callable(given) else list(given) if isinstance(given, Iterable) else []
    if not found or not all(map(callable, found)):
        raise TypeError(f"{name}: lr_lambda must be a function of the step, or a list of one for each group, not {given!r}")
    if len(found) != groups:
        raise ValueError(f"{name}: {len(found)} functions for {groups} parameter groups")
    return found


def _factor(name: str, function: Lambda, t: int) -> float:
    """Return a factor that a function of the user gives, after making sure that it is one."""
    factor = function(t)
    if not is_number(factor) or not 0 <= factor < math.inf:
        raise ValueError(f"{name}: lr_lambda must return a number of at least 0, not {factor!r} at step {t}")
    return factor


def check_momentum(name: str, groups: list[dict[str, Any]]) -> None:
    """Refuse to cycle the momentum of an optimizer that has none."""
    if not any(key in group for group in groups for key in ("momentum", "betas")):
        raise ValueError(f"{name}: the optimizer has no momentum to cycle; pass cycle_momentum=False")


def set_momentum(group: dict[str, Any], momentum: float) -> None:
    """Set the momentum of a group, or the first of its betas."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


def cosine_between(start: float, end: float, share: float) -> float:
    """Go from ``start`` to ``end`` along half a cosine; ``share`` is how far."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def linear_between(start: float, end: float, share: float) -> float:
    """Go from ``start`` to ``end`` along a line."""
    return start + (end - start) * share
