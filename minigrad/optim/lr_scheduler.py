"""Learning rate schedules: functions of the number of steps, with PyTorch's names and arguments.

A schedule is written as what the learning rate *is* after t steps (`LRScheduler.lr_at`), not as a change from one step
to the next: it can be read, plotted and resumed at any t.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from minigrad.optim.optimizer import Optimizer


class LRScheduler:
    """Sets the learning rate of each group of an optimizer; call `step` after the optimizer's.

    Attributes
    ----------
    base_lrs
        The learning rates that the groups had when the first scheduler of the optimizer was made.
    last_epoch
        How often `step` was called.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__} schedules an optimizer, not a {type(optimizer).__name__}")
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = 0
        self.apply()

    def lr_at(self, t: int, base: float, group: int) -> float:
        """Return the learning rate after ``t`` steps of group number ``group`` whose first one was ``base``."""
        raise NotImplementedError(f"{type(self).__name__}.lr_at")

    def step(self) -> None:
        """Go one step on."""
        self.last_epoch += 1
        self.apply()

    def apply(self) -> None:
        """Write the present learning rates into the optimizer."""
        for i, (group, base) in enumerate(zip(self.optimizer.param_groups, self.base_lrs, strict=True)):
            group["lr"] = self.lr_at(self.last_epoch, base, i)

    def get_last_lr(self) -> list[float]:
        """Return the present learning rates."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return what changes from step to step."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.last_epoch, self.base_lrs = state_dict["last_epoch"], list(state_dict["base_lrs"])


class LambdaLR(LRScheduler):
    """base * f(t), with one function or one for each group."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Iterable[Callable[[int], float]]) -> None:
        n = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * n if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != n:
            raise ValueError(f"LambdaLR: {len(self.lr_lambdas)} functions for {n} parameter groups")
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return base * self.lr_lambdas[group](t)


class StepLR(LRScheduler):
    """base * gamma^(number of whole ``step_size`` in t)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = _positive("StepLR", "step_size", step_size), gamma
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return base * float(self.gamma) ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """base * gamma^(number of milestones reached)."""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return base * float(self.gamma) ** bisect_right(self.milestones, t)


class ExponentialLR(LRScheduler):
    """base * gamma^t."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return base * float(self.gamma) ** t


class ConstantLR(LRScheduler):
    """base * factor for the first ``total_iters`` steps, base from then on."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5) -> None:
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return base * (self.factor if t < self.total_iters else 1)


class LinearLR(LRScheduler):
    """Warm-up: base times a factor that goes from ``start_factor`` to ``end_factor`` in ``total_iters`` equal steps."""

    def __init__(self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5) -> None:
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ValueError(f"LinearLR: factors must be from 0 (the first one above 0) to 1, not {start_factor!r} and {end_factor!r}")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = _positive("LinearLR", "total_iters", total_iters)
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return base * (self.start_factor + (self.end_factor - self.start_factor) * min(t, self.total_iters) / self.total_iters)


class PolynomialLR(LRScheduler):
    """base * (1 - t / total_iters)^power, and 0 from then on."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0) -> None:
        self.total_iters, self.power = _positive("PolynomialLR", "total_iters", total_iters), power
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return float(base * (1 - min(t, self.total_iters) / self.total_iters) ** self.power)


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from base down to ``eta_min`` in ``T_max`` steps, and up again in as many.

    (Loshchilov, Hutter: "SGDR: stochastic gradient descent with warm restarts", 2017.)
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max, self.eta_min = _positive("CosineAnnealingLR", "T_max", T_max), eta_min
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        return _cosine(base, self.eta_min, t / self.T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half cosines from base to ``eta_min``, the first of ``T_0`` steps, each ``T_mult`` times as long as the one before."""

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> None:
        self.T_0 = _positive("CosineAnnealingWarmRestarts", "T_0", T_0)
        self.T_mult, self.eta_min = _positive("CosineAnnealingWarmRestarts", "T_mult", T_mult), eta_min
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        length = self.T_0
        while t >= length:
            t, length = t - length, length * self.T_mult
            if self.T_mult == 1:
                t %= length
        return _cosine(base, self.eta_min, t / length)


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to ``max_lr``, then down to far below the start; momentum goes the other way.

    (Smith, Topin: "Super-convergence: very fast training of neural networks using large learning rates", 2018.)

    Parameters
    ----------
    max_lr
        The peak, for all groups or for each.
    total_steps
        How many steps the cycle has, unless it is given as ``epochs`` * ``steps_per_epoch``.
    pct_start
        The share of the steps that goes up.
    anneal_strategy
        ``"cos"`` or ``"linear"``.
    cycle_momentum, base_momentum, max_momentum
        Whether the momentum (or the first of betas) goes from its maximum to its base and back.
    div_factor, final_div_factor
        The start is max_lr / div_factor; the end is the start / final_div_factor.
    three_phase
        Whether to come down to the start as slowly as it went up, and only then to the end.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', not {anneal_strategy!r}")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start must be from 0 to 1, not {pct_start!r}")
        groups = optimizer.param_groups
        peaks = list(max_lr) if isinstance(max_lr, (list, tuple)) else [max_lr] * len(groups)
        self.total_steps = n = _positive("OneCycleLR", "total_steps", total_steps)
        up = float(pct_start * n) - 1
        ends = [up, 2 * up, n - 1] if three_phase else [up, n - 1]
        self._between = _cosine if anneal_strategy == "cos" else _linear
        self._rates = []
        for group, peak in zip(groups, peaks, strict=True):
            start = group["initial_lr"] = peak / div_factor
            levels = [start, peak, *([start] if three_phase else []), start / final_div_factor]
            self._rates.append((levels, ends))
        self._momentum_levels = [max_momentum, base_momentum, max_momentum, *([max_momentum] if three_phase else [])]
        self.cycle_momentum, self._ends = cycle_momentum, ends
        if cycle_momentum and not any(key in group for group in groups for key in ("momentum", "betas")):
            raise ValueError("OneCycleLR: the optimizer has no momentum to cycle; pass cycle_momentum=False")
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        levels, ends = self._rates[group]
        return self._at(t, levels, ends)

    def apply(self) -> None:
        if self.last_epoch >= self.total_steps:
            raise ValueError(f"OneCycleLR: step {self.last_epoch + 1} of a cycle of {self.total_steps} steps")
        super().apply()
        if self.cycle_momentum:
            momentum = self._at(self.last_epoch, self._momentum_levels, self._ends)
            for group in self.optimizer.param_groups:
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum

    def _at(self, t: int, levels: list[float], ends: list[float]) -> float:
        start = 0.0
        for i, end in enumerate(ends):
            if t <= end or i == len(ends) - 1:
                return self._between(levels[i], levels[i + 1], (t - start) / (end - start) if end > start else 1.0)
            start = end
        raise AssertionError("a cycle has at least one phase")


class SequentialLR(LRScheduler):
    """One schedule after another: the next one starts, at its step 0, at each milestone."""

    def __init__(self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int]) -> None:
        if len(schedulers) != len(milestones) + 1:
            raise ValueError(f"SequentialLR: {len(schedulers)} schedulers need {len(schedulers) - 1} milestones, not {len(milestones)}")
        if any(s.optimizer is not optimizer for s in schedulers):
            raise ValueError("SequentialLR: all schedulers must be of the optimizer given")
        self.schedulers, self.milestones = schedulers, milestones
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        which = bisect_right(self.milestones, t)
        return self.schedulers[which].lr_at(t - ([0, *self.milestones])[which], base, group)


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the learning rate by ``factor`` when a metric has not improved for ``patience`` steps.

    ``step`` takes the metric. An improvement is a value below best * (1 - threshold), or best - threshold with
    ``threshold_mode="abs"``; for ``mode="max"``, above. After a cut, ``cooldown`` steps are not counted.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1, not {factor!r}")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            given = f"{mode!r} and {threshold_mode!r}"
            raise ValueError(f"ReduceLROnPlateau: mode is 'min' or 'max' and threshold_mode 'rel' or 'abs', not {given}")
        self.mode, self.factor, self.patience, self.eps = mode, factor, patience, eps
        self.threshold, self.threshold_mode, self.cooldown = threshold, threshold_mode, cooldown
        self.min_lrs = list(min_lr) if isinstance(min_lr, (list, tuple)) else [min_lr] * len(optimizer.param_groups)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0
        super().__init__(optimizer)

    def apply(self) -> None:
        """Nothing: the learning rates are what they are, until they are cut."""

    def step(self, metrics: float | None = None) -> None:
        """Take note of the metric, and cut the learning rates if it is time."""
        if metrics is None:
            raise TypeError("ReduceLROnPlateau.step needs the metric")
        self.last_epoch += 1
        value = float(metrics)
        if self._better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                new = max(group["lr"] * self.factor, least)
                if group["lr"] - new > self.eps:
                    group["lr"] = new
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _better(self, value: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        margin = self.threshold if self.threshold_mode == "abs" else self.threshold * sign * self.best
        if math.isinf(self.best):
            return sign * value < math.inf
        return sign * value < sign * self.best - margin

    def state_dict(self) -> dict[str, Any]:
        names = ("best", "num_bad_epochs", "cooldown_counter")
        return {**super().state_dict(), **{name: getattr(self, name) for name in names}}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for name in ("best", "num_bad_epochs", "cooldown_counter"):
            setattr(self, name, state_dict[name])


def _positive(name: str, argument: str, value: int) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"{name}: {argument} must be a positive integer, not {value!r}")
    return value


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _linear(start: float, end: float, share: float) -> float:
    return start + (end - start) * share
