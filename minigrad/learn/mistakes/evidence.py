"""What rules look at: a failed check, and for each input the true Jacobian beside the learner's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.core.device import to_host
from minigrad.core.op import Op
from minigrad.gradcheck.numerics.linearization import cotangent, numeric_slopes
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.numerics.row import FAIL

if TYPE_CHECKING:
    from minigrad.gradcheck import Result

Vector = np.ndarray[Any, Any]

TOLERANCE = 1e-7
LARGEST = 4_000_000  #: elements of a Jacobian; beyond, values are not looked at


def same(a: Vector, b: Vector, tolerance: float = TOLERANCE) -> bool:
    """Tell whether two arrays agree relative to the larger one of the second."""
    scale = max(float(np.abs(b).max(initial=0.0)), 1e-300)
    return a.shape == b.shape and bool(np.isfinite(a).all()) and bool(np.abs(a - b).max(initial=0.0) <= tolerance * scale)


@dataclass
class Input:
    """An input whose gradient is wrong. Rows of the Jacobians are its elements, columns those of the output."""

    name: str
    x: Vector
    y: Vector
    right: Vector
    wrong: Vector
    others: dict[str, Vector]  #: the other floating-point inputs
    integers: dict[str, Vector]

    @property
    def elementwise(self) -> bool:
        """Whether each element acts on its own element of the output, and the learner's formula says so too."""
        square = self.x.shape == self.y.shape
        return square and all((m == m * np.eye(len(m))).all() for m in (self.right, self.wrong))

    def of_cotangent(self, jacobian: Vector, v: Vector) -> Vector:
        """Return the gradient that a Jacobian gives for a cotangent."""
        return np.asarray((jacobian @ v.ravel()).reshape(self.x.shape))


class Evidence:
    """A failed check and what can be asked about it; each answer is computed once, when a rule first asks."""

    def __init__(self, result: Result, filename: str) -> None:
        self.filename = filename
        self.failed = [row for row in result.rows if row.verdict == FAIL]
        self.result, self.function = result, result.function

    @property
    def problem(self) -> Problem:
        """The function and the point."""
        assert self.result.problem is not None
        return self.result.problem

    @property
    def runs(self) -> bool:
        """Whether the formula gives anything to look at."""
        return self.result.problem is not None and all(row.check != "runs" for row in self.failed)

    @property
    def order(self) -> int:
        """The lowest order at which the derivative is wrong; 0 if no derivative is."""
        return min((row.order for row in self.failed if row.check in ("derivative", "runs")), default=0)

    @property
    def formulas(self) -> list[Any]:
        """The learner's formulas, where an op is checked."""
        return [formula.function for formula in self.function.formulas] if isinstance(self.function, Op) else []

    def gradients(self, cotangents: list[Vector]) -> list[Vector]:
        """Return the learner's gradient for each input."""
        _, pull = self._pullback
        found = pull([v.copy() for v in cotangents])
        return [np.zeros(x.shape) if g is None else to_host(g.data) for g, x in zip(found, self.problem.inputs, strict=True)]

    def cotangents(self, seed: int) -> list[Vector]:
        """Return random cotangents, one for each output."""
        rng = np.random.default_rng(seed)
        return [cotangent(rng, y.shape) for y in self._pullback[0]]

    @cached_property
    def _pullback(self) -> Any:
        return self.problem.pullback(self.problem.inputs)

    @property
    def inputs(self) -> Iterator[Input]:
        """The inputs whose gradient is wrong at order 1, for a function with one output."""
        if self.runs and self.order <= 1:
            yield from self._inputs

    @cached_property
    def _inputs(self) -> list[Input]:
        outputs, _ = self._pullback
        wrong_ones = {row.input for row in self.failed if row.check == "derivative"}
        if len(outputs) != 1:
            return []
        y, problem, found = to_host(outputs[0].data), self.problem, []
        names = [problem.names[i] for i in problem.wrt]
        if not wrong_ones or y.size * max((x.size for x in problem.inputs), default=0) > LARGEST:
            return []
        rows = [self.gradients([unit.reshape(y.shape)]) for unit in np.eye(y.size)]
        for k, (name, array) in enumerate(zip(names, problem.inputs, strict=True)):
            if name in wrong_ones:
                wrong = np.array([row[k].ravel() for row in rows]).T
                arrays = {
                    n: to_host(a) for n, a in zip(problem.names, problem.args, strict=True) if isinstance(a, np.ndarray) and n != name
                }
                others = {n: a for n, a in arrays.items() if a.dtype.kind == "f"}
                integers = {n: a for n, a in arrays.items() if a.dtype.kind in "iu"}
                found.append(Input(name, to_host(array), y, self.jacobian(problem.wrt[k]), wrong, others, integers))
        return found

    def jacobian(self, position: int) -> Vector:
        """Return the true Jacobian for the argument at ``position``, as numerical derivatives give it."""
        problem = Problem(self.problem.function, self.problem.args, [position], self.problem.names)
        slope = numeric_slopes(problem, 0, None, "auto").slope
        return np.where(np.abs(slope) < 1e-9 * np.abs(slope).max(initial=0.0), 0.0, slope)
