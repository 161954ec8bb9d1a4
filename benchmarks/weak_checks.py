"""How many of the course's wrong gradients do other courses' checks let pass? The table of the README is this program's output.

    python benchmarks/weak_checks.py

The known wrong answers of ``minigrad learn`` that `minigrad.gradcheck` rejects, at the order that their exercise asks for, are put to
three checks: that there is a gradient and it is not zero (what TinyTorch's tests asked for, until its pull request 1336), a cotangent of
ones against differences (``gradient_check`` of CMU 10-414, homework 1), and a random cotangent against differences with the relative error
of CS231n. Random numbers have fixed seeds. A gradient that a check cannot run on does not pass it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest.mock import patch

import numpy as np

from minigrad.gradcheck import Result
from minigrad.gradcheck.numerics.linearization import cotangent
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.learn import grading
from minigrad.learn.course import find

Arrays = list[np.ndarray[Any, Any]]


def wrong_gradients() -> Iterator[tuple[str, Result]]:
    """Yield each known wrong answer that a gradient check looks at, with what that found."""
    for exercise in find(None).exercises.values():
        for wrong in exercise.wrongs:
            with patch.object(grading, "recognise", return_value=[]) as recognise:  # it is given the check that failed
                grading.check(exercise, exercise.with_mistake(wrong))
            for call in recognise.call_args_list:
                if call.args[0].problem is not None:
                    yield f"{exercise.id}/{wrong.id}", call.args[0]


def gradients(problem: Problem, cotangents: Arrays) -> Arrays:
    """What the backward pass under test gives."""
    _, pull = problem.pullback(problem.inputs)
    return [np.zeros(x.shape) if g is None else np.asarray(g.data) for g, x in zip(pull(cotangents), problem.inputs, strict=True)]


def differences(problem: Problem, cotangents: Arrays, h: float) -> Arrays:
    """Central differences of <cotangents, outputs>."""
    weights = np.concatenate([v.ravel() for v in cotangents])

    def slope(k: int, at: tuple[int, ...]) -> float:
        values = []
        for step in (h, -h):
            inputs = [np.array(x) for x in problem.inputs]
            inputs[k][at] += step
            values.append(float(weights @ problem.value(inputs)))
        return (values[0] - values[1]) / (2 * h)

    return [np.array([slope(k, at) for at in np.ndindex(x.shape)]).reshape(x.shape) for k, x in enumerate(problem.inputs)]


def is_there(problem: Problem, shapes: Sequence[tuple[int, ...]]) -> bool:
    return all(g.any() for g in gradients(problem, [np.ones(shape) for shape in shapes]))


def agrees_for_ones(problem: Problem, shapes: Sequence[tuple[int, ...]]) -> bool:
    ones = [np.ones(shape) for shape in shapes]
    pairs = zip(gradients(problem, ones), differences(problem, ones, 1e-4), strict=True)
    return sum(float(np.linalg.norm(g - t)) for g, t in pairs) < 1e-6


def agrees_at_random(problem: Problem, shapes: Sequence[tuple[int, ...]]) -> bool:
    rng = np.random.default_rng(1)
    vs = [cotangent(rng, shape) for shape in shapes]
    pairs = zip(gradients(problem, vs), differences(problem, vs, 1e-5), strict=True)
    return all(float((np.abs(g - t) / np.maximum(1e-8, np.abs(g) + np.abs(t))).max()) < 1e-6 for g, t in pairs)


CHECKS: dict[str, Callable[[Problem, Sequence[tuple[int, ...]]], bool]] = {
    "the gradient is there and not zero": is_there,
    "a cotangent of ones, differences, absolute error below 1e-6": agrees_for_ones,
    "a random cotangent, differences, relative error below 1e-6": agrees_at_random,
}


def lets_pass(check: Callable[..., bool], problem: Problem) -> bool:
    """Whether a check accepts a gradient; one that raises is not accepted."""
    with np.errstate(all="ignore"):
        try:
            outputs, _ = problem.pullback(problem.inputs)
            return check(problem, [y.shape for y in outputs])
        except Exception:
            return False


def table() -> str:
    """Count, and return the table."""
    passed = dict.fromkeys(CHECKS, 0)
    count = 0
    for _, result in wrong_gradients():
        assert result.problem is not None
        count += 1
        for name, check in CHECKS.items():
            passed[name] += lets_pass(check, result.problem)
    rows = [f"| {name} | {n} |" for name, n in passed.items()]
    return "\n".join([f"| a check that asks for | of {count} wrong gradients, pass |", "|---|---|", *rows])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(table())
