"""What becomes of a mutant: its formula is put in place, and the gradients of every sample are held against numerical derivatives.

The forward pass and the numerical derivatives do not depend on the backward formulas, so they are computed once for each
sample; a mutant costs only its own backward passes, and most are dead after the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from minigrad.core.graph import Output
from minigrad.core.mode import changed_mode
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor
from minigrad.gradcheck.checks.backward import backward_rows
from minigrad.gradcheck.checks.conventions import CONVENTIONS, Convention, trial_of
from minigrad.gradcheck.checks.derivative import Settings, derivative_rows
from minigrad.gradcheck.mutants.changes import Mutant, Reached, mutants_of
from minigrad.gradcheck.numerics.differentiation import Slopes
from minigrad.gradcheck.numerics.linearization import Linearization, cotangent, numeric_slopes
from minigrad.gradcheck.numerics.problem import Problem, pull
from minigrad.gradcheck.numerics.row import FAIL, Row
from minigrad.gradcheck.samples import Sample
from minigrad.gradcheck.samples.problems import problem_of, samples_of

KILLED, CRASHED, EQUIVALENT, SURVIVED = "killed", "crashed", "equivalent", "survived"
SAME = 1e-12  #: relative difference up to which two gradients count as one
MORE_SEEDS = (1, 2)


@dataclass
class Trial:
    """One sample, one set of cotangents, and what the gradients have to be."""

    outputs: list[Tensor]
    inputs: list[Tensor]
    cotangents: list[Any]
    truth: list[Any]
    allowed: list[Any]

    def gradients(self) -> list[Any]:
        """Run the backward pass with the formulas of now."""
        for y in self.outputs:
            node = y.node.parents[0] if isinstance(y.node, Output) else y.node
            if node is not None and node.plan is not None:
                node.plan = node.plan.op.plan(tuple(p is not None for p in node.parents))
        found = pull(self.outputs, self.inputs, self.cotangents)
        return [np.zeros(x.shape) if g is None else g.data for g, x in zip(found, self.inputs, strict=True)]

    def rejects(self, gradients: list[Any]) -> bool:
        """Tell whether some gradient is further from the numerical one than its error explains."""
        pairs = zip(gradients, self.truth, self.allowed, strict=True)
        return any(not bool((np.abs(g - n) <= tolerance).all()) for g, n, tolerance in pairs)


class MutantRunner:
    """Runs the backward pass of one op with its formulas changed, on trials made of its samples and conventions."""

    def __init__(self, op: Op, name: str, rtol: float = 1e-8) -> None:
        self.op, self.name = op, name
        with changed_mode(plain=True):
            self.trials = [t for sample in samples_of(name) for t in _trials(op, sample, np.random.default_rng(11), rtol)]
            self.trials += [_convention_trial(op, convention) for convention in CONVENTIONS.get(name, [])]
        self.trials.sort(key=lambda t: -sum(x.size for x in t.inputs))

    @contextmanager
    def replaced(self, index: int, function: Callable[..., Any]) -> Iterator[None]:
        """Put another function in the place of formula number ``index``."""
        formula = self.op.formulas[index]
        right = formula.function
        try:
            formula.function = function
            self.op.plans.clear()
            with changed_mode(plain=True), np.errstate(all="ignore"):
                yield
        finally:
            formula.function = right
            self.op.plans.clear()

    def outcome(self, index: int, mutant: Mutant) -> str:
        """Return what becomes of a mutant of formula number ``index``."""
        if mutant.check != "value":
            return KILLED if self.caught(index, mutant) else EQUIVALENT if self.same(index, mutant.function) else SURVIVED
        try:
            with self.replaced(index, mutant.function):
                if any(trial.rejects(trial.gradients()) for trial in self.trials):
                    return KILLED
        except Exception:  # a mutant may raise anything
            return CRASHED
        return EQUIVALENT if self.same(index, mutant.function) and (mutant.shared or self.reached(index, mutant)) else SURVIVED

    def caught(self, index: int, mutant: Mutant) -> bool:
        """Tell whether the checks of the backward pass, or the second derivative, show a mistake on some sample."""
        for sample in samples_of(self.name):
            problem = problem_of(self.op, sample)
            if not problem.wrt or not all(x.size for x in problem.inputs):
                continue
            with self.replaced(index, mutant.function):
                rng = np.random.default_rng(5)
                found = Linearization.of(problem, rng, 2)
                if mutant.check == "backward":
                    rows = list(backward_rows(problem, found.outputs, found.pull, found.cotangents, 1))
                else:
                    rows = self._second_order(problem, found, rng)
            if any(row.verdict == FAIL for row in rows):
                return True
        return False

    def _second_order(self, problem: Problem, found: Linearization, rng: np.random.Generator) -> list[Row]:
        """Check the second derivative along a random direction."""
        second = problem.derivative(found.cotangents[0])
        return derivative_rows(second, Linearization.of(second, rng, 1), rng, 2, Settings(directions=1), [])

    def same(self, index: int, function: Callable[..., Any]) -> bool:
        """Tell whether a formula gives what the right one gives, on samples from other seeds too."""
        everywhere = self.everywhere
        try:
            with self.replaced(index, function):
                for trial, right in everywhere:
                    cotangents = [v for v in trial.cotangents if v is not None]  # beside which what is exactly zero may be rounding
                    largest = max(np.abs(a).max(initial=0.0) for a in (*right, *cotangents))
                    for a, b in zip(right, trial.gradients(), strict=True):
                        if not np.abs(a - b).max(initial=0.0) <= SAME * largest:
                            return False
        except Exception:  # a mutant may raise anything, and return anything
            return False
        return True

    def reached(self, index: int, mutant: Mutant) -> bool:
        """Tell whether some sample runs the changed place."""
        if not mutant.place:
            return True
        try:
            with self.replaced(index, mutant.tripwire()):
                for trial in self.trials:
                    trial.gradients()
        except Reached:
            return True
        return False

    @cached_property
    def everywhere(self) -> list[tuple[Trial, list[Any]]]:
        """The trials, and those of other seeds without numerical derivatives, each with what the right formulas give."""
        with changed_mode(plain=True), np.errstate(all="ignore"):
            samples = [s for seed in MORE_SEEDS for s in samples_of(self.name, seed)]
            more = [t for s in samples for t in _trials(self.op, s, np.random.default_rng(12), None)]
            return [(trial, trial.gradients()) for trial in (*self.trials, *more)]

    def mutants(self) -> Iterator[tuple[int, Mutant]]:
        """Yield every mutant with the number of its formula."""
        for index, formula in enumerate(self.op.formulas):
            if not set(formula.inputs) <= self.op.zeros:
                yield from ((index, mutant) for mutant in mutants_of(self.op, index))


def _trials(op: Op, sample: Sample, rng: np.random.Generator, rtol: float | None) -> Iterator[Trial]:
    """Yield trials with all cotangents, and with that of each output alone where there are several."""
    problem = problem_of(op, sample)
    if not problem.wrt:
        return
    inputs = [Tensor(x, requires_grad=True) for x in problem.inputs]
    outputs = problem.outputs(inputs)
    numeric = [numeric_slopes(problem, k, None, "auto") for k in range(len(inputs))] if rtol is not None else []
    full = [[cotangent(rng, y.shape) for y in outputs] for _ in range(2)]
    partial: list[list[Any]] = []
    if len(outputs) > 1:
        partial = [[v if n == only else None for n, v in enumerate(full[0])] for only in range(len(outputs))]
    for cotangents in [*full, *partial]:
        truth, allowed = _truth(problem, outputs, cotangents, numeric, rtol or 0.0)
        yield Trial(outputs, inputs, cotangents, truth, allowed)


def _convention_trial(op: Op, convention: Convention) -> Trial:
    problem, cotangents, expected = trial_of(op, convention)
    inputs = [Tensor(x, requires_grad=True) for x in problem.inputs]
    with np.errstate(all="ignore"):
        outputs = problem.outputs(inputs)
    truth = list(expected(outputs))
    return Trial(outputs, inputs, cotangents(outputs), truth, [1e-9 * np.abs(e).max(initial=0.0) for e in truth])


def _truth(
    problem: Problem, outputs: list[Tensor], cotangents: list[Any], numeric: list[Slopes], rtol: float
) -> tuple[list[Any], list[Any]]:
    """Return the numerical gradients, and by how much one may differ from them."""
    parts = [np.zeros(y.size) if v is None else v.ravel() for v, y in zip(cotangents, outputs, strict=True)]
    v = np.concatenate(parts) if parts else np.zeros(0)
    truth, allowed = [], []
    for x, found in zip(problem.inputs, numeric, strict=False):
        n = (found.slope @ v).reshape(x.shape)
        estimate = np.sqrt(found.error**2 @ v**2)
        estimate[found.singular] = np.inf
        tolerance = np.maximum(rtol * np.abs(n).max(initial=0.0), 10 * estimate.reshape(x.shape))
        truth.append(n)
        allowed.append(tolerance)
    return truth, allowed
