"""The forward pass: a function of its arguments alone, finite where it is to be differentiated."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.backends import is_array
from minigrad.core.device import to_host
from minigrad.core.tensor import Tensor
from minigrad.gradcheck.numerics.arguments import BadUse
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.numerics.row import CANNOT_TELL, FAIL, PASS, Row


def forward_rows(problem: Problem) -> Iterator[Row]:
    """Check the forward pass: it changes no argument, gives the same each time, and numbers that are finite."""
    before = [np.array(to_host(a)) if is_array(a) else a for a in problem.args]
    first = problem.value(problem.inputs)
    for i, (old, new) in enumerate(zip(before, problem.args, strict=True)):
        if is_array(new) and not np.array_equal(old, to_host(new), equal_nan=old.dtype.kind == "f"):
            problem.args[i][...] = old
            message = f"the function changed its argument {problem.names[i]} in place; it must compute a new array"
            yield Row("pure", 1, problem.names[i], old.shape, FAIL, message=message)
            return
    second = problem.value(problem.inputs)
    if first.shape != second.shape or not np.array_equal(first, second, equal_nan=True):
        gap = float(np.nanmax(np.abs(first - second))) if first.shape == second.shape else np.inf
        message = f"the function is random: two calls with equal inputs differ by {gap:.3g}. Fix what it draws, or pass the nn.Module"
        yield Row("deterministic", 1, "", first.shape, FAIL, message=message)
        return
    yield Row("pure", 1, "", (), PASS)
    yield Row("deterministic", 1, "", first.shape, PASS)
    if not np.isfinite(first).all():
        message = "the function is infinite or not a number at this point, which has no derivative: choose another"
        yield Row("finite", 1, "", first.shape, CANNOT_TELL, message=message)
    if not first.size and any(x.size for x in problem.inputs) and not problem.outputs([Tensor(x) for x in problem.inputs]):
        raise BadUse("the function returned no floating-point Tensor, so there is nothing to differentiate")
