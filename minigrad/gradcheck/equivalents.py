"""Equivalent mutants: changes of a formula that change no gradient, each with the reason why.

Two kinds of reason are found by themselves. Where a name stands for an array of which only the shape and the dtype are used, any
array of that shape will do: it is put to the test by putting an object there that has nothing else. A value taken out of the
graph that changes no second derivative is one in which the formula is locally constant: the second derivative was
computed with and without. Everything else stands in the table below, by op and change; a mutant that is in neither has survived.
"""

from __future__ import annotations

import ast

from minigrad.gradcheck.judge import Judge
from minigrad.gradcheck.mutants import Mutant

#: (op, change) -> reason; "*" for the op stands for any
REASONS: dict[tuple[str, str], str] = {}


def reason_for(judge: Judge, index: int, mutant: Mutant) -> str:
    """Return why a mutant that changes nothing had to; empty if no reason is known."""
    for name in (judge.name, "*"):
        if (name, mutant.change) in REASONS:
            return REASONS[name, mutant.change]
    if mutant.check == "second order":
        return "the formula is locally constant in it, so its second derivative does not pass there"
    if isinstance(mutant.old, ast.Name) and mutant.place and judge.same(index, mutant.shape_only()):
        return "only the shape of the array is used here, and the other has the same"
    return ""
