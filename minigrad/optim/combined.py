"""Schedules made of others: one after another, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from minigrad.optim.arguments import check_milestones, check_state
from minigrad.optim.optimizer import Optimizer
from minigrad.optim.plateau import ReduceLROnPlateau
from minigrad.optim.schedules import LRScheduler, groups_of


class SequentialLR(LRScheduler):
    """One schedule after another: the next one starts, at its step 0, at each milestone.

    A schedule is a function of its step and the base rate, with which each begins, as in PyTorch. There MultiplicativeLR alone changes the
    rate that it finds: after a milestone it goes on from that of the schedule before it, with its factor at once.
    """

    def __init__(self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int]) -> None:
        groups_of("SequentialLR", optimizer)
        check_schedulers("SequentialLR", schedulers)
        milestones = check_milestones("SequentialLR", milestones)
        if milestones != sorted(milestones):
            raise ValueError(f"SequentialLR: milestones must go up, not {milestones}")
        if len(schedulers) != len(milestones) + 1:
            raise ValueError(f"SequentialLR: {len(schedulers)} schedulers need {len(schedulers) - 1} milestones, not {len(milestones)}")
        if any(s.optimizer is not optimizer for s in schedulers):
            raise ValueError("SequentialLR: all schedulers must be of the optimizer given")
        self.schedulers, self.milestones = schedulers, milestones
        for group in optimizer.param_groups:  # each of the schedules has begun, and only the first one should
            group["lr"] = group["initial_lr"]
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        which = bisect_right(self.milestones, t)
        return self.schedulers[which].lr_at(t - ([0, *self.milestones])[which], base, group)


class ChainedScheduler(LRScheduler):
    """Several schedules in one: a step of it is one step of each, in their order.

    The learning rate is ``base`` times what each of them changes it by. (Several schedules of one optimizer chain without this, too.)
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        check_schedulers("ChainedScheduler", schedulers)
        if not schedulers:
            raise ValueError("ChainedScheduler: schedulers is empty; give the schedules to chain")
        if any(isinstance(s, ReduceLROnPlateau) for s in schedulers):
            raise ValueError("ChainedScheduler: a step of ReduceLROnPlateau takes a metric; step it by itself beside this one")
        optimizer = schedulers[0].optimizer if optimizer is None else optimizer
        groups_of("ChainedScheduler", optimizer)
        if any(s.optimizer is not optimizer for s in schedulers):
            raise ValueError("ChainedScheduler: all schedulers must be of one optimizer")
        self.schedulers = list(schedulers)
        super().__init__(optimizer)

    def lr_at(self, t: int, base: float, group: int) -> float:
        rate = base
        for s in self.schedulers:
            rate *= s.lr_at(t, base, group) / base if base else 0
        return rate

    def apply(self) -> None:
        """Nothing: each of the schedules writes what it changes."""

    def step(self) -> None:
        """Go one step on in each schedule; if one of them refuses, in none."""
        before = self.state_dict()
        try:
            for s in self.schedulers:
                s.step()
        except Exception:
            self._take_over(before)
            raise
        self.last_epoch += 1

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "schedulers": [s.state_dict() for s in self.schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        before = self.state_dict()
        check_state("ChainedScheduler", "ChainedScheduler", state_dict, before.keys())
        if len(state_dict["schedulers"]) != len(self.schedulers):
            saved, own = len(state_dict["schedulers"]), len(self.schedulers)
            raise ValueError(f"ChainedScheduler: the state is of {saved} schedulers; this one has {own}")
        try:
            self._take_over(state_dict)
        except Exception:
            self._take_over(before)
            raise

    def _take_over(self, state_dict: Mapping[str, Any]) -> None:
        for s, state in zip(self.schedulers, state_dict["schedulers"], strict=True):
            s.load_state_dict(state)
        super().load_state_dict(state_dict)


def check_schedulers(name: str, schedulers: Any) -> None:
    """Refuse what is no list of schedules."""
    if not isinstance(schedulers, (list, tuple)):
        raise TypeError(f"{name}: schedulers must be a list of schedules, not {type(schedulers).__name__}")
    for i, s in enumerate(schedulers):
        if not isinstance(s, LRScheduler):
            raise TypeError(f"{name}: schedulers must be a list of schedules; number {i} is of type {type(s).__name__}")
