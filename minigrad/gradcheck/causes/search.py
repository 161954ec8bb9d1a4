"""Why a gradient is wrong: the wrong one is compared with what each of several mistakes would give.

Three sources, in this order. *Common mistakes*: if what is checked computes a batch norm, a cross-entropy, ..., its gradient is
held against the mistakes people make in those (`minigrad.gradcheck.causes.common_mistakes`). *Relations* that need no knowledge of the
function: a sign, a factor, a transposition (`minigrad.gradcheck.causes.relations`). *Repairs*: if the function is an op, a change
of its formula that makes the gradient right (`minigrad.gradcheck.causes.repairs`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.core.device import to_host
from minigrad.gradcheck.causes.common_mistakes import recognised
from minigrad.gradcheck.causes.relations import equal, relations
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
    "zero cotangent": "something is added to the gradient that is not multiplied with the cotangent",
    "linear": "the gradient is not linear in the cotangent: it enters twice, or inside a function",
    "strided cotangent": "the backward pass depends on how the cotangent lies in memory: it reinterprets or reshapes its buffer",
    "missing cotangent": "a missing cotangent (None) is not treated as zero",
}


def causes_of(result: Result) -> list[str]:
    """Return what is known about the cause of a failure, in sentences."""
    failed = [row for row in result.rows if row.verdict == FAIL]
    found = [BY_CHECK[row.check] for row in failed if row.check in BY_CHECK]
    found += [_about_an_exception(row) for row in failed if row.check == "runs"]
    derivatives = [row for row in failed if row.check == "derivative"]
    if result.problem is None:
        return found
    if any(row.order == 1 for row in derivatives):
        for k, i in enumerate(result.problem.wrt):
            if any(row.input == result.problem.names[i] for row in derivatives):
                found += _about_an_input(result, k)
    elif derivatives:
        found.append(
            "the first derivative is right and the second is not: the formula uses a value as a constant that depends on the inputs "
            "(.data, detach, a NumPy function, an array kept from the forward pass)"
        )
    return list(dict.fromkeys(found))


def _about_an_exception(row: Row) -> str:
    if "returned shape" in row.message or "has shape" in row.message:
        return "a gradient has not the shape of its input: is a sum over broadcast axes missing, or a transposition?"
    return "the backward pass does not run"


def _about_an_input(result: Result, k: int) -> list[str]:
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
    tolerance = max(1e-8, 10 * float(numeric.error.max(initial=0.0)) / max(float(np.abs(right).max(initial=0.0)), 1e-300))
    if equal(wrong, right, tolerance):
        return []  # only other cotangents show it
    sentences = _common_mistakes(problem, k, outputs, pull, name)
    if not sentences:
        others = {problem.names[i]: to_host(problem.args[i]) for i in problem.wrt}
        sentences = [f"your gradient for {name} is {what}" for what in relations(wrong, right, others, vs, tolerance)]
    return sentences + repairs(result, k, vs, right, tolerance)


def _common_mistakes(problem: Problem, k: int, outputs: list[Any], pull: Any, name: str) -> list[str]:
    """Compare with the mistakes of functions that compute the same; only the first output gets a cotangent."""
    if not outputs:
        return []
    y = to_host(outputs[0].data)
    v = cotangent(np.random.default_rng(7), y.shape)
    found = pull([v, *[None] * (len(outputs) - 1)])[k]
    if found is None:
        return []
    wrong, sentences = to_host(found.data), []
    args = [to_host(a) if hasattr(a, "dtype") else a for a in problem.args]
    with np.errstate(all="ignore"):
        for function in recognised(args, y, v):
            for sentence, gradient in function.mistakes.get(problem.wrt[k], {}).items():
                try:
                    candidate = gradient()
                except ValueError:  # a mistake that these shapes do not allow
                    continue
                if equal(wrong, candidate, 1e-9):
                    sentences.append(f"your gradient for {name} is {sentence} (this is {function.name})")
    return sentences
