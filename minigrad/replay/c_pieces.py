"""A block in C: a loop over pieces, and in it the loops of each step over one piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from minigrad.replay.c_blocks import Cut
from minigrad.replay.c_forms import c_type
from minigrad.replay.c_groups import Group, shape_of
from minigrad.replay.c_indexing import index_lines
from minigrad.replay.c_loops import Loops, start_lines
from minigrad.replay.c_steps import Step
from minigrad.replay.program import VALUE, Call, Live, Ref, Storage, relocated


class Pieces:
    """The places of one piece.

    Parameters
    ----------
    block
        What is done by pieces.
    pointer
        Returns the C text of the address of a place.
    short
        Storages that hold one piece at a time.
    """

    def __init__(self, block: Step, pointer: Callable[[Ref], str], short: Mapping[Storage, int]) -> None:
        (self.cut,) = block.cuts
        self.rows, self.short, self._pointer = self.cut.chunk or 1, short, pointer
        self._parts: dict[tuple[Storage, int], Storage] = {}
        self._origins: dict[Storage, tuple[Storage, int]] = {}

    def calls(self, k: int, step: Step) -> list[Call]:
        """Return the calls of the step of number ``k`` as they go over one piece."""
        accesses = {access.ref: access for access in self.cut.places[k]}

        def part(value: object) -> object:
            if not isinstance(value, Ref) or accesses[value].axis is None:
                return value
            return self._part(value, accesses[value].axis or 0, accesses[value].moves)

        return relocated(step.calls, part)

    def _part(self, ref: Ref, axis: int, moves: bool) -> Ref:
        one, is_short = ref.strides[axis], ref.storage in self.short
        key = ref.storage, one * self.rows if moves and not is_short else 0
        part = self._parts.setdefault(key, Storage(VALUE, 0))
        self._origins[part] = key
        strides = ref.strides
        if is_short:  # what lay around all pieces lies around one
            strides = tuple([s * self.rows // self.cut.length if s > one else s for s in strides])
        return Ref(part, ref.offset, (*ref.shape[:axis], self.rows, *ref.shape[axis + 1 :]), strides, ref.dtype)

    def pointer(self, ref: Ref) -> str:
        """Return the address of a place of the piece."""
        if ref.storage not in self._origins:
            return self._pointer(ref)
        origin, step = self._origins[ref.storage]
        return self._pointer(ref._replace(storage=origin)) + (f" + b * {step}" if step else "")

    def inner(self, storages: set[Storage]) -> set[Storage]:
        """Return what stands for storages in this piece."""
        return {part for part, (origin, _) in self._origins.items() if origin in storages}


def block_lines(
    block: Step,
    pointer: Callable[[Ref], str],
    number: Callable[[Live], str],
    inner: Mapping[Step, set[Storage]],
    short: Mapping[Storage, int],
) -> list[str]:
    """Write a block."""
    pieces = Pieces(block, pointer, short)
    before, totals, after = _sums(block, pieces.cut, pointer)
    body: list[str] = []
    for k, step in enumerate(block.parts):
        calls = pieces.calls(k, step)
        if step.group is None:
            lines = index_lines(calls[0], pieces.pointer)
            assert lines is not None, "a piece of a gather is a gather"
            body += lines
            continue
        group = Group(shape_of(calls[0]))
        for call in calls:
            group.add(call)
        body += Loops(group, pieces.pointer, number, pieces.inner(inner.get(step, set())), totals).lines()
    loop = f"    for (int64_t b = 0; b < {pieces.cut.length // pieces.rows}; b++) {{"
    return ["  {", *before, loop, *["    " + line for line in body], "    }", *after, "  }"]


def _sums(block: Step, cut: Cut, pointer: Callable[[Ref], str]) -> tuple[list[str], dict[Storage, str | None], list[str]]:
    """Begin and end the sums over all pieces. A sum that is one number is kept in a variable, in double where it is a float."""
    before: list[str] = []
    names: dict[Storage, str | None] = {}
    after: list[str] = []
    for call in block.calls:
        if call.kind != "reduce" or call.outs[0].storage not in cut.summed:
            continue
        out, kind = call.outs[0], c_type(call.outs[0].dtype)
        if call.function is np.add and out.size == 1:
            name = names[out.storage] = f"total{len(names)}"
            before.append(f"    {'double' if kind == 'float' else kind} {name} = 0;")
            after.append(f"    *({kind} *)({pointer(out)}) = {name};")
        else:
            names[out.storage] = None
            before += [f"    {line}" for line in start_lines(out, call.function, pointer)]
    return before, names, after
