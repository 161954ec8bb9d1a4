"""Whether a wrong gradient is the right one of another cotangent: of a part of it, or of the cotangent turned round."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from minigrad.gradcheck.causes.relations import Relation, Vector, equal


def of_another_cotangent(slope: Vector, wrong: Vector, v: Vector, tolerance: float) -> Iterator[Relation]:
    """Yield what the cotangent ``v`` of the one output would have to be for the gradient to be right.

    Parameters
    ----------
    slope
        The derivatives: a row for each element of the input, a column for each of the output.
    """

    def right(cotangent: Vector) -> Vector:
        return np.asarray(slope @ cotangent.ravel()).reshape(wrong.shape)

    for axes in [c for n in range(1, v.ndim + 1) for c in combinations(range(v.ndim), n) if all(v.shape[axis] > 1 for axis in c)]:
        over = f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
        for which, at in (("first", 0), ("last", -1)):
            if equal(wrong, right(_only(v, axes, at)), tolerance):
                yield "part_of_sum", f"that of the {which} place along {over} of the output alone: is a sum over {over} missing?"
                return
    for n in range(1, min(v.ndim, wrong.ndim) + 1):  # the last axes, as those along which a kernel slides
        last = tuple(range(-n, 0))
        turned = np.flip(right(np.flip(v, last)), last)
        if equal(wrong, turned, tolerance) and not equal(turned, right(v), tolerance):
            where = "the last axis" if n == 1 else f"the last {n} axes"
            yield "not_flipped", f"the right one for a function that goes along {where} the other way round: is a kernel to be flipped?"
            return


def _only(v: Vector, axes: tuple[int, ...], at: int) -> Vector:
    """Return ``v`` with zeros everywhere but at one place along some axes."""
    kept: list[Any] = [slice(None)] * v.ndim
    for axis in axes:
        kept[axis] = at
    part = np.zeros_like(v)
    part[tuple(kept)] = v[tuple(kept)]
    return part
