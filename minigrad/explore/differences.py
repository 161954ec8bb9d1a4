"""Finite differences of what was recorded: each number of a gradient beside one that owes nothing to any formula.

The recorded computation is run again in float64 with one element moved, from its node on, by the ops' forward functions alone.
The derivative is the central difference of the fourth order: (4 d(h/2) - d(h)) / 3 with d(h) = (f(x+h) - f(x-h)) / 2h.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.backends import is_array, namespace
from minigrad.core.device import to_host
from minigrad.explore.recorder import Recorder
from minigrad.explore.records import Entry, Ref
from minigrad.explore.values import Value, element

STEP = 2.0**-16  #: h, relative to the element where that is larger than 1; small, so that few kinks of ReLU or maxima lie within it


def check_gradients(recorder: Recorder, elements: int) -> None:
    """Give each recorded gradient the finite differences of up to ``elements`` of its elements."""
    assert recorder.arguments is not None
    whole = {n for n, start in enumerate(recorder.starts, 1) if all(value.rows is None for _, value in start)}
    with np.errstate(all="ignore"):
        replay = _Replay(recorder)
        for entry in recorder.entries:
            for number, output, value in entry.grads:
                if number in whole and value.data.size and Ref(entry.id, output) in replay.values:
                    places = sorted({int(p) for p in np.linspace(0, value.data.size - 1, min(elements, value.data.size))})
                    entry.check += [_check(replay, entry, number, output, value, place) for place in places]


def _check(replay: _Replay, entry: Entry, number: int, output: int, value: Value, place: int) -> dict[str, Any]:
    at = element(value, place)
    numeric = replay.derivative(number, Ref(entry.id, output), tuple(at))
    analytic = float(value.data.ravel()[place])
    shown = {name: x if x - x == 0 else str(x) for name, x in (("analytic", analytic), ("numeric", numeric))}
    return {"pass": number, "output": output, "at": at, "index": place, **shown}


class _Replay:
    """The recorded computation, run again in float64."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.values: dict[Ref, Any] = {}
        self.users: dict[int, list[Entry]] = {}  #: of the values of a node
        for entry in recorder.entries:
            if entry.id not in recorder.arguments:  # type: ignore[operator]
                continue
            args, _ = recorder.arguments[entry.id]  # type: ignore[index]
            for ref, array in zip(entry.inputs, args, strict=True):
                if isinstance(ref, Ref):
                    self.values.setdefault(ref, _wide(array))
                    self.users.setdefault(ref.node, []).append(entry)
            self.values |= self.run(entry, {})

    def run(self, entry: Entry, moved: dict[Ref, Any]) -> dict[Ref, Any]:
        """Compute a node again, where some values have been moved."""
        assert entry.op is not None
        assert self.recorder.arguments is not None
        args, params = self.recorder.arguments[entry.id]
        refs = zip(entry.inputs, args, strict=True)
        arrays = [moved.get(ref, self.values.get(ref)) if isinstance(ref, Ref) else a for ref, a in refs]
        xp = namespace(*arrays)
        out = entry.op.forward(xp, *arrays, **params)
        return {Ref(entry.id, k): xp.asarray(o) for k, o in enumerate(out if isinstance(out, tuple) else (out,))}

    def derivative(self, number: int, of: Ref, at: tuple[int, ...]) -> float:
        """Return the derivative of what pass ``number`` started from with respect to one element."""
        x = float(to_host(self.values[of][at]))
        h = STEP * max(1.0, abs(x))
        d = [(self._objective(number, of, at, x + s) - self._objective(number, of, at, x - s)) / (2 * s) for s in (h / 2, h)]
        return (4 * d[0] - d[1]) / 3

    def _objective(self, number: int, of: Ref, at: tuple[int, ...], x: float) -> float:
        """Return the sum of the products of what the pass started from with its cotangents."""
        changed = self.values[of].copy()
        changed[at] = x
        moved = {of: changed}
        waiting = {user.id: user for user in self.users.get(of.node, [])}
        while waiting:
            entry = waiting.pop(min(waiting))
            if any(ref in moved for ref in entry.inputs if isinstance(ref, Ref)):
                moved |= self.run(entry, moved)
                waiting |= {user.id: user for user in self.users.get(entry.id, [])}
        start = self.recorder.starts[number - 1]
        return sum(float((to_host(moved.get(ref, self.values[ref])) * g.data).sum()) for ref, g in start)


def _wide(array: Any) -> Any:
    return array.astype(np.float64) if is_array(array) and array.dtype.kind == "f" else array
