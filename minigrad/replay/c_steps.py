"""From calls to steps: what goes over the same elements is one group of loops, and large groups that share rows are one block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from minigrad.replay.c_blocks import Cut, changes_state, cuts, is_large, is_small
from minigrad.replay.c_forms import is_elementwise, is_reduction
from minigrad.replay.c_groups import Group, shape_of
from minigrad.replay.c_indexing import index_lines
from minigrad.replay.c_joined import read_where_they_lie
from minigrad.replay.c_products import is_product
from minigrad.replay.c_recompute import recompute
from minigrad.replay.program import VALUE, Call, Ref, Storage

BY_PIECES = {"group", "index", "block"}  #: kinds of steps that may be part of a block


@dataclass(eq=False)
class Step:
    """One or more calls that are done together, as the plan of memory sees them."""

    kind: str  #: "group", "product", "index", "check", "python" or "block"
    calls: list[Call]
    group: Group | None = None
    parts: list[Step] = field(default_factory=list)  #: of a block
    cuts: list[Cut] = field(default_factory=list)  #: ways to do a block by pieces
    outs: list[Any] = field(default_factory=list)

    @property
    def reads(self) -> list[Ref]:
        """The places it reads."""
        return [ref for call in self.calls for ref in call.reads]

    @property
    def results(self) -> list[Ref]:
        """The places it writes."""
        return [ref for call in self.calls for ref in call.results]

    @property
    def may_fail(self) -> bool:
        """Whether an index in it may be outside."""
        return self.kind in ("index", "check") or any(part.may_fail for part in self.parts)

    @property
    def is_large(self) -> bool:
        """Whether it goes over a large array, so that going over it again is worth avoiding."""
        return any(map(is_large, set.union(*self.storages)))

    @cached_property
    def storages(self) -> tuple[set[Storage], set[Storage]]:
        """What it reads, and what it writes."""
        return _storages(self.calls)

    def add(self, call: Call) -> None:
        """Take a call into the group."""
        assert self.group is not None
        self.group.add(call)
        self.__dict__.pop("storages", None)

    def regroup(self, group: Group) -> None:
        """Take another group in place of the one it has."""
        self.group, self.calls = group, group.calls
        self.__dict__.pop("storages", None)

    def precedes(self, calls: list[Call], reads: set[Storage], results: set[Storage]) -> bool:
        """Tell whether calls that come after this step in the program must stay after it."""
        mine_read, mine_written = self.storages
        if reads & mine_written or results & mine_written or results & mine_read:
            return True
        if self.may_fail and any(call.kind in ("call", "box") for call in calls):
            return True  # what is told of several errors is the first
        return (self.may_fail or self.kind == "python") and changes_state(calls)  # nothing is changed before an error


def _storages(calls: Iterable[Call]) -> tuple[set[Storage], set[Storage]]:
    return {ref.storage for call in calls for ref in call.reads}, {ref.storage for call in calls for ref in call.results}


def steps_of(calls: Sequence[Call], outputs: Sequence[Ref]) -> list[Step]:
    """Put calls together that go over the same elements or through the same rows; ``outputs`` are places that must be written."""
    steps: list[Step] = []
    for call in calls:
        if is_elementwise(call) or is_reduction(call):
            _into_group(call, steps)
        elif is_product(call):
            steps.append(Step("product", [call]))
        elif index_lines(call, str) is not None:
            steps.append(Step("check" if not call.results else "index", [call]))
        else:
            steps.append(Step("python", [call]))
    read_where_they_lie(steps, outputs)
    recompute(steps, outputs)
    return _blocks([step for step in steps if step.calls])


def _into_group(call: Call, steps: list[Step]) -> None:
    """Put a call into the last group, if it fits. One whose result is small goes ahead of large groups, so that these come together."""
    first = _earliest(steps, [call]) if _are_small(call.results) else len(steps)
    ahead = any(step.group is not None and step.is_large for step in steps[first:])
    for step in steps[max(first - 1, 0) :] if ahead else steps[-1:]:
        fitting = None if step.group is None else step.group.fitted(call)
        if step.group is not None and fitting is not None:
            step.add(fitting)
            return
    group = Group(shape_of(call))
    group.add(call)
    steps.insert(first if ahead and _are_small(call.reads) else len(steps), Step("group", group.calls, group))


def _are_small(places: Iterable[Ref]) -> bool:
    return all(is_small(ref.storage) for ref in places)


def _earliest(steps: list[Step], calls: list[Call]) -> int:
    """Return where calls may stand that come after all steps."""
    k, (reads, results) = len(steps), _storages(calls)
    while k and not steps[k - 1].precedes(calls, reads, results):
        k -= 1
    return k


def _blocks(steps: list[Step]) -> list[Step]:
    """Put steps together that can be done piece by piece, where that saves going over a large array again."""
    before = len(steps) + 1
    while len(steps) < before:  # blocks may join, too
        before = len(steps)
        result: list[Step] = []
        for step in steps:
            _join(step, result)
        steps = result
    return [single for step in steps for single in ([step] if step.kind != "block" or _is_worth_it(step) else step.parts)]


def _join(step: Step, steps: list[Step]) -> None:
    """Put a step into the first with which it makes a block, or at the end."""
    first = _earliest(steps, step.calls) if step.kind in BY_PIECES else len(steps)
    for k in range(max(first - 1, 0), len(steps)):
        joined = _joined(steps[k], step)
        if joined is not None:
            steps[k] = joined
            return
    steps.append(step)


def _joined(first: Step, then: Step) -> Step | None:
    """Return a block of two steps; None if they do not share a large array, or one needs what the other has of several pieces."""
    if not {first.kind, then.kind} <= BY_PIECES or not _share_large(first, then):
        return None
    if (first.may_fail or then.may_fail) and changes_state([*first.calls, *then.calls]):
        return None
    for step in (first, then):
        if not step.cuts:
            step.cuts = cuts(step.calls, step.group)
    both = [cut for a in first.cuts for b in then.cuts if (cut := a.with_(b)) is not None]
    if not both:
        return None
    return Step("block", [*first.calls, *then.calls], parts=[*(first.parts or [first]), *(then.parts or [then])], cuts=both)


def _share_large(first: Step, then: Step) -> bool:
    """Tell whether two steps use an array together, and one of them a large one."""
    mine, its = (set.union(*step.storages) for step in (first, then))
    return bool(mine & its) and any(map(is_large, mine | its))


def _is_worth_it(block: Step) -> bool:
    """Tell whether a block has pieces of a good size, and keep the best way to cut it."""
    block.cuts = [cut for cut in block.cuts if cut.chunk is not None][:1]
    return bool(block.cuts)


def registers(steps: Sequence[Step], outputs: Sequence[Ref]) -> dict[Step, set[Storage]]:
    """Return for each group the storages that it alone uses, which therefore need no memory."""
    found: dict[Step, set[Storage]] = {}
    groups = [part for step in steps for part in (step.parts or [step])]
    for storage, step in _used_by_one(groups, outputs):
        places = {ref for ref in [*step.reads, *step.results] if ref.storage is storage}
        made = any(ref.storage is storage for ref in step.results)
        if step.group is not None and made and len(places) == 1 and storage not in step.group.summed:
            found.setdefault(step, set()).add(storage)
    return found


def short(steps: Sequence[Step], outputs: Sequence[Ref]) -> dict[Storage, int]:
    """Return the storages that only one block uses and that hold one piece at a time, and the bytes of it."""
    found: dict[Storage, int] = {}
    for storage, step in _used_by_one(steps, outputs):
        for cut in step.cuts if step.kind == "block" else ():
            if all(cut.slices[storage]) and all(ref.covers for ref in [*step.reads, *step.results] if ref.storage is storage):
                found[storage] = storage.nbytes * (cut.chunk or 1) // cut.length
    return found


def _used_by_one(steps: Sequence[Step], outputs: Sequence[Ref]) -> list[tuple[Storage, Step]]:
    """Return the planned values that a single step uses, with it."""
    used: dict[Storage, set[Step]] = {}
    for step in steps:
        for ref in [*step.reads, *step.results]:
            used.setdefault(ref.storage, set()).add(step)
    kept = {ref.storage for ref in outputs}
    return [(s, next(iter(where))) for s, where in used.items() if len(where) == 1 and s.kind == VALUE and s not in kept]
