"""Values that are computed again rather than kept: to write and read a large array takes longer than an addition or a product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minigrad.replay import c_blocks
from minigrad.replay.c_forms import COMPARISONS
from minigrad.replay.c_groups import Group
from minigrad.replay.program import FRESH, VALUE, Call, Ref, Storage, relocated

if TYPE_CHECKING:
    from minigrad.replay.c_steps import Step

CHEAP = {"add", "subtract", "multiply", "negative", "positive", "square", "maximum", "minimum", "copyto", "where", *COMPARISONS}
MOST_CALLS = 4  #: that are made again for one value


def recompute(steps: Sequence[Step], outputs: Sequence[Ref]) -> None:
    """In groups that read a large value of another group, compute it anew from an array that is there in any case."""
    kept = {ref.storage for ref in outputs}
    writes = Counter(ref.storage for step in steps for ref in step.results)
    makers = {ref.storage: (step, call) for step in steps for call in step.calls for ref in call.results}  # in the order of the program
    for step in steps:
        for call in list(step.calls) if step.group is not None else ():
            out = call.outs[0] if call.kind != "reduce" else None
            if out is not None and out.storage.kind == VALUE and c_blocks.is_large(out.storage) and out.storage not in kept:
                recipe = _recipe(out, makers, writes)
                if recipe is not None:
                    _replace(out, recipe, step, steps)


def _recipe(value: Ref, makers: dict[Storage, tuple[Step, Call]], writes: Counter[Storage]) -> list[Call] | None:
    """Return the calls that make a value from one large array that is stored in any case, and small ones; None if none do."""
    calls: list[Call] = []
    sources: set[Storage] = set()
    wanted = [value]
    while wanted:
        ref = wanted.pop()
        storage = ref.storage
        step, call = makers.get(storage, (None, None))
        if writes[storage] != (storage.kind in (VALUE, FRESH)):
            return None  # it may be another value by then
        is_large = ref.size * ref.dtype.itemsize >= c_blocks.LARGE
        if is_large and (step is None or step.group is None):
            sources.add(storage)
        elif is_large:
            if call is None or call.kind not in ("ufunc", "copy", "where") or call.function.__name__ not in CHEAP or call.outs[0] != ref:
                return None
            if call not in calls:
                calls.append(call)
                wanted += call.reads
    calls = [call for _, call in makers.values() if call in calls]
    large = [ref for call in calls for ref in call.reads if ref.storage in sources]
    same_size = all(ref.dtype.itemsize <= value.dtype.itemsize for ref in large)
    return calls if len(sources) == 1 and same_size and len(calls) <= MOST_CALLS else None


def _replace(value: Ref, recipe: list[Call], maker: Step, steps: Sequence[Step]) -> None:
    """Let every group that reads a value compute it, if all of them can; its maker then keeps it only for itself."""
    readers = [step for step in steps if step is not maker and any(ref.storage is value.storage for ref in step.reads)]
    regrouped = [(step, group) for step in readers if (group := _with_recipe(step, value, recipe)) is not None]
    if not readers or len(regrouped) < len(readers):
        return
    for step, group in regrouped:
        step.regroup(group)
    if not any(ref.storage is value.storage for ref in maker.reads):
        group = Group(maker.group.shape)  # type: ignore[union-attr]
        for call in maker.calls:
            if call.kind == "reduce" or call.outs[0].storage is not value.storage:
                group.add(call)
        maker.regroup(group)


def _with_recipe(step: Step, value: Ref, recipe: list[Call]) -> Group | None:
    if step.kind != "group" or step.group is None or step.group.shape != value.shape:
        return None
    own = {call.outs[0].storage: Storage(VALUE, call.outs[0].storage.nbytes) for call in recipe}

    def moved(x: Any) -> Any:
        return x.inside(own[x.storage]) if isinstance(x, Ref) and x.storage in own else x

    group = Group(step.group.shape)
    for call in relocated([*recipe, *step.calls], moved):
        fitting = group.fitted(call)
        if fitting is None:
            return None
        group.add(fitting)
    return group
