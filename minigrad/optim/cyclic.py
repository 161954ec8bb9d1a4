"""The cyclic schedule: up and down between two learning rates, over and over."""

from __future__ import annotations

from collections.abc import Callable

from minigrad.optim.arguments import check_options, for_each_group, positive_integer
from minigrad.optim.optimizer import Optimizer
from minigrad.optim.schedules import LRScheduler, check_momentum, groups_of, linear_between, set_momentum

MODES = ("triangular", "triangular2", "exp_range")


class CyclicLR(LRScheduler):
    """Triangles from ``base_lr`` up to ``max_lr`` and down again; momentum goes the other way.

    (Smith: "Cyclical learning rates for training neural networks", 2017.)

    Parameters
    ----------
    base_lr, max_lr
        Both ends, for all groups or for each.
    step_size_up, step_size_down
        How many steps go up, and down; by default as many.
    mode
        The height of the triangles: ``"triangular"``, equal; ``"triangular2"``, halved from cycle to cycle; ``"exp_range"``,
        multiplied by gamma^t.
    gamma
        For ``"exp_range"``.
    scale_fn
        A function that gives the height in place of ``mode``, as a share of the whole: of the number of the cycle, from 1, or
        of the step with ``scale_mode="iterations"``.
    scale_mode
        ``"cycle"`` or ``"iterations"``.
    cycle_momentum, base_momentum, max_momentum
        Whether the momentum (or the first of betas) goes from its maximum to its base and back.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
    ) -> None:
        groups = groups_of("CyclicLR", optimizer)
        self._bounds = [for_each_group("CyclicLR", name, value, len(groups)) for name, value in (("base_lr", base_lr), ("max_lr", max_lr))]
        self.step_size_up = positive_integer("CyclicLR", "step_size_up", step_size_up)
        self.step_size_down = positive_integer("CyclicLR", "step_size_down", step_size_up if step_size_down is None else step_size_down)
        if mode not in MODES or scale_mode not in ("cycle", "iterations"):
            kinds = f"mode must be one of {', '.join(map(repr, MODES))} and scale_mode 'cycle' or 'iterations'"
            raise ValueError(f"CyclicLR: {kinds}, not {mode!r} and {scale_mode!r}")
        if scale_fn is not None and not callable(scale_fn):
            raise TypeError(f"CyclicLR: scale_fn must be a function of a number, not {scale_fn!r}")
        check_options("CyclicLR", gamma=gamma)
        momenta = (("max_momentum", max_momentum), ("base_momentum", base_momentum))
        self._momenta = [for_each_group("CyclicLR", name, value, len(groups)) for name, value in momenta]
        if cycle_momentum:
            check_momentum("CyclicLR", groups)
        self.mode, self.gamma, self.scale_fn, self.scale_mode, self.cycle_momentum = mode, gamma, scale_fn, scale_mode, cycle_momentum
        for group, base in zip(groups, self._bounds[0], strict=True):
            group["initial_lr"] = group["lr"] = base
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        low, high = self._bounds
        return linear_between(low[group], high[group], self._height(t))

    def apply(self) -> None:
        super().apply()
        if self.cycle_momentum:
            for group, most, least in zip(self.optimizer.param_groups, *self._momenta, strict=True):
                set_momentum(group, linear_between(most, least, self._height(self.last_epoch)))

    def _height(self, t: int) -> float:
        """Return how far the triangles have gone up at step ``t``, as a share."""
        cycle, place = divmod(t, self.step_size_up + self.step_size_down)
        share = min(place / self.step_size_up, (self.step_size_up + self.step_size_down - place) / self.step_size_down)
        if self.scale_fn is not None:
            return share * self.scale_fn(cycle + 1 if self.scale_mode == "cycle" else t)
        return share * {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": float(self.gamma) ** t}[self.mode]
