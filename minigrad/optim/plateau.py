"""Cutting the learning rate when nothing improves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from minigrad.optim.arguments import check_options, for_each_group
from minigrad.optim.optimizer import Optimizer
from minigrad.optim.schedules import LRScheduler, groups_of


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
        groups = groups_of("ReduceLROnPlateau", optimizer)
        check_options("ReduceLROnPlateau", factor=factor, patience=patience, threshold=threshold, cooldown=cooldown, eps=eps)
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1, not {factor!r}")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            given = f"{mode!r} and {threshold_mode!r}"
            raise ValueError(f"ReduceLROnPlateau: mode is 'min' or 'max' and threshold_mode 'rel' or 'abs', not {given}")
        self.mode, self.factor, self.patience, self.eps = mode, factor, patience, eps
        self.threshold, self.threshold_mode, self.cooldown = threshold, threshold_mode, cooldown
        self.min_lrs = for_each_group("ReduceLROnPlateau", "min_lr", min_lr, len(groups))
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0
        super().__init__(optimizer)

    def apply(self) -> None:
        """Nothing: the learning rates are what they are, until they are cut."""

    def alone(self) -> list[float]:
        return self.get_last_lr()

    def step(self, metrics: float | None = None) -> None:
        """Take note of the metric, and cut the learning rates if it is time."""
        try:
            value = float(metrics)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise TypeError(f"ReduceLROnPlateau.step takes the metric, a number, not {metrics!r}") from None
        self.last_epoch += 1
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
        margin = self.threshold if self.threshold_mode == "abs" else self.threshold * self.best
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
