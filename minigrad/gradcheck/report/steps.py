"""Error against step: why the step of a numerical derivative can be neither long nor short."""

from __future__ import annotations

import numpy as np

from minigrad.core.device import to_host
from minigrad.gradcheck.numerics.differentiation import scale_of
from minigrad.gradcheck.numerics.linearization import cotangent
from minigrad.gradcheck.numerics.problem import Problem

STEPS = [10.0**-k for k in range(1, 13)]


def error_by_step(problem: Problem, seed: int) -> list[list[float]]:
    """Return pairs (h, relative error of the central difference with step h) along one random direction.

    A right gradient gives a V: the error falls as h**2 until rounding, which grows as 1/h, takes over. A wrong one
    gives a floor, at the size of its fault.
    """
    rng = np.random.default_rng(seed)
    inputs = problem.inputs
    try:
        outputs, pull = problem.pullback(inputs)
        vs = [cotangent(rng, y.shape) for y in outputs]
        gradients = pull(vs)
    except Exception:  # backward does not run: nothing to plot
        return []
    directions = [rng.standard_normal(x.shape) * scale_of(to_host(x).ravel()).reshape(x.shape) for x in inputs]
    weights = np.concatenate([np.zeros(0), *(v.ravel() for v in vs)])
    exact = sum(float((to_host(g.data) * d).sum()) for g, d in zip(gradients, directions, strict=True) if g is not None)
    points = []
    with np.errstate(all="ignore"):
        for h in STEPS:
            try:
                ahead, behind = (weights @ problem.value([x + t * d for x, d in zip(inputs, directions, strict=True)]) for t in (h, -h))
            except (ArithmeticError, ValueError):
                continue
            error = abs((ahead - behind) / (2 * h) - exact) / (abs(exact) or 1.0)
            if np.isfinite(error):
                points.append([h, float(error)])
    return points
