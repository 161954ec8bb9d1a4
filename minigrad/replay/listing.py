"""A program in words: one line for each call, with what it stands for beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.replay.program import CONSTANT, INPUT, STATE, Call, Live, Ref, array_at, is_dense


class Names:
    """Names of places and numbers: those of parameters and arguments, and running numbers for the rest."""

    def __init__(self, known: dict[Any, str]) -> None:
        self._known = known  # of storages and of places
        self._numbers: dict[Any, str] = {}
        self._roots: dict[Any, Ref] = {}

    def of(self, value: Any) -> str:
        """Write an argument."""
        if isinstance(value, Live):
            return self._numbers.setdefault(value, f"n{len(self._numbers) + 1}")
        if isinstance(value, Ref):
            return self._place(value)
        if isinstance(value, (tuple, list)):
            return "(" + ", ".join(map(self.of, value)) + ")"
        if isinstance(value, slice):
            return ":".join("" if part is None else self.of(part) for part in (value.start, value.stop, value.step)).ljust(1, ":")
        if isinstance(value, float):
            return f"{value:.6g}"
        return str(getattr(value, "__name__", value))

    def _place(self, ref: Ref) -> str:
        storage = ref.storage
        turned = ref._replace(shape=ref.shape[::-1], strides=ref.strides[::-1])
        if ref in self._known or turned in self._known:
            return self._known[ref] if ref in self._known else self._known[turned] + ".T"
        if storage.kind == CONSTANT and ref.size == 1:
            return f"{array_at(storage.array, ref).reshape(-1)[0]:.6g}"
        name = self._known.get(storage)
        if name is None:
            stem = {STATE: "p", CONSTANT: "c", INPUT: "x"}.get(storage.kind, "t")
            name = self._numbers.setdefault(storage, f"{stem}{len(self._numbers) + 1}")
        return name + _view(ref, self._roots.setdefault(storage, ref))

    def made(self, ref: Ref) -> str:
        """Write a result, with its type."""
        return f"{self._place(ref)}:{typed(ref)}"


def _view(ref: Ref, root: Ref) -> str:
    """Say how a place is seen that is not the whole of its memory as it was made."""
    if ref == root and root.covers:
        return ""
    if ref.covers and ref.shape == root.shape[::-1] and ref.strides == root.strides[::-1]:
        return ".T"
    start = ref.offset // ref.dtype.itemsize
    part = "" if ref.covers else f"[{start}:{start + ref.size}]" if is_dense(ref) else f"[{start}::]"
    return part + ("" if len(ref.shape) == 1 and part else f".view{list(ref.shape)}".replace(" ", ""))


def typed(ref: Ref) -> str:
    """Write dtype and shape, as f32[4,8]."""
    kind = "bool" if ref.dtype == np.bool_ else f"{ref.dtype.kind}{ref.dtype.itemsize * 8}"
    return f"{kind}{list(ref.shape)}".replace(" ", "")


def listing(calls: Sequence[Call], known: dict[Any, str]) -> str:
    """Return the text of a program."""
    names, lines, phase = Names(known), [], ""
    rows = [(call, _line(call, names)) for call in calls]
    width = min(max([len(text) for _, text in rows], default=0), 60)
    for call, text in rows:
        if call.origin.phase and call.origin.phase != phase:
            phase = call.origin.phase
            lines.append(f"-- {phase}")
        lines.append(f"{text:<{width}}  # {_comment(call)}".rstrip(" #"))
    return "\n".join(lines)


def _line(call: Call, names: Names) -> str:
    if call.kind == "reduce":
        x, axis, _, _ = call.args
        right = f"{call.name} {names.of(x)}" + ("" if axis is None else f" axis={axis}")
    elif call.kind == "guard":
        return f"requires {names.of(call.args[0])} {'true' if call.args[1] else 'false'}"
    else:
        options = "".join(f", {name}={names.of(value)}" for name, value in call.kwargs.items() if name != "casting")
        right = f"{call.name} " + ", ".join(names.of(a) for a in call.args if a is not np) + options
    made = [out for out in call.outs if isinstance(out, Ref)]
    if call.kind == "host":
        return f"{names.of(call.outs[0])} = {right}" if call.outs else right
    in_place = [ref for ref in [*made, *call.writes] if ref.storage.kind == STATE]
    if in_place and not [ref for ref in made if ref.storage.kind != STATE]:
        return f"{', '.join(map(names.of, in_place))} <- {right}"
    return f"{', '.join(map(names.made, made))} = {right}" if made else right


def _comment(call: Call) -> str:
    origin = call.origin
    what = origin.formula or origin.op
    return " ".join(part for part in (what, f"in {origin.layer}" if origin.layer else "") if part)
