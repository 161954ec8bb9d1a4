"""Single contributions of an element: lost, averaged, or given to another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.learn.mistakes.evidence import Evidence, Input, Vector, same
from minigrad.learn.mistakes.mistake import Mistake


def mean_of_copies(evidence: Evidence) -> Iterator[Mistake]:
    """An element that was used several times gets the mean of what its uses give."""
    for i in evidence.inputs:
        uses = (i.right != 0).sum(axis=1, keepdims=True)
        if len(set(uses.ravel())) > 1 and same(i.wrong * np.maximum(uses, 1), i.right):
            yield Mistake("mean_of_copies", i.name, seen=f"an element of {i.name} that is used n times gets 1/n of its gradient")


def elsewhere(evidence: Evidence) -> Iterator[Mistake]:
    """The gradient reaches elements that the result does not depend on."""
    for i in evidence.inputs:
        extra = (i.wrong != 0) & (i.right == 0)
        if not extra.any():
            continue
        if not ((i.wrong != 0) & (i.right != 0)).any():
            yield Mistake("other_element", i.name, seen=f"your gradient for {i.name} goes to elements that the result does not depend on")
        elif _is_permuted(i):
            yield _permuted(i)
        elif i.x.shape != i.y.shape and not ((i.right != 0) & (i.wrong == 0)).any():
            yield Mistake("handed_to_all", i.name, seen=f"your gradient for {i.name} also reaches elements that did not decide the result")


def lost(evidence: Evidence) -> Iterator[Mistake]:
    """Contributions are missing; those that are there are right."""
    for i in evidence.inputs:
        kept = (i.wrong != 0) & (i.right != 0)
        lost = (i.right != 0) & ~kept
        if not lost.any() or not kept.any() or not same(i.wrong, np.where(kept, i.right, 0.0)):
            if _is_permuted(i):
                yield _permuted(i)
            continue
        one = _one_survives(i.right, kept)
        axis = _only_index(i, kept)
        if one:
            yield Mistake("overwrites", i.name, seen=f"elements of {i.name} that are used several times keep only the {one} contribution")
        elif axis is not None:
            seen = f"only what lies at index {axis[1]} of axis {axis[0]} of the result contributes to your gradient for {i.name}"
            yield Mistake("only_first", i.name, (axis[0],), seen=seen)
        else:
            count = f"{int(lost.sum())} of {int((i.right != 0).sum())}"
            seen = f"{count} contributions to the gradient for {i.name} are missing, the others are right"
            yield Mistake("contributions_lost", i.name, seen=seen)


def _is_permuted(i: Input) -> bool:
    """Whether every row, or every column, holds the right numbers in another order."""
    pairs = ((i.wrong, i.right), (i.wrong.T, i.right.T))
    return i.wrong.size > 4 and any(same(np.sort(wrong, axis=1), np.sort(right, axis=1)) for wrong, right in pairs)


def _permuted(i: Input) -> Mistake:
    return Mistake("permuted", i.name, seen=f"the numbers in your gradient for {i.name} are the right ones, in the wrong places")


def _one_survives(right: Vector, kept: Vector) -> str:
    """Which one contribution is left of several: "first", "last", or neither."""
    several = np.flatnonzero((right != 0).sum(axis=1) > 1)
    if len(several) and len(set((right != 0).sum(axis=1))) > 1:
        for word, position in (("last", -1), ("first", 0)):
            if all(np.flatnonzero(kept[r]).tolist() == [np.flatnonzero(right[r])[position]] for r in several):
                return word
    return ""


def _only_index(i: Input, kept: Vector) -> tuple[int, int] | None:
    """An axis of the output of which only one index contributes, and that index."""
    for axis, index in enumerate(np.indices(i.y.shape).reshape(i.y.ndim, -1)):
        where = {int(n) for n in index[kept.any(axis=0)]}
        if len(where) == 1 and i.y.shape[axis] > 1:
            return axis, where.pop()
    return None
