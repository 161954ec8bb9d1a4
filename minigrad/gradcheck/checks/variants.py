"""The same sample in other forms: other memory layouts, one tensor in two places, numbers a thousand times smaller and larger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.backends import Array
from minigrad.core.tensor import Tensor
from minigrad.gradcheck.checks.backward import awkward
from minigrad.gradcheck.checks.derivative import Settings, derivative_rows
from minigrad.gradcheck.numerics.linearization import Linearization, cotangent
from minigrad.gradcheck.numerics.problem import Problem, pull
from minigrad.gradcheck.numerics.row import FAIL, PASS, Row

SCALES = (1e-3, 1e3)
#: ops whose inputs are not scaled, and why
NOT_SCALED = {
    "binary_cross_entropy": "its inputs are probabilities",
    "whiten_zca": "with fewer samples than features the condition number grows with the square of the scale",
}
SLACK = 1e-9  #: relative difference allowed between two forms of one sample, as another layout may be summed in another order


def strided(a: Array) -> Array:
    """Return the same values with a gap after each along the last axis."""
    if not a.ndim:
        return a.copy()
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]))
    wide[..., ::2] = a
    return wide[..., ::2]


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "Fortran order": lambda a: np.array(a, order="F"),
    "strided": strided,
    "reversed and read-only": awkward,
}


def variant_rows(name: str, problem: Problem, rng: np.random.Generator) -> list[Row]:
    """Check a sample of the op called ``name`` in its other forms."""
    if not all(x.size for x in problem.inputs):
        return []
    rows = [*_layout_rows(problem, rng), *_twice_rows(problem, rng)]
    return rows if name in NOT_SCALED else [*rows, *_scale_rows(problem, rng)]


def _layout_rows(problem: Problem, rng: np.random.Generator) -> list[Row]:
    outputs, back = problem.pullback(problem.inputs)
    vs = [cotangent(rng, y.shape) for y in outputs]
    expected = [*outputs, *back(vs)]
    rows = []
    for name, layout in LAYOUTS.items():
        outputs, back = problem.pullback([layout(x) for x in problem.inputs])
        gap = max((_gap(a, b) for a, b in zip([*outputs, *back(vs)], expected, strict=True)), default=0.0)
        message = "" if gap <= SLACK else f"inputs that are {name} give other values or gradients"
        rows.append(Row(f"layout: {name}", 1, "", (), PASS if gap <= SLACK else FAIL, gap, message=message))
    return rows


def _gap(a: Any, b: Any) -> float:
    if a is None or b is None:
        return 0.0 if a is b else np.inf
    scale = float(np.abs(b.data).max(initial=0.0))
    return float(np.abs(a.data - b.data).max(initial=0.0)) / max(scale, 1e-30)


def _twice_rows(problem: Problem, rng: np.random.Generator) -> list[Row]:
    """Give one tensor for the first two inputs of one shape: its gradient must be the sum of the two."""
    inputs = problem.inputs
    if len(inputs) < 2 or inputs[0].shape != inputs[1].shape or not _finite(problem, [inputs[0], *inputs[:1], *inputs[2:]]):
        return []
    apart = [Tensor(x, requires_grad=True) for x in (inputs[0], inputs[0].copy(), *inputs[2:])]
    outputs = problem.outputs(apart)
    vs = [cotangent(rng, y.shape) for y in outputs]
    first, second = (np.zeros(x.shape) if g is None else g.data for g, x in zip(pull(outputs, apart[:2], vs), inputs, strict=False))
    shared = Tensor(inputs[0], requires_grad=True)
    outputs = problem.outputs([shared, shared, *apart[2:]])
    (both,) = pull(outputs, [shared], vs)
    found, expected = (np.zeros(first.shape) if both is None else both.data), first + second
    gap = float(np.abs(found - expected).max(initial=0.0))
    good = gap <= SLACK * float(np.abs(first).max() + np.abs(second).max())
    message = "" if good else "the gradient of a tensor given twice is not the sum of the gradients"
    return [Row("the same tensor twice", 1, "", first.shape, PASS if good else FAIL, gap, message=message)]


def _scale_rows(problem: Problem, rng: np.random.Generator) -> list[Row]:
    """Check the derivative along one direction at inputs of other sizes, where the function is finite there."""
    rows = []
    for scale in SCALES:
        inputs = [np.asarray(x * scale) for x in problem.inputs]
        if not _finite(problem, inputs):
            continue
        args = list(problem.args)
        for i, x in zip(problem.wrt, inputs, strict=True):
            args[i] = x
        scaled = Problem(problem.function, args, problem.wrt, problem.names)
        with np.errstate(all="ignore"):
            found = derivative_rows(scaled, Linearization.of(scaled, rng, 1), rng, 1, Settings(directions=1), [])
        wrong = [row for row in found if row.verdict == FAIL]
        error = max((row.error for row in found), default=0.0)
        message = "; ".join(f"{row.input}: {row.message}" for row in wrong)
        rows.append(Row(f"inputs times {scale:g}", 1, "", (), FAIL if wrong else PASS, error, message=message))
    return rows


def _finite(problem: Problem, inputs: Sequence[Array]) -> bool:
    with np.errstate(all="ignore"):
        try:
            return bool(np.isfinite(problem.value(inputs)).all())
        except (ArithmeticError, ValueError):  # outside the domain
            return False
