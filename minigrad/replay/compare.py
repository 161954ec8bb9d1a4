"""Whether two recordings of a step are one program: what differs would be frozen by a replay."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from minigrad.backends import CaptureError
from minigrad.replay.program import CONSTANT, STATE, Call, Live, Ref, Storage
from minigrad.replay.recording import Recording


def difference(first: list[Call], second: list[Call]) -> str | None:
    """Return in words where two recordings differ, None if they do not."""
    pairs = _Pairs()
    for k, (a, b) in enumerate(zip(first, second, strict=False)):
        if a.kind != b.kind or not _same_function(a.function, b.function):
            return _sentence(k, a, b, f"{a.name} the first time, {b.name} the second")
        if not pairs.same((a.args, a.kwargs, a.outs, a.writes), (b.args, b.kwargs, b.outs, b.writes)):
            return _sentence(k, a, b, f"{a.name} {pairs.what}")
    if len(first) != len(second):
        longer = max(first, second, key=len)
        call = longer[min(len(first), len(second))]
        return _sentence(min(len(first), len(second)), call, call, f"{call.name} was done in one of two captures only")
    return None


def check_same(first: list[Call], second: list[Call]) -> None:
    """Raise a CaptureError if two recordings of a step differ."""
    found = difference(first, second)
    if found is not None:
        raise CaptureError(
            f"the step cannot be captured: it did something else when it was captured a second time: {found}. A replay would repeat what "
            "was captured. What changes from step to step must be an argument, or come from mg.random; capture(..., check=False) freezes it"
        )


def gives_same(first: Recording, second: Recording) -> bool:
    """Tell whether two recordings of the same calls also return and keep the same, so that one program serves both."""
    pairs = _Pairs()
    for a, b in zip(first.calls, second.calls, strict=True):
        pairs.same((a.args, a.kwargs, a.outs, a.writes), (b.args, b.kwargs, b.outs, b.writes))
    leaves, others = ([id(leaf) for leaf, _ in recording.gradients] for recording in (first, second))
    kept, same = ([ref for _, ref in recording.gradients] for recording in (first, second))
    return leaves == others and pairs.same((first.inputs, first.outputs, kept), (second.inputs, second.outputs, same))


def _sentence(k: int, a: Call, b: Call, what: str) -> str:
    origin = a.origin if a.origin.op or not b.origin.op else b.origin
    where = f" in {origin.op}" if origin.op else ""
    line = f" ({origin.line})" if origin.line else ""
    return f"at call {k + 1}{where}{line}: {what}"


def _same_function(f: Any, g: Any) -> bool:
    if f is g or f == g:
        return True
    if isinstance(f, partial) and isinstance(g, partial):
        return _same_function(f.func, g.func) and repr(f.args) == repr(g.args)
    return hasattr(f, "__code__") and f.__code__ is getattr(g, "__code__", None)


class _Pairs:
    """Which storage and which number of one recording stands for which of the other."""

    def __init__(self) -> None:
        self.partner: dict[Any, Any] = {}
        self.what = ""

    def same(self, a: Any, b: Any) -> bool:
        if isinstance(a, Ref) and isinstance(b, Ref):
            if a[1:] != b[1:]:
                return self._differ(_described(a), _described(b))
            return self._same_storage(a, b)
        if isinstance(a, Live) and isinstance(b, Live):
            return self._paired(a, b)
        if type(a) is not type(b):
            return self._differ(a, b)
        if isinstance(a, (tuple, list)):
            return len(a) == len(b) and all(self.same(x, y) for x, y in zip(a, b, strict=True))
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(self.same(x, b[name]) for name, x in a.items())
        if isinstance(a, (bool, int, float, str, np.generic)) or a is None:
            return repr(a) == repr(b) or self._differ(a, b)
        return True

    def _same_storage(self, a: Ref, b: Ref) -> bool:
        x, y = a.storage, b.storage
        if x in self.partner or y in self.partner:
            return self._paired(x, y)
        if {x.kind, y.kind} <= {STATE, CONSTANT} and x.array is not y.array:
            if not _same_bytes(x, y):
                return self._differ("an array of other values", "before")
        elif x.kind != y.kind:
            return False
        return self._paired(x, y)

    def _paired(self, x: Any, y: Any) -> bool:
        self.partner.setdefault(x, y)
        self.partner.setdefault(y, x)
        return (self.partner[x] is y and self.partner[y] is x) or self._differ("one array", "another")

    def _differ(self, a: Any, b: Any) -> bool:
        self.what = f"of {a!r} the first time, of {b!r} the second" if not isinstance(a, str) else f"of {a}, then of {b}"
        return False


def _same_bytes(x: Storage, y: Storage) -> bool:
    return x.nbytes == y.nbytes and x.array.dtype == y.array.dtype and x.array.tobytes() == y.array.tobytes()


def _described(ref: Ref) -> str:
    return f"{ref.dtype}{list(ref.shape)}"
