"""The smallest case that still fails, as a program.

Axes of equal length are cut together (their lengths are usually equal for a reason), then numbers are rounded: to ones, to
integers, to one and two digits. A step is kept if the same check still fails.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.backends import is_array
from minigrad.core.device import to_host
from minigrad.core.op import OPS, Op
from minigrad.gradcheck.checks.all import check_problem
from minigrad.gradcheck.checks.derivative import Settings
from minigrad.gradcheck.numerics.frozen import is_module
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.numerics.row import FAIL, Row

if TYPE_CHECKING:
    from minigrad.gradcheck.result import Result

SECONDS = 2.0  #: at most, for one failure


def shrunk(result: Result) -> Problem | None:
    """Return the smallest problem found in which the same check of the same input fails."""
    if result.problem is None or result.verdict != FAIL:
        return None
    if is_module(result.function):
        return result.problem
    bad = next(row for row in result.rows if row.verdict == FAIL)
    search = _Search(result.problem, bad, result.seed)
    search.cut_axes()
    search.round_numbers()
    return search.problem


class _Search:
    def __init__(self, problem: Problem, bad: Row, seed: int) -> None:
        self.problem, self.bad, self.seed, self.stop = problem, bad, seed, perf_counter() + SECONDS

    def still_fails(self, args: list[Any]) -> bool:
        """Try other arguments; keep them if the check fails in the same way."""
        if perf_counter() > self.stop:
            return False
        candidate = Problem(self.problem.function, args, self.problem.wrt, self.problem.names)
        try:
            with np.errstate(all="ignore"):
                rows, _ = check_problem(candidate, np.random.default_rng(self.seed), self.bad.order, Settings(cotangents=2), False)
        except Exception:  # the function does not take these arguments
            return False
        for row in rows:
            if row.verdict == FAIL and (row.check, row.input, row.order) == (self.bad.check, self.bad.input, self.bad.order):
                self.problem = candidate
                return True
        return False

    def cut_axes(self) -> None:
        """Shorten axes, those of equal length together, as far as the failure allows."""
        lengths = sorted({n for a in self.problem.args if is_array(a) for n in a.shape if n > 1}, reverse=True)
        for length in lengths:
            for new in range(1, length):
                if self.still_fails([_cut(a, length, new) for a in self.problem.args]):
                    break

    def round_numbers(self) -> None:
        """Make the numbers round, all at once or one input after the other."""
        rounds: list[Callable[[Any], Any]] = [lambda a: np.sign(a) + (a == 0), np.rint, lambda a: np.round(a, 1), lambda a: np.round(a, 2)]
        for i in self.problem.wrt:
            for rounding in rounds:
                args = list(self.problem.args)
                args[i] = np.asarray(rounding(to_host(args[i])), dtype=np.float64)
                if self.still_fails(args):
                    break


def _cut(a: Any, length: int, new: int) -> Any:
    if not is_array(a) or length not in a.shape:
        return a
    cut = np.array(to_host(a)[tuple(slice(0, new) if n == length else slice(None) for n in a.shape)])
    return np.minimum(cut, new - 1) if a.dtype.kind in "iu" else cut


def snippet(result: Result) -> str:
    """Return a program that shows the failure; empty if there is none, or no function at hand."""
    problem = shrunk(result)
    if problem is None or (result.library and hasattr(result.function, "parameters")):
        return ""
    bad = next(row for row in result.rows if row.verdict == FAIL)
    setup, call = _source(result.function, result.name)
    options = ""
    if result.vjp is not None:
        more, backward = _source(result.vjp, "the backward pass", "vjp")
        setup, options = [*setup, *more], f"vjp={backward}, "
    imports = {"torch": ["import torch"], "jax": ["import jax.numpy as jnp"]}.get(result.library, [])
    lines = ["import numpy as np", *imports, "", "import minigrad as mg", *setup, ""]
    names = []
    given = problem.args if not is_module(result.function) else [problem.args[i] for i in range(len(problem.args) - _parameters(result))]
    for i, value in enumerate(given):
        name = problem.names[i].replace(" ", "_").replace("[", "_").replace("]", "")
        names.append(name)
        lines.append(f"{name} = {_literal(value)}")
    wrt = ", ".join(str(i) for i in problem.wrt if i < len(given))
    given_as = {"torch": "torch.from_numpy({})", "jax": "jnp.asarray({})"}.get(result.library, "{}")
    inputs = ", ".join(given_as.format(name) for name in names)
    upcast = "upcast=True, " if result.library == "jax" else ""
    lines.append(f"print(mg.gradcheck({call}, [{inputs}], {options}{upcast}wrt=[{wrt}], order={bad.order}, seed={result.seed}))")
    return "\n".join(lines)


def _parameters(result: Result) -> int:
    return sum(p.requires_grad for p in result.function.parameters())


def _source(function: Any, name: str, otherwise: str = "f") -> tuple[list[str], str]:
    """Return the lines that define the function, and the expression that names it."""
    if isinstance(function, partial):
        setup, call = _source(function.func, name)
        given = "".join(f", {k}={v!r}" for k, v in function.keywords.items())
        return (["from functools import partial", *setup], f"partial({call}{given})") if given else (setup, call)
    if isinstance(function, Op):
        if OPS.get(function.name) is function:
            return [], f"mg.ops.{function.name}"
        return [f"from {function.__module__} import {function.name}"], function.name
    if is_module(function):
        return [f"from {type(function).__module__} import {type(function).__name__}"], repr(function).replace("\n", " ")
    own = getattr(function, "__name__", "f")
    if own.isidentifier() and "<" not in getattr(function, "__qualname__", "<"):
        return [f"from {function.__module__} import {own}"], own
    try:
        lines = textwrap.dedent(inspect.getsource(function)).rstrip().splitlines()
    except (OSError, TypeError):
        lines = [""]
    if lines[0].startswith(("def ", "@")):
        return ["", *lines], own
    own = own if own.isidentifier() else otherwise
    return [f"# {name} must be defined here as {own}"], own


def _literal(value: Any) -> str:
    if not is_array(value):
        return repr(value)
    array = to_host(value)
    text = np.array2string(array, separator=", ", threshold=10_000, floatmode="unique", max_line_width=120)
    dtype = "" if array.dtype in (np.float64, np.int64) and array.size else f", dtype=np.{array.dtype.name}"
    shape = "" if array.size else f".reshape({array.shape})"
    return f"np.array({' '.join(text.split())}{dtype}){shape}"
