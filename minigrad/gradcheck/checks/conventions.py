"""Points where a derivative is a convention: ties, kinks, the edge of a domain. What each op chose, as numbers.

Differences cannot tell what a subgradient ought to be, so it stands here, once, and is compared exactly. Mutants are held against
it too: a wrong share at a tie is noticed like any other mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.numerics.row import FAIL, PASS, Row

INF = math.inf


@dataclass(frozen=True)
class Convention:
    """For these arguments, the gradient of each differentiated input as a function of the cotangent."""

    args: tuple[Any, ...]
    gradients: Callable[[Any], tuple[Any, ...]]
    why: str
    params: dict[str, Any] = field(default_factory=dict)


def _at(*args: Any) -> tuple[Any, ...]:
    return tuple(a if isinstance(a, np.ndarray) else np.array(a, dtype=np.float64) for a in args)


def _mask(values: Any) -> Callable[[Any], tuple[Any]]:
    weights = np.array(values, dtype=np.float64)
    return lambda g: (g * weights,)


def _scalar(**params: Any) -> Convention:
    """Of one number without axes the op is that number."""
    return Convention(_at(2.5), lambda g: (g,), "a number is its own", params)


_HALVES = (lambda g: (g / 2, g / 2), "a tie is shared in halves")

CONVENTIONS: dict[str, list[Convention]] = {
    "abs": [Convention(_at([0.0, -2.0]), _mask([0, -1]), "slope 0 at 0")],
    "relu": [Convention(_at([0.0, 2.0]), _mask([0, 1]), "slope 0 at 0")],
    "maximum": [Convention(_at([1.0, -2.0], [1.0, -2.0]), *_HALVES)],
    "minimum": [Convention(_at([1.0, -2.0], [1.0, -2.0]), *_HALVES)],
    "max": [
        Convention(_at([[math.nan, 1.0], [2.0, 3.0]]), lambda g: (np.array([[0, 0], [0, 1]]) * g[:, None],), "not a number", {"axis": 1}),
        Convention(_at([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]), lambda g: (np.array([[0, 1 / 2, 1 / 2], [1 / 3] * 3]) * g[:, None],),
                   "ties share evenly", {"axis": 1}),
        Convention(_at([[4.0, 4.0], [4.0, 1.0]]), lambda g: (g * np.array([[1, 1], [1, 0]]) / 3,), "ties share evenly"),
        _scalar(axis=-1),
    ],
    "embedding": [
        Convention(_at([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.array([[2, 1], [0, 1]])),
                   lambda g: (np.array([g[1, 0], 0 * g[0, 0], g[0, 0]]),), "no gradient for the padding", {"padding_idx": 1}),
    ],
    "mean_cross_entropy": [
        Convention(_at([[1.0, 2.0], [3.0, 4.0]], np.array([-100, -100])), lambda g: (np.zeros((2, 2)),), "nothing is counted")
    ],
    "min": [
        Convention(_at([[math.nan, 1.0], [2.0, 3.0]]), lambda g: (np.array([[0, 0], [1, 0]]) * g[:, None],), "not a number", {"axis": 1}),
        Convention(_at([[1.0, 1.0, 3.0], [2.0, 2.0, 2.0]]), lambda g: (np.array([[1 / 2, 1 / 2, 0], [1 / 3] * 3]) * g,),
                   "ties share evenly", {"axis": 1, "keepdims": True}),
        _scalar(axis=-1),
    ],
    "ctc_alpha": [
        Convention(_at(np.zeros((1, 1, 3)), [[0.3, -INF, -INF]], np.zeros((1, 3), bool)),
                   lambda g: (g, np.array([[g[0, 0, 0] + g[0, 0, 1], 0, 0]])), "no way leads to the last place")
    ],
    "hypot": [
        Convention(_at([0.0, 3.0, 1.0], [0.0, 4.0, 0.0]), lambda g: (g * [0, 0.6, 1], g * [0, 0.8, 0]), "slope 0 at the origin")
    ],
    "copysign": [Convention(_at([0.0, -0.0, 2.0], [1.0, -1.0, -3.0]), lambda g: (g * [0, 0, -1], 0 * g), "slope 0 at 0")],
    "logcumsumexp": [
        Convention(_at([-INF, -INF, 0.3, -INF]), lambda g: (np.array([0, 0, g[2] + g[3], 0]),), "no share where all so far are -inf"),
        _scalar(axis=-1),
    ],
    "cumulative_prod": [_scalar(axis=-1)],
    "cummax": [_scalar(axis=-1)],
    "cummin": [_scalar(axis=-1)],
    "sort": [_scalar(axis=-1)],
    "prod": [_scalar(axis=-1)],
    "logaddexp": [Convention(_at([INF, -INF, INF], [INF, -INF, 1.0]), lambda g: (g * [0.5, 0.5, 1], g * [0.5, 0.5, 0]), "infinite alike")],
    "logsumexp": [
        Convention(_at([[-INF, -INF], [0.0, 0.0]]), lambda g: (np.array([[0, 0], [0.5, 0.5]]) * g[:, None],), "all -inf", {"axis": 1}),
        Convention(_at(np.zeros((2, 0))), lambda g: (np.zeros((2, 0)),), "of no elements", {"axis": 1}),
        Convention(_at([INF, 1.0, INF]), lambda g: (g * [0.5, 0, 0.5],), "infinite elements share evenly"),
        _scalar(axis=-1),
    ],
    "xlogy": [
        Convention(_at([0.0, 0.0, 2.0], [0.0, -1.0, 1.0]), lambda g: (0 * g, g * [0, 0, 2]), "0 where a = 0 and b <= 0"),
        Convention(_at([0.0], [math.e]), lambda g: (g, 0 * g), "the usual slope where a = 0 < b"),
    ],
    "pow": [
        Convention(_at([0.0, 0.0], [0.0, 1.0]), lambda g: (g * [0, 1], 0 * g), "0**0 is 1, and flat"),
        Convention(_at([0.0, 1.0, 2.0], [3.0, 0.0, 0.0]), lambda g: (0 * g, g * [0, 0, math.log(2)]), "flat in a where b = 0"),
    ],
    "vector_norm": [
        Convention(_at([[0.0, 0.0], [3.0, 4.0]]), lambda g: (np.array([[0, 0], [0.6, 0.8]]) * g[:, None],), "slope 0 at 0", {"axis": 1}),
        Convention(_at([0.0, 0.0]), lambda g: (np.zeros(2),), "slope 0 at 0", {"ord": 3}),
        Convention(_at([0.0, -2.0]), lambda g: (g * [0, -1],), "slope 0 at 0", {"ord": 1}),
        Convention(_at([0.0, -2.0]), lambda g: (g * [0, -1],), "slope 0 at 0", {"ord": 1.5}),
        Convention(_at([[1.0, -1.0, 0.5], [0.0, 0.2, 0.0]]), lambda g: (np.array([[0.5, -0.5, 0], [0, 1, 0]]) * g[:, None],),
                   "ties share evenly", {"ord": INF, "axis": 1}),
        Convention(_at([[1.0, 0.0], [-1.0, 0.2], [0.5, 0.0]]), lambda g: (np.array([[0.5, 0], [-0.5, 1], [0, 0]]) * g,),
                   "ties share evenly", {"ord": INF, "axis": 0}),
        _scalar(axis=-1),
    ],
    "std": [
        Convention(_at([[2.0, 2.0], [1.0, 3.0]]), lambda g: (np.array([[0, 0], [-0.5, 0.5]]) * g[:, None],), "slope 0 where it is 0",
                   {"axis": 1}),
    ],
    "binary_cross_entropy": [
        Convention(_at([0.0, 1.0, 0.0], [1.0, 0.0, 0.0]), lambda g: (g * [-1e12, 1e12, 0], g * [100, -100, 100]), "bounds at 0 and 1")
    ],
    "elu": [Convention(_at([0.0]), lambda g: (g * 1.7,), "slope alpha at 0", {"alpha": 1.7})],
}  # fmt: skip


def convention_rows(name: str, op: Any) -> list[Row]:
    """Compare the gradients of an op with its conventions."""
    rows = []
    for convention in CONVENTIONS.get(name, []):
        problem, cotangents, expected = trial_of(op, convention)
        with np.errstate(all="ignore"):
            outputs, pull = problem.pullback(problem.inputs)
            found = pull(cotangents(outputs))
        for i, g, e in zip(problem.wrt, found, expected(outputs), strict=True):
            value = np.zeros(e.shape) if g is None else g.data
            same = value.shape == e.shape and bool(np.allclose(value, e, rtol=1e-12, atol=0, equal_nan=True))
            message = convention.why if same else f"{convention.why}: expected {e.tolist()}, got {value.tolist()}"
            rows.append(Row("convention", 1, problem.names[i], e.shape, PASS if same else FAIL, message=message))
    return rows


def trial_of(op: Any, convention: Convention) -> tuple[Problem, Any, Any]:
    """Return the problem, its cotangents and the gradients expected for them, both as functions of the outputs."""
    names = [op.input_name(i) for i in range(len(convention.args))]
    wrt = [i for i, a in enumerate(convention.args) if a.dtype.kind == "f"]
    problem = Problem(partial(op, **convention.params), convention.args, wrt, names)

    def cotangents(outputs: Any) -> list[Any]:
        return [np.linspace(0.7, 1.9, y.size).reshape(y.shape) if n == 0 else None for n, y in enumerate(outputs)]

    def expected(outputs: Any) -> tuple[Any, ...]:
        return tuple(np.asarray(e) for e in convention.gradients(cotangents(outputs)[0]))

    return problem, cotangents, expected
