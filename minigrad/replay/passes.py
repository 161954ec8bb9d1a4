"""From the calls of a recording to a program without waste.

`single_assignment` gives every value a memory of its own, `fold` computes what is the same in every step, `share` computes
equal things once, `drop` leaves out what nobody reads, and `place` lets gradients be written where an optimizer wants them,
end to end, rather than copied there. Calls with an effect are kept, in their order, once each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from minigrad.replay.program import CONSTANT, FRESH, STATE, VALUE, Call, Live, Ref, Storage, array_at, changed, leaves, relocated

PURE = {"ufunc", "reduce", "copy", "where", "into", "call", "box"}
MOST_FOLDED = 1 << 16  #: bytes of a constant that is kept rather than computed in each step
WHOLE = {"ufunc", "reduce", "copy", "where", "into"}  #: calls that overwrite all of their result


def simplified(calls: list[Call], outputs: list[Ref]) -> tuple[list[Call], list[Ref]]:
    """Return the calls of a program, and where its outputs are."""
    calls, outputs = single_assignment(calls, outputs)
    calls, outputs = share(*fold(calls, outputs))
    calls = drop(calls, outputs)
    return place(calls, outputs)


def single_assignment(calls: list[Call], outputs: list[Ref]) -> tuple[list[Call], list[Ref]]:
    """Where a value is overwritten as a whole, let what follows be in another storage."""
    now: dict[Storage, Storage] = {}
    written: set[Storage] = set()

    def moved(value: Any) -> Any:
        return value.inside(now[value.storage]) if isinstance(value, Ref) and value.storage in now else value

    result = []
    for call in calls:
        args, kwargs = changed(call.args, moved), changed(call.kwargs, moved)
        for out in call.outs:
            if isinstance(out, Ref) and out.storage.kind in (VALUE, FRESH):
                if call.kind in WHOLE and out.covers and (out.storage in written or out.storage.kind == FRESH):
                    now[out.storage] = Storage(VALUE, out.storage.nbytes)
                written.add(out.storage)
        outs, writes = [moved(out) for out in call.outs], [moved(ref) for ref in call.writes]
        result.append(replace(call, args=args, kwargs=kwargs, outs=outs, writes=writes))
    return result, [moved(ref) for ref in outputs]


def writes_of(calls: Iterable[Call]) -> Counter[Storage]:
    """Count how often each storage is written."""
    return Counter(ref.storage for call in calls for ref in call.results)


def fold(calls: list[Call], outputs: list[Ref]) -> tuple[list[Call], list[Ref]]:
    """Compute what depends on constants only, and make it a constant."""
    writes, kept = writes_of(calls), []
    found: dict[Storage, Storage] = {}

    def folded(value: Any) -> Any:
        return value.inside(found[value.storage]) if isinstance(value, Ref) and value.storage in found else value

    for call in calls:
        call = replace(call, args=changed(call.args, folded), kwargs=changed(call.kwargs, folded))
        out = call.outs[0] if len(call.outs) == 1 and not call.several and not call.effect else None
        if (
            call.kind in WHOLE | {"call"}
            and isinstance(out, Ref)
            and out.storage.kind in (VALUE, FRESH)
            and writes[out.storage] == 1
            and out.covers
            and out.storage.nbytes <= MOST_FOLDED
            and all(_constant(value) for value in leaves((call.args, call.kwargs)))
        ):
            found[out.storage] = Storage(CONSTANT, out.storage.nbytes, computed(call, out))
        else:
            kept.append(call)
    return kept, [folded(ref) for ref in outputs]


def _constant(value: Any) -> bool:
    return not isinstance(value, Live) and (not isinstance(value, Ref) or value.storage.kind == CONSTANT)


def computed(call: Call, out: Ref) -> Any:
    """Run a call whose arguments are constants, and return the memory of its result."""
    memory = np.empty(out.storage.nbytes, np.uint8)
    target = array_at(memory, out)

    def value(x: Any) -> Any:
        return array_at(x.storage.array, x) if isinstance(x, Ref) else x

    perform(call, changed(call.args, value), changed(call.kwargs, value), target)
    return memory


def perform(call: Call, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
    """Make one call on arrays, and put its result into ``out``."""
    if call.kind == "ufunc":
        call.function(*args, out=out, **kwargs)
    elif call.kind == "reduce":
        x, axis, dtype, keepdims = args
        call.function.reduce(x, axis, dtype, out, keepdims)  # type: ignore[attr-defined]
    elif call.kind == "into":
        call.function(*args, out=out, **kwargs)
    else:
        result = args[0] if call.kind == "copy" else call.function(*args, **kwargs)
        np.copyto(out, result, casting="unsafe")


def share(calls: list[Call], outputs: list[Ref]) -> tuple[list[Call], list[Ref]]:
    """Where two calls compute the same, keep the first. Its result must still be there, and its arguments unchanged."""
    version: Counter[Storage] = Counter()
    seen: dict[Any, tuple[Call, list[int]]] = {}
    same: dict[Storage, Storage] = {}
    writes = writes_of(calls)

    def shared(value: Any) -> Any:
        return value.inside(same[value.storage]) if isinstance(value, Ref) and value.storage in same else value

    kept = []
    for old in calls:
        call = replace(
            old,
            args=changed(old.args, shared),
            kwargs=changed(old.kwargs, shared),
            outs=[shared(out) for out in old.outs],
            writes=[shared(ref) for ref in old.writes],
        )
        outs = call.results
        key = None
        if (
            call.kind in PURE
            and not call.effect
            and outs
            and all(out.storage.kind in (VALUE, FRESH) and writes[out.storage] == 1 and out.offset == 0 for out in outs)
        ):
            key = _key(call, version)
        if key is not None and key in seen:
            first, versions = seen[key]
            if versions == [version[out.storage] for out in first.results]:
                for mine, its in zip(outs, first.results, strict=True):
                    same[mine.storage] = its.storage
                continue
        for out in outs:
            version[out.storage] += 1
        if key is not None:
            seen[key] = call, [version[out.storage] for out in outs]
        kept.append(call)
    return kept, [shared(ref) for ref in outputs]


def _key(call: Call, version: Counter[Storage]) -> Any:
    """Return what two calls have in common that compute the same; None if that cannot be told."""

    def frozen(value: Any) -> Any:
        if isinstance(value, Ref):
            return value, version[value.storage]
        if isinstance(value, (tuple, list)):
            return type(value), tuple([frozen(item) for item in value])
        if isinstance(value, dict):
            return tuple([(name, frozen(item)) for name, item in value.items()])
        if isinstance(value, slice):
            return "slice", value.start, value.stop, value.step
        return type(value), repr(value) if isinstance(value, float) else value

    places = [(out and (out.shape, out.strides, out.dtype)) for out in call.outs]
    key = call.kind, call.function, frozen(call.args), frozen(call.kwargs), tuple(places)
    try:
        hash(key)
    except TypeError:
        return None
    return key


def drop(calls: list[Call], outputs: list[Ref]) -> list[Call]:
    """Leave out calls whose results nobody reads."""
    needed: set[Any] = {ref.storage for ref in outputs}
    kept = []
    for call in reversed(calls):
        lives = any(ref.storage.kind == STATE or ref.storage in needed for ref in call.results)
        if call.effect or lives or any(isinstance(out, Live) and out in needed for out in call.outs):
            needed.update(ref.storage for ref in call.reads)
            needed.update(value for value in leaves((call.args, call.kwargs)) if isinstance(value, Live))
            kept.append(call)
    kept.reverse()
    return kept


def place(calls: list[Call], outputs: list[Ref]) -> tuple[list[Call], list[Ref]]:
    """Give arrays that are joined end to end memory within the result, where they are written once and wholly."""
    home: dict[Storage, tuple[Storage, int]] = {}
    last_write = {ref.storage: k for k, call in enumerate(calls) for ref in call.results}
    first_write: dict[Storage, Call] = {}
    for call in calls:
        for ref in call.results:
            first_write.setdefault(ref.storage, call)
    result: list[Call] = []
    for k, call in enumerate(calls):
        target = call.outs[0] if call.kind == "into" and call.function is np.concatenate and not call.kwargs else None
        if target is None or len(call.args) != 1 or target.storage.kind != VALUE or last_write[target.storage] != k:
            result.append(call)
            continue
        at = 0
        for part in call.args[0]:
            n = part.size * part.dtype.itemsize
            storage = part.storage
            if _may_move(part, target, storage, first_write.get(storage)) and storage not in home and last_write[storage] < k:
                home[storage] = target.storage, at
            elif n:
                into = target._replace(offset=target.offset + at, shape=part.shape, strides=part.strides)
                result.append(replace(call, kind="copy", function=np.copyto, args=(part,), outs=[into]))
            at += n

    def moved(value: Any) -> Any:
        return value.inside(*home[value.storage]) if isinstance(value, Ref) and value.storage in home else value

    return relocated(result, moved), [moved(ref) for ref in outputs]


def _may_move(part: Ref, target: Ref, storage: Storage, maker: Call | None) -> bool:
    """Tell whether ``part`` may be made where the join wants it: planned memory, written by one call that fills all of it."""
    if storage.kind != VALUE or part.dtype != target.dtype or not part.covers or not part.is_contiguous or maker is None or not part.size:
        return False
    made = [out for out in maker.outs if isinstance(out, Ref) and out.storage is storage]
    return maker.kind in WHOLE and len(made) == 1 and made[0].covers
