"""Why a gradient is wrong: the wrong one is compared with what each of several mistakes would give.

Four sources, in this order. *Common mistakes*: if what is checked computes a batch norm, a cross-entropy, ..., its gradient is
held against the mistakes people make in those (`minigrad.gradcheck.causes.mistakes`). *Relations* that need no knowledge of the
function: a sign, a factor, a transposition (`minigrad.gradcheck.causes.relations`). *Repairs*: if the function is an op, a change
of its formula that makes the gradient right (`minigrad.gradcheck.causes.repairs`). *Bisection*: if it is made of several ops, the first
that the backward pass meets whose own gradient is wrong (`minigrad.gradcheck.causes.bisection`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.core.device import to_host
from minigrad.gradcheck.causes.bisection import bisected
from minigrad.gradcheck.causes.cotangents import about_the_cotangent
from minigrad.gradcheck.causes.diagnosis import Diagnosis
from minigrad.gradcheck.causes.forms import forms, itself
from minigrad.gradcheck.causes.mistakes import recognised
from minigrad.gradcheck.causes.not_finite import origin
from minigrad.gradcheck.causes.other_cotangents import of_another_cotangent
from minigrad.gradcheck.causes.relations import Relation, elsewhere, equal, relations
from minigrad.gradcheck.causes.repairs import repairs
from minigrad.gradcheck.numerics.linearization import cotangent, numeric_slopes
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.numerics.row import FAIL, Row

if TYPE_CHECKING:
    from minigrad.gradcheck.result import Result

#: what a check other than the derivative says about the cause
BY_CHECK = {
    "pure": "the forward pass writes to its argument; compute a new array instead of using out= or an assignment",
    "deterministic": "the forward pass draws random numbers, or keeps a state from call to call",
    "pure backward": "the backward pass writes to an array it was given (g *= ..., out=g); it may belong to somebody else",
    "repeatable": "the backward pass keeps a state from call to call: a value is stored outside what the formula is given",
    "strided cotangent": "the backward pass depends on how the cotangent lies in memory: it reinterprets or reshapes its buffer",
    "strided input": "the value or the gradient depends on how the input lies in memory: something reinterprets or reshapes its buffer",
    "missing cotangent": "a missing cotangent (None) is not treated as zero",
}
#: checks that fail if a gradient is not linear in the cotangent
NOT_LINEAR = ("zero cotangent", "linear")


def causes_of(result: Result) -> list[Diagnosis]:
    """Return what is known about the cause of a failure. Where a gradient is not finite, that is all there is to say."""
    failed = [row for row in result.rows if row.verdict == FAIL]
    problem = result.problem
    not_finite = [row for row in failed if row.check == "finite gradient"]
    if not_finite:
        return [_about_what_is_not_finite(not_finite[0], problem, result.seed)]
    found = [Diagnosis(row.check.replace(" ", "_"), BY_CHECK[row.check], row.input) for row in failed if row.check in BY_CHECK]
    found += [_about_an_exception(row) for row in failed if row.check == "runs"]
    if problem is None:
        return found
    not_linear = {row.input for row in failed if row.check in NOT_LINEAR}
    of_cotangents = {cause.input: cause for cause in about_the_cotangent(problem, not_linear, result.seed)} if not_linear else {}
    derivatives = [row for row in failed if row.check == "derivative"]
    of_values: dict[str, list[Diagnosis]] = {}
    for k, i in enumerate(problem.wrt):
        bad = next((row for row in derivatives if row.input == problem.names[i] and row.order == 1), None)
        if bad is not None:
            of_values[bad.input] = _about_an_input(result, k) or _about_a_singular_point(bad)
    for name in dict.fromkeys([*of_cotangents, *of_values]):
        cause, values = of_cotangents.get(name), of_values.get(name, [])
        found += [cause] if cause is not None and not (cause.id == "not_linear" and values) else []  # float32 is not linear either
        found += values
    if of_values:
        smooth = not any(row.jumps or row.kinks for row in derivatives)
        found += bisected(problem, result.seed, smooth)
    if derivatives and not of_values:
        text = (
            "the first derivative is right and the second is not: the formula uses a value as a constant that depends on the inputs "
            "(.data, detach, a NumPy function, an array kept from the forward pass)"
        )
        found.append(Diagnosis("detached", text))
    return list({str(cause): cause for cause in found}.values())


def _about_what_is_not_finite(row: Row, problem: Problem | None, seed: int) -> Diagnosis:
    text = f"{row.message}: {origin(problem, seed) if problem is not None and row.order == 1 else ''}".rstrip(": ")
    return Diagnosis("not_finite", f"for {row.input}, {text}", row.input)


def _about_a_singular_point(row: Row) -> list[Diagnosis]:
    if not row.jumps and not row.kinks:
        return []
    return [Diagnosis("jump" if row.jumps else "kink", f"for {row.input}, {row.message}", row.input)]


def _about_an_exception(row: Row) -> Diagnosis:
    if "returned shape" in row.message or "has shape" in row.message:
        text = "a gradient has not the shape of its input: is a sum over broadcast axes missing, or a transposition?"
        return Diagnosis("shape", text)
    return Diagnosis("does_not_run", "the backward pass does not run")


def _about_an_input(result: Result, k: int) -> list[Diagnosis]:
    """Compare the gradient for input number ``k`` with what mistakes would give."""
    problem = result.problem
    assert problem is not None
    name = problem.names[problem.wrt[k]]
    rng = np.random.default_rng(result.seed + 1)
    outputs, pull = problem.pullback(problem.inputs)
    numeric = numeric_slopes(problem, k, None, "auto")
    vs = [cotangent(rng, y.shape) for y in outputs]
    gradient = pull(vs)[k]
    x = to_host(problem.inputs[k])
    wrong = np.zeros(x.shape) if gradient is None else to_host(gradient.data)
    right = (numeric.slope @ np.concatenate([v.ravel() for v in vs])).reshape(x.shape)
    right = np.where(numeric.singular.reshape(x.shape), wrong, right)  # there is no right one there
    tolerance = max(1e-8, 10 * float(numeric.error.max(initial=0.0)) / max(float(np.abs(right).max(initial=0.0)), 1e-300))
    if equal(wrong, right, tolerance):
        return []  # only other cotangents show it
    found = _common_mistakes(problem, k, outputs, pull, name)
    if not found:
        others = {problem.names[i]: to_host(problem.args[i]) for i in problem.wrt}
        ys = [to_host(y.data) for y in outputs]
        related = [*relations(wrong, right, others, vs, tolerance), *forms(wrong, right, x, ys, vs, tolerance)]
        related += itself(lambda at: problem.value([*problem.inputs[:k], at, *problem.inputs[k + 1 :]]), x, wrong, vs)
        if not related:
            related = [*elsewhere(wrong, right, tolerance), *_of_another_input(problem, k, wrong, vs, tolerance)]
        if not related and len(vs) == 1:
            related = list(of_another_cotangent(numeric.slope, wrong, vs[0], max(tolerance, 1e-7)))
        found = [Diagnosis(mistake, f"your gradient for {name} is {what}", name) for mistake, what in related]
    return found + repairs(result, k, vs, right, tolerance)


def _of_another_input(problem: Problem, k: int, wrong: Any, vs: list[Any], tolerance: float) -> Iterator[Relation]:
    """Yield whether a gradient is that of another input of the same shape."""
    flat = np.concatenate([v.ravel() for v in vs])
    for j, x in enumerate(problem.inputs):
        if j != k and x.shape == wrong.shape and x.size > 1:
            right = (numeric_slopes(problem, j, None, "auto").slope @ flat).reshape(wrong.shape)
            if equal(wrong, right, max(tolerance, 1e-7)):
                yield "swapped", f"the one for {problem.names[problem.wrt[j]]}: are the two swapped?"


def _common_mistakes(problem: Problem, k: int, outputs: list[Any], pull: Any, name: str) -> list[Diagnosis]:
    """Compare with the mistakes of functions that compute the same; only the first output gets a cotangent."""
    if not outputs:
        return []
    y = to_host(outputs[0].data)
    v = cotangent(np.random.default_rng(7), y.shape)
    found = pull([v, *[None] * (len(outputs) - 1)])[k]
    if found is None:
        return []
    wrong, causes = to_host(found.data), []
    args = [to_host(a) if hasattr(a, "dtype") else a for a in problem.args]
    with np.errstate(all="ignore"):
        for function in recognised(args, y, v):
            same = []
            for sentence, gradient in function.mistakes.get(problem.wrt[k], {}).items():
                try:
                    candidate = gradient()
                except (ValueError, ZeroDivisionError):  # a mistake that these shapes do not allow
                    continue
                if equal(wrong, candidate, 1e-9):
                    same.append(sentence)
            if same:  # several mistakes can give one gradient
                text = f"your gradient for {name} is {'; or it is '.join(same)} (this is {function.name})"
                causes.append(Diagnosis("common_mistake", text, name))
    return causes
