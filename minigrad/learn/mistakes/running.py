"""The formula stops with an error, or what it returns has the wrong shape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod

from minigrad.learn.mistakes.evidence import Evidence
from minigrad.learn.mistakes.mistake import Mistake

Shape = tuple[int, ...]

_RETURNED = re.compile(r"for input '(\w+)' returned shape \(([^)]*)\); the input has shape \(([^)]*)\)")


#: what the engine says where a function of NumPy is given a Tensor
_NUMPY = (
    "works on arrays and would lose the gradient",
    "does not support ufuncs",
    "NumPy was given a tensor",
    "was given a tensor: call minigrad's",
)


def _messages(evidence: Evidence) -> list[str]:
    return [row.message for row in evidence.failed if row.check == "runs"]


def numpy_in_formula(evidence: Evidence) -> Iterator[Mistake]:
    """NumPy's functions refuse Tensors, which a formula is given when it is itself differentiated."""
    for message in _messages(evidence):
        if any(words in message for words in _NUMPY):
            yield Mistake("numpy_in_formula", seen="the formula calls a NumPy function, and at order 2 it is given Tensors")


def transposed_stack(evidence: Evidence) -> Iterator[Mistake]:
    """``.T`` reverses all axes, and of a stack only the last two should change places."""
    stacks = [name for name, a in zip(evidence.problem.names, evidence.problem.args, strict=True) if getattr(a, "ndim", 0) > 2]
    for formula in evidence.formulas:
        if _messages(evidence) and stacks and "T" in getattr(getattr(formula, "__code__", None), "co_names", ()):
            yield Mistake("T_of_stacks", stacks[0], seen=f"{stacks[0]} is a stack of matrices, and .T turns round all of its axes")


def shapes(evidence: Evidence) -> Iterator[Mistake]:
    """The shape that came, beside the one that was due."""
    for message in _messages(evidence):
        found = _RETURNED.search(message)
        if found:
            name, got, due = found[1], _shape(found[2]), _shape(found[3])
            yield _about_shape(evidence, name, got, due)
        elif "'s formula for" not in message and ("core dimension" in message or "shape" in message or "broadcast" in message):
            yield Mistake("shape", seen="two shapes do not fit where they meet in the formula")


def _about_shape(evidence: Evidence, name: str, got: Shape, due: Shape) -> Mistake:
    shapes = {n: tuple(a.shape) for n, a in zip(evidence.problem.names, evidence.problem.args, strict=True) if hasattr(a, "shape")}
    swapped = [n for n, shape in shapes.items() if shape == got and n != name]
    if swapped and due != got[::-1]:
        return Mistake("swapped", name, seen=f"what you return for {name} has the shape of {swapped[0]}")
    if len(got) > 1 and got == due[::-1]:
        return Mistake("transposed", name, seen=f"what you return for {name} has its axes the other way round")
    in_front = len(got) > len(due) and got[len(got) - len(due) :] == due
    stretched = len(got) == len(due) and all(n in (1, g) for g, n in zip(got, due, strict=True))
    if in_front or stretched:
        uses = prod(got) // max(1, prod(due))
        return Mistake("not_summed", name, seen=f"each element of {name} was used {uses} times, and you return a gradient for each use")
    return Mistake("shape", name, seen=f"what you return for {name} has shape {got}, and {name} has {due}")


def _shape(text: str) -> Shape:
    return tuple(int(n) for n in text.split(",") if n.strip())
