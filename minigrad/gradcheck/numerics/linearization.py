"""A problem linearized at its point, in both ways: gradients by backward, and slopes by numerical differentiation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.backends import Array
from minigrad.core.device import to_host
from minigrad.core.tensor import Tensor
from minigrad.gradcheck.numerics.differentiation import Slopes, slopes
from minigrad.gradcheck.numerics.problem import Problem

Vector = np.ndarray[Any, Any]


def cotangent(rng: np.random.Generator, shape: tuple[int, ...]) -> Vector:
    """Return random numbers of both signs, none of them small: no output is left out of the check."""
    v = np.asarray(rng.standard_normal(shape))
    return np.copysign(0.2 + np.abs(v), v)


@dataclass
class Linearization:
    """Outputs at a point, several cotangents, and the gradients that backward gives for them."""

    outputs: list[Tensor]
    pull: Callable[..., list[Any]]
    cotangents: list[list[Vector]]
    gradients: list[list[Any]]

    @classmethod
    def of(cls, problem: Problem, rng: np.random.Generator, count: int) -> Linearization:
        """Run the function and its backward pass ``count`` times."""
        outputs, pull = problem.pullback(problem.inputs)
        cotangents = [[cotangent(rng, y.shape) for y in outputs] for _ in range(count)]
        return cls(outputs, pull, cotangents, [pull([v.copy() for v in vs]) for vs in cotangents])

    @property
    def flat(self) -> Vector:
        """The cotangents, each as one vector."""
        return np.array([np.concatenate([np.zeros(0), *(v.ravel() for v in vs)]) for vs in self.cotangents])

    @property
    def largest(self) -> float:
        """The largest term of any <cotangent, output>."""
        values = np.concatenate([np.zeros(0), *(to_host(y.data).ravel() for y in self.outputs)])
        return float(np.abs(self.flat * values).max(initial=0.0))

    def analytic(self, k: int, x: Array) -> Vector:
        """The gradients with respect to input number ``k``, one for each cotangent."""
        return np.array([np.zeros(x.shape) if g[k] is None else to_host(g[k].data) for g in self.gradients])


def numeric_slopes(
    problem: Problem, k: int, directions: Sequence[Vector] | None, method: str, *, careful: bool = False, stretch: float = 1.0
) -> Slopes:
    """Differentiate all outputs numerically with respect to input number ``k``, as `slopes` does."""
    inputs = problem.inputs

    def value(point: Array) -> Vector:
        return problem.value([*inputs[:k], point, *inputs[k + 1 :]])

    return slopes(value, inputs[k], directions, method, careful=careful, stretch=stretch)
