"""Arrays that are joined end to end for one loop: the loop reads the parts where they lie, and nothing is copied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from minigrad.replay import c_blocks
from minigrad.replay.c_groups import Group
from minigrad.replay.program import FRESH, JOINED, VALUE, Call, Ref, Storage, relocated

if TYPE_CHECKING:
    from minigrad.replay.c_steps import Step


def read_where_they_lie(steps: Sequence[Step], outputs: Sequence[Ref]) -> None:
    """Leave out the copies that join arrays, such as gradients, where groups over all elements are all that reads the result."""
    kept = {ref.storage for ref in outputs}
    writes = Counter(ref.storage for step in steps for ref in step.results)
    for storage in [s for s in writes if s.kind == VALUE and c_blocks.is_large(s) and s not in kept]:
        copies = [(step, call) for step in steps for call in step.calls if any(ref.storage is storage for ref in call.results)]
        parts = _parts([call for _, call in copies], storage, writes, [step for step in steps if step.group is None])
        readers = [step for step in steps if any(ref.storage is storage for ref in step.reads)]
        if parts is None or not readers or not all(_goes_along(step, storage) for step in readers):
            continue
        joined = Storage(JOINED, storage.nbytes, parts)
        for step in readers:
            _regroup(step, _moved(step.calls, storage, joined))
            step.kind = "joined"
        for step, copy in copies:
            _regroup(step, [call for call in step.calls if call is not copy])


def _parts(calls: list[Call], storage: Storage, writes: Counter[Storage], others: list[Step]) -> list[Ref] | None:
    """Return the places that are copied, one after the other, into a storage; None if it is filled otherwise."""
    if any(call.kind != "copy" for call in calls):
        return None
    stored = {ref.storage for step in others for ref in step.results}
    parts, at = [], 0
    for call in sorted(calls, key=lambda call: call.outs[0].offset):
        (source,), out = call.args, call.outs[0]
        if not isinstance(source, Ref) or source.dtype != out.dtype or source.size != out.size or out.offset != at:
            return None
        there = source.storage.kind not in (VALUE, FRESH) or source.storage in stored
        if not there or writes[source.storage] != (source.storage.kind in (VALUE, FRESH)):
            return None
        if not source.is_contiguous or not out.is_contiguous:
            return None
        parts.append(source)
        at += out.size * out.dtype.itemsize
    return parts if at == storage.nbytes and len(parts) > 1 else None


def _goes_along(step: Step, storage: Storage) -> bool:
    """Tell whether a group goes through all of a storage, and through everything else in the same order."""
    if step.kind != "group" or step.group is None or len(step.group.shape) != 1 or any(call.kind == "reduce" for call in step.calls):
        return False
    (n,) = step.group.shape
    refs = {ref for call in step.calls for ref in [*call.reads, *call.results]}
    known = [ref.storage for ref in refs if ref.storage.kind == JOINED]
    even = not known and all(ref.size == 1 or (ref.shape == (n,) and ref.is_contiguous) for ref in refs)
    return even and all(ref.covers for ref in refs if ref.storage is storage)


def _moved(calls: list[Call], storage: Storage, to: Storage) -> list[Call]:
    return relocated(calls, lambda value: value.inside(to) if isinstance(value, Ref) and value.storage is storage else value)


def _regroup(step: Step, calls: list[Call]) -> None:
    group = Group(step.group.shape)  # type: ignore[union-attr]
    for call in calls:
        group.add(call)
    step.regroup(group)
