"""Mistakes people make, planted in every formula: the suite must notice each of them, wherever it is planted.

They act on what a formula returns or is given, not on its source (that is `minigrad.gradcheck.mutants.changes`): a gradient that is
off by one part in a million, one wrong element, float32 inside, a cotangent that is written to, a state kept between
calls, a constant added, a saved value that is taken out of the graph, so that only the second derivative is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigrad.core.formula import Formula
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, array_of, wrap
from minigrad.gradcheck.mutants.changes import Mutant

Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]


def planted_in(op: Op) -> Iterator[tuple[int, Mutant]]:
    """Yield every mistake planted in every formula of an op, with the number of the formula."""
    for index, formula in enumerate(op.formulas):
        if set(formula.inputs) <= op.zeros:
            continue
        for name, plant in ON_RESULTS.items():
            yield index, Mutant(name, "what it returns", _on_results(formula.function, plant))
        for name, make in BREAKING_RULES.items():
            yield index, Mutant(name, "what it does", make(formula.function), check="backward")
        for position, name in _saved_arrays(op, formula):
            function = _detached(formula.function, position)
            yield index, Mutant(f"{name} taken out of the graph", "what it is given", function, check="second order")


def _one_wrong(g: Any) -> Any:
    spoiled = np.ones(g.shape)
    if spoiled.size:
        spoiled.flat[int(np.abs(array_of(g)).argmax())] = 1.1
    return g * spoiled


#: what may become of a gradient on its way out
ON_RESULTS: dict[str, Callable[[Any], Any]] = {
    "too large by one part in a million": lambda g: g * (1 + 1e-6),
    "one element 10 % too large": _one_wrong,
    "the opposite sign": lambda g: -g,
    "computed in float32": lambda g: g.astype(np.float32).astype(np.float64),
}


def _on_results(function: Callable[..., Any], change: Callable[[Any], Any]) -> Callable[..., Any]:
    def changed(*args: Any, **params: Any) -> Any:
        return _each(function(*args, **params), change)

    return changed


def _each(result: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(result, (tuple, list)):
        return tuple(None if g is None else change(g) for g in result)
    return None if result is None else change(result)


def _writes_to_cotangent(function: Callable[..., Any]) -> Callable[..., Any]:
    def changed(g: Any, *args: Any, **params: Any) -> Any:
        result = _each(function(g, *args, **params), lambda r: r + 0)
        if isinstance(g, np.ndarray) and g.flags.writeable:
            g *= 2
        return result

    return changed


def _keeps_state(function: Callable[..., Any]) -> Callable[..., Any]:
    calls = [0]

    def changed(*args: Any, **params: Any) -> Any:
        calls[0] += 1
        return _each(function(*args, **params), lambda r: r * (1 + 1e-3 * calls[0]))

    return changed


def _adds_a_constant(function: Callable[..., Any]) -> Callable[..., Any]:
    return _on_results(function, lambda r: r + 1e-3)


def _squares(function: Callable[..., Any]) -> Callable[..., Any]:
    return _on_results(function, lambda r: r + 1e-3 * r * r)


BREAKING_RULES: dict[str, Wrap] = {
    "writes to the cotangent": _writes_to_cotangent,
    "keeps a state between calls": _keeps_state,
    "adds a constant": _adds_a_constant,
    "not linear in the cotangent": _squares,
}


def _saved_arrays(op: Op, formula: Formula) -> Iterator[tuple[int, str]]:
    """Yield the position and the name of each argument of a formula that is a saved input or output."""
    for position, name in enumerate(formula.needs):
        if name in (*op.inputs, *op.outputs) and name in formula.saves:
            yield position, name


def _detached(function: Callable[..., Any], position: int) -> Callable[..., Any]:
    def constant(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(constant(v) for v in value)
        return wrap(value.data, None) if isinstance(value, Tensor) else value

    def changed(*args: Any, **params: Any) -> Any:
        return function(*args[:position], constant(args[position]), *args[position + 1 :], **params)

    return changed
