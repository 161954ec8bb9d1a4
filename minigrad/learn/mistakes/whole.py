"""The gradient as a whole beside the right one: zero, that of another input, a factor for all, for each row or column."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import prod

import numpy as np

from minigrad.learn.mistakes.evidence import Evidence, Input, Vector, same
from minigrad.learn.mistakes.mistake import Mistake

NEAR_ONE = 0.05  #: a factor so close to 1 comes from a small constant


def zero(evidence: Evidence) -> Iterator[Mistake]:
    """Nothing flows back."""
    for i in evidence.inputs:
        if i.right.any() and not i.wrong.any():
            yield Mistake("nothing_returned", i.name, seen=f"your gradient for {i.name} is zero")


def swapped(evidence: Evidence) -> Iterator[Mistake]:
    """What is returned for an input is right for another one."""
    names = evidence.problem.names
    for i in evidence.inputs:
        for other, array in i.others.items():
            if array.shape == i.x.shape and same(i.wrong, evidence.jacobian(list(names).index(other))):
                yield Mistake("swapped", i.name, seen=f"what you return for {i.name} is the gradient for {other}")


def constant_factor(evidence: Evidence) -> Iterator[Mistake]:
    """One number times the right gradient: a sign, a count too many or too few, or another."""
    for i in evidence.inputs:
        used = np.abs(i.right) > 1e-3 * np.abs(i.right).max(initial=0.0)
        if i.right.size < 2 or not used.any():
            continue
        factor = float(np.median(i.wrong[used] / i.right[used]))
        if same(i.wrong, factor * i.right) and abs(factor - 1) > 1e-6:
            yield factor_mistake(i, factor, f"your gradient for {i.name} is", "the right one")


def factor_mistake(i: Input, factor: float, what: str, beside: str) -> Mistake:
    """Return what a factor means: a sign, a count of elements, or neither."""
    if abs(factor + 1) < 1e-6:
        return Mistake("sign", i.name, seen=f"{what} {beside} with the opposite sign")
    counts = {n for shape in (i.x.shape, i.y.shape) for r in range(1, len(shape) + 1) for n in map(prod, combinations(shape, r))}
    for n in sorted(counts - {0, 1}):
        if abs(factor / n - 1) < 1e-6:
            return Mistake("sum_for_mean", i.name, seen=f"{what} {n} times {beside}")
        if abs(factor * n - 1) < 1e-6:
            return Mistake("mean_for_sum", i.name, seen=f"{what} 1/{n} of {beside}")
    return Mistake("factor", i.name, seen=f"{what} {factor:.6g} times {beside}")


def times_an_input(evidence: Evidence) -> Iterator[Mistake]:
    """The right gradient, element by element times an input."""
    for i in evidence.inputs:
        for name, array in {i.name: i.x, **i.others}.items():
            factor = _broadcast(array, i.x.shape)
            if factor is not None and factor.size > 1 and np.ptp(factor) > 1e-6 and same(i.wrong, factor.reshape(-1, 1) * i.right):
                yield Mistake("times_input", i.name, seen=f"your gradient for {i.name} is the right one times {name}")


def factor_for_each_row(evidence: Evidence) -> Iterator[Mistake]:
    """Each element of the input has its own factor, the same for all that it acts on."""
    for i in evidence.inputs:
        factor = _common_ratio(i.wrong, i.right)
        if factor is None or np.ptp(factor) < 1e-6:
            continue
        factor = factor.reshape(i.x.shape)
        if (np.abs(factor - 1) < NEAR_ONE).all():
            yield Mistake("eps", i.name, seen=f"your gradient for {i.name} is off by a factor very near 1: a small constant differs")
            continue
        forgotten = _forgotten(i, factor, {i.name: i.x, **i.others})
        if forgotten is not None:
            yield forgotten


def factor_for_each_column(evidence: Evidence) -> Iterator[Mistake]:
    """Each element of the output has its own factor, the same for all that act on it: a weight, or a normalization."""
    for i in evidence.inputs:
        factor = _common_ratio(i.wrong.T, i.right.T)
        if factor is not None and np.ptp(factor) > 1e-6:
            forgotten = _forgotten(i, factor.reshape(i.y.shape), i.others)
            yield forgotten or Mistake(
                "factor_missing", i.name, seen=f"your gradient for {i.name} is right but for one number for each slice"
            )


def _forgotten(i: Input, factor: Vector, inputs: dict[str, Vector]) -> Mistake | None:
    """The input whose reciprocal the factor is."""
    for name, array in inputs.items():
        shaped = _broadcast(array, factor.shape)
        if shaped is not None and shaped.all() and same(factor, 1 / shaped):
            return Mistake("weight_forgotten", i.name, seen=f"your gradient for {i.name} does not depend on {name}, and the right one does")
    return None


def _common_ratio(wrong: Vector, right: Vector) -> Vector | None:
    """The factor between two matrices, if it is one for each row; None if it is not, or if the rows are too short to tell."""
    used = np.abs(right) > 1e-6 * np.abs(right).max(initial=0.0)
    if ((wrong != 0) & (right == 0)).any() or not used.any(axis=1).all() or (used.sum(axis=1) < 2).all():
        return None
    factor = np.array([np.median(w[u] / r[u]) for w, r, u in zip(wrong, right, used, strict=True)])
    return factor if factor.all() and same(wrong, factor[:, None] * right) else None


def _broadcast(array: Vector, shape: tuple[int, ...]) -> Vector | None:
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        return None


def other_factor(evidence: Evidence) -> Iterator[Mistake]:
    """The gradient of a factor is the other factor; here it is another array of the same shape: an input as it came."""
    for i in evidence.inputs:
        for name, array in i.others.items():
            if array.shape == i.y.shape and i.x.size < i.y.size:
                used = i.right != 0
                if same(i.wrong, used * array.ravel()):
                    yield Mistake("weight_uses_x", i.name, seen=f"your gradient for {i.name} is a sum of g times {name} as it came")


def wrong_axis(evidence: Evidence) -> Iterator[Mistake]:
    """Elements act on each other along an axis along which they should not."""
    for i in evidence.inputs:
        if i.x.shape == i.y.shape:
            yours, right = _coupled_axes(i.wrong, i.x.shape), _coupled_axes(i.right, i.x.shape)
            if right and not yours <= right:
                seen = f"in your gradient for {i.name} elements meet along {_axes(yours)}, and in the function along {_axes(right)}"
                yield Mistake("wrong_axis", i.name, tuple(sorted(right)), seen=seen)


def _coupled_axes(jacobian: Vector, shape: tuple[int, ...]) -> set[int]:
    """The axes along which an element acts on elements at other places."""
    rows, columns = np.nonzero(np.abs(jacobian) > 1e-9 * np.abs(jacobian).max(initial=0.0))
    index = np.indices(shape).reshape(len(shape), -1)
    return {axis for axis in range(len(shape)) if (index[axis][rows] != index[axis][columns]).any()}


def _axes(axes: set[int]) -> str:
    return "no axis" if not axes else f"axis {next(iter(axes))}" if len(axes) == 1 else f"axes {' and '.join(map(str, sorted(axes)))}"
