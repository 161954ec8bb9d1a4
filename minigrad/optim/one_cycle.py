"""The one-cycle schedule."""

from __future__ import annotations

from minigrad.optim.arguments import check_options, check_share, for_each_group, positive_integer
from minigrad.optim.optimizer import Optimizer
from minigrad.optim.schedules import LRScheduler, check_momentum, cosine_between, groups_of, linear_between, set_momentum


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
        groups = groups_of("OneCycleLR", optimizer)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', not {anneal_strategy!r}")
        check_share("OneCycleLR", "pct_start", pct_start)
        check_options("OneCycleLR", div_factor=div_factor, final_div_factor=final_div_factor)
        check_options("OneCycleLR", base_momentum=base_momentum, max_momentum=max_momentum)
        if not div_factor or not final_div_factor:
            raise ValueError(f"OneCycleLR: {'final_div_factor' if div_factor else 'div_factor'} must be above 0, not 0")
        if cycle_momentum:
            check_momentum("OneCycleLR", groups)
        peaks = for_each_group("OneCycleLR", "max_lr", max_lr, len(groups))
        self.total_steps = n = positive_integer("OneCycleLR", "total_steps", total_steps)
        up = float(pct_start * n) - 1
        ends = [up, 2 * up, n - 1] if three_phase else [up, n - 1]
        self._between = cosine_between if anneal_strategy == "cos" else linear_between
        self._rates = []
        for group, peak in zip(groups, peaks, strict=True):
            start = group["initial_lr"] = group["lr"] = peak / div_factor
            levels = [start, peak, *([start] if three_phase else []), start / final_div_factor]
            self._rates.append((levels, ends))
        self._momentum_levels = [max_momentum, base_momentum, max_momentum, *([max_momentum] if three_phase else [])]
        self.cycle_momentum, self._ends = cycle_momentum, ends
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
                set_momentum(group, momentum)

    def _at(self, t: int, levels: list[float], ends: list[float]) -> float:
        start = 0.0
        for i, end in enumerate(ends):
            if t <= end or i == len(ends) - 1:
                return self._between(levels[i], levels[i + 1], (t - start) / (end - start) if end > start else 1.0)
            start = end
        raise AssertionError("a cycle has at least one phase")
