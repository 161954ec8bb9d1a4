"""`gradcheck`: is the gradient that backward gives the derivative of what forward computes?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.backends import Array, is_array
from minigrad.gradcheck.numerical import jacobian
from minigrad.gradcheck.problem import Problem
from minigrad.gradcheck.result import CANNOT_TELL, FAIL, PASS, Result, Row, worst_element
from minigrad.tensor import Tensor

RTOL = 1e-8
CANNOT_TELL_ABOVE = 1e-5  #: relative error estimate above which agreement proves nothing
COTANGENTS = 3


def gradcheck(
    f: Callable[..., Any], inputs: Any, *, order: int = 1, wrt: Sequence[int] | None = None, rtol: float = RTOL, seed: int = 0
) -> Result:
    """Compare the gradients of ``f`` with numerical derivatives.

    Parameters
    ----------
    f
        Takes Tensors and returns one, or a tuple, list or dict of them.
    inputs
        The arguments: float64 arrays or Tensors; integers, None and the like are passed on.
    order
        Up to which derivative: 2 checks the gradient as a function of the inputs and of the cotangents as well.
    wrt
        Positions of the inputs to check; by default every floating-point one.
    """
    args = [a.data if isinstance(a, Tensor) else a for a in (inputs if isinstance(inputs, (tuple, list)) else (inputs,))]
    floats = [i for i, a in enumerate(args) if is_array(a) and a.dtype.kind == "f"]
    wrt = floats if wrt is None else list(wrt)
    for i in wrt:
        if args[i].dtype != np.float64:
            raise ValueError(f"gradcheck needs float64; input {i} is {args[i].dtype}. Convert it with .astype('float64')")
    if not wrt:
        raise ValueError("gradcheck: none of the inputs is of floating point, so there is nothing to differentiate")
    rng = np.random.default_rng(seed)
    problem = Problem(f, args, wrt, [f"input {i}" for i in range(len(args))])
    rows: list[Row] = []
    for k in range(1, order + 1):
        rows += derivative_rows(problem, rng, k, rtol)
        outputs, _ = problem.pullback(problem.inputs)
        problem = problem.derivative([cotangent(rng, y.shape) for y in outputs])
    return Result(getattr(f, "__name__", type(f).__name__), rows)


def cotangent(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return random numbers of both signs, none of them small: no output is left out of the check."""
    v = np.asarray(rng.standard_normal(shape))
    return np.copysign(0.2 + np.abs(v), v)


def derivative_rows(problem: Problem, rng: np.random.Generator, order: int, rtol: float) -> list[Row]:
    """Check the derivative with respect to each input, for several cotangents."""
    inputs = problem.inputs
    outputs, pull = problem.pullback(inputs)
    trials = [[cotangent(rng, y.shape) for y in outputs] for _ in range(COTANGENTS)]
    gradients = [pull(vs) for vs in trials]
    flat = np.array([np.concatenate([v.ravel() for v in vs]) for vs in trials]) if outputs else np.zeros((COTANGENTS, 0))
    rows = []
    for k, x in enumerate(inputs):

        def value(point: Array, k: int = k) -> np.ndarray[Any, Any]:
            return problem.value([*inputs[:k], point, *inputs[k + 1 :]])

        found = jacobian(value, x)
        numeric = (flat @ found.slope.T).reshape(len(trials), *x.shape)
        estimate = np.sqrt(flat**2 @ (found.error**2).T).reshape(numeric.shape)
        analytic = np.array([np.zeros(x.shape) if g[k] is None else g[k].data for g in gradients])
        rows.append(_compare(analytic, numeric, estimate, order, problem.names[problem.wrt[k]], rtol))
    return rows


def _compare(analytic: Any, numeric: Any, estimate: Any, order: int, name: str, rtol: float) -> Row:
    shape = numeric.shape[1:]
    if not numeric.size:
        return Row("derivative", order, name, shape, PASS, message="empty")
    top = float(np.abs(numeric).max())
    gap = np.abs(analytic - numeric)
    at = worst_element(analytic, numeric)
    within = bool((gap <= np.maximum(rtol * top, 10 * estimate)).all())
    floor = max(top, float(estimate.max()), 1e-300)
    error, relative = float(gap.max()) / floor, float(estimate.max()) / floor
    if within:
        verdict, message = (PASS, "") if relative <= CANNOT_TELL_ABOVE else (CANNOT_TELL, "the numerical derivative is too uncertain")
    else:
        verdict = FAIL
        message = f"at {list(at[1:])}: analytic {analytic[at]:.10g}, numeric {numeric[at]:.10g}"
    return Row("derivative", order, name, shape, verdict, error, relative, message, analytic[at[0]], numeric[at[0]])
