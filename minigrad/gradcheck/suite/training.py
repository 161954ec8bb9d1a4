"""Checking gradients inside a training run: at the weights that were trained, on a batch of the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad import nn
from minigrad.core.tensor import Tensor
from minigrad.gradcheck.check import gradcheck
from minigrad.gradcheck.numerics.row import FAIL
from minigrad.gradcheck.result import Result


class DuringTraining:
    """A callback for ``Trainer.fit(on_epoch=...)`` that checks the gradients of the loss with respect to every parameter.

    Random weights of a new model seldom saturate, and saturated units or tiny variances are where formulas go wrong. The
    check runs in float64 on a copy of the values; parameters, buffers and random state are as before after it::

        check = mg.gradcheck.DuringTraining(model, loss, x, target)
        trainer.fit(loader, epochs=3, on_epoch=check)
        check.results[-1].digits

    Parameters
    ----------
    model, loss
        As the trainer has them. Layers that draw random numbers (dropout in training) cannot be checked.
    x, target
        A small batch.
    every
        Check after so many epochs.
    directions
        Along how many random directions of each parameter.

    Attributes
    ----------
    results
        What each check found.

    Raises
    ------
    AssertionError
        When called, if a gradient is wrong; training ends with the report. A check that cannot tell raises nothing.
    ValueError
        If ``every`` or ``directions`` is less than 1.
    """

    def __init__(
        self, model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, target: Tensor, *, every: int = 1, directions: int = 1
    ) -> None:
        if every < 1 or directions < 1:
            raise ValueError(f"DuringTraining takes every and directions from 1 on, not {every} and {directions}")
        self.function, self.x = _Loss(model, loss, target), x
        self.every, self.directions, self.calls = every, directions, 0
        self.results: list[Result] = []

    def __call__(self, line: dict[str, Any]) -> None:
        """Check, if it is time to; ``line`` is the trainer's and is not looked at."""
        self.calls += 1
        if self.calls % self.every:
            return
        result = gradcheck(self.function, [self.x], directions=self.directions, upcast=True, name="the loss in training")
        self.results.append(result)
        if result.verdict == FAIL:
            result.assert_ok()


class _Loss(nn.Module):
    """The loss of a model on a batch, as a function of the input and the parameters."""

    def __init__(self, model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], target: Tensor) -> None:
        super().__init__()
        self.model, self.loss, self.target = model, loss, target
        self.training = model.training

    def forward(self, x: Tensor) -> Tensor:
        return self.loss(self.model(x), self.target)
