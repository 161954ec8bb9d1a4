"""float32, and other devices: gradients against those in float64 on the CPU, by units in the last place.

Differences are too coarse for float32 (their error would be 1e-3). What is compared are two analytic gradients of one function
at one point. The allowance has two parts: a number of units in the last place of the largest element, and what the gradient
moves when the inputs are changed in their last place, so that a badly conditioned point does not count as a fault.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.backends import is_array
from minigrad.core.device import as_device, move, to_host
from minigrad.core.mode import changed_mode
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.numerics.row import FAIL, PASS, Row

ULPS = 64.0
EPS32 = float(np.finfo(np.float32).eps)


def float32_rows(problem: Problem, rng: np.random.Generator) -> list[Row]:
    """Compare the gradients in float32 with those in float64."""
    low = _cast(problem, np.float32)
    high = _cast(low, np.float64)
    outputs, pull = high.pullback(high.inputs)
    vs = [rng.standard_normal(y.shape).astype(np.float32) for y in outputs]
    exact = pull([v.astype(np.float64) for v in vs])
    moved = _moved(high, rng, [v.astype(np.float64) for v in vs], exact, EPS32)
    _, pull32 = low.pullback(low.inputs)
    found = pull32([v.copy() for v in vs])
    rows = []
    for k, x in enumerate(low.inputs):
        name = problem.names[problem.wrt[k]]
        rows.append(ulp_row(found[k], exact[k], moved[k], EPS32, name, tuple(x.shape)))
        if found[k] is not None and found[k].dtype != np.float32:
            rows[-1].verdict, rows[-1].message = FAIL, f"the gradient of a float32 input is {found[k].dtype}"
    return rows


def ulp_row(found: Any, exact: Any, moved: float, eps: float, name: str, shape: tuple[int, ...], check: str = "float32") -> Row:
    """Compare a gradient with an exact one by units of ``eps`` of the largest element."""
    if exact is None or found is None or not exact.size:
        return Row(check, 1, name, shape, PASS if (exact is None) == (found is None) else FAIL)
    reference = to_host(exact.data)
    scale = float(np.abs(reference).max())
    gap = float(np.abs(to_host(found.data).astype(np.float64) - reference).max())
    allowed = ULPS * eps * scale + 8 * moved
    ulps = gap / (eps * scale) if scale else gap / eps
    verdict = PASS if gap <= allowed + 1e-300 else FAIL
    return Row(check, 1, name, shape, verdict, gap / scale if scale else gap, allowed / scale if scale else 0.0, f"{ulps:.1f} ulp")


def _moved(problem: Problem, rng: np.random.Generator, vs: Any, exact: Any, eps: float) -> list[float]:
    """Return how far each gradient moves when inputs and cotangents change by a unit in the last place, at worst of several tries."""
    worst = [0.0] * len(exact)
    with changed_mode(recording=True), np.errstate(all="ignore"):
        for _ in range(3):
            xs = [x * (1 + eps * rng.choice([-1.0, 1.0], x.shape)) for x in problem.inputs]
            _, pull = problem.pullback(xs)
            for k, g in enumerate(pull([v * (1 + eps * rng.choice([-1.0, 1.0], v.shape)) for v in vs])):
                if g is not None and exact[k] is not None and g.size:
                    worst[k] = max(worst[k], float(np.abs(g.data - exact[k].data).max()))
    return worst


def _cast(problem: Problem, dtype: Any) -> Problem:
    args = [a.astype(dtype) if is_array(a) and a.dtype.kind == "f" else a for a in problem.args]
    return Problem(problem.function, args, problem.wrt, problem.names)


def device_rows(problem: Problem, device: str, rng: np.random.Generator) -> list[Row]:
    """Compare outputs and gradients on another device with those in float64 on the CPU, in float64 and in float32."""
    place = as_device(device)
    rows = []
    for dtype, eps in ((np.float64, float(np.finfo(np.float64).eps)), (np.float32, EPS32)):
        low = _cast(problem, dtype)
        high = _cast(low, np.float64)
        there = Problem(low.function, [move(a, place) if is_array(a) else a for a in low.args], low.wrt, low.names)
        outputs, pull = high.pullback(high.inputs)
        vs = [rng.standard_normal(y.shape).astype(dtype) for y in outputs]
        exact = pull([v.astype(np.float64) for v in vs])
        moved = _moved(high, rng, [v.astype(np.float64) for v in vs], exact, eps)
        found_outputs, pull_there = there.pullback(there.inputs)
        found = pull_there([move(v, place) for v in vs])
        for k, x in enumerate(low.inputs):
            name = problem.names[problem.wrt[k]]
            rows.append(ulp_row(found[k], exact[k], moved[k], eps, name, tuple(x.shape), f"{place} {np.dtype(dtype)}"))
            if found[k] is not None and found[k].device != place:
                rows[-1].verdict, rows[-1].message = FAIL, f"the gradient is on {found[k].device}, the input on {place}"
        if any(y.device != place for y in found_outputs):
            rows.append(Row(f"{place} {np.dtype(dtype)}", 1, "", (), FAIL, message="an output is on another device than the inputs"))
    return rows
