"""Repairs: the formula of an op is changed in one place, as mutants are, until its gradient is right.

The change that does it is the mistake, the other way round.
"""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.core.device import to_host
from minigrad.core.op import Op
from minigrad.gradcheck.causes.diagnosis import Diagnosis
from minigrad.gradcheck.causes.relations import equal
from minigrad.gradcheck.mutants.changes import mutants_of
from minigrad.gradcheck.numerics.problem import Problem

if TYPE_CHECKING:
    from minigrad.gradcheck.result import Result

ENOUGH = 8  #: repairs after which no more are looked for; the shortest is shown


def repairs(result: Result, k: int, vs: list[Any], right: Any, tolerance: float) -> list[Diagnosis]:
    """Return the shortest change found that makes the gradient of input number ``k`` right; nothing if there is none."""
    problem, function = result.problem, result.function
    op = function.func if isinstance(function, partial) else function
    if not isinstance(op, Op) or problem is None:
        return []
    position = problem.wrt[k]
    name = op.inputs[0] if op.variadic else op.inputs[position]
    found: list[tuple[int, str]] = []
    for formula_number, formula in enumerate(op.formulas):
        if name not in formula.inputs:
            continue
        original = formula.function
        try:
            for mutant in mutants_of(op, formula_number):
                if not mutant.shared and _only_passes_on(mutant.place[2]):
                    continue
                formula.function = mutant.function
                op.plans.clear()
                if _gives(problem, k, vs, right, tolerance):
                    found.append((len(mutant.change), f"in {mutant.where}:  {mutant.change}"))
                if len(found) >= ENOUGH:
                    break
        finally:
            formula.function = original
            op.plans.clear()
    return [Diagnosis("repair", f"your gradient for {name} is right if you change, {min(found)[1]}", name)] if found else []


def _only_passes_on(definition: ast.AST) -> bool:
    """Tell whether a formula is ``lambda g, x: f(g, x)``: the mistake is in f then, and not in what it is given."""
    call = definition.body if isinstance(definition, ast.Lambda) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and all(isinstance(a, ast.Name) for a in call.args)


def _gives(problem: Problem, k: int, vs: list[Any], right: Any, tolerance: float) -> bool:
    try:
        with np.errstate(all="ignore"):
            _, pull = problem.pullback(problem.inputs)
            gradient = pull(vs)[k]
    except Exception:  # a changed formula may raise anything
        return False
    return gradient is not None and equal(to_host(gradient.data), right, tolerance)
