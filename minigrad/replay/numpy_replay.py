"""A program as a Python function of NumPy calls: one line for each, into planned memory. The bits are those of the eager step."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.core.tensor import Tensor, wrap
from minigrad.replay.optimizers import Entry, Store
from minigrad.replay.plan import ALIGNMENT, Plan
from minigrad.replay.program import FRESH, INPUT, VALUE, Call, Live, Ref, Storage, array_at, is_dense

SYMBOLS = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.floordiv: "//", operator.mod: "%",
    operator.pow: "**", operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=", operator.eq: "==", operator.ne: "!=",
}  # fmt: skip


class GuardFailedError(Exception):
    """A number decides otherwise than when the step was recorded."""


class Memory:
    """The arrays of a program: where each place is."""

    def __init__(self, plan: Plan, inputs: Sequence[Ref]) -> None:
        self.plan = plan
        raw = np.zeros(plan.size + ALIGNMENT, np.uint8)
        self.arena = raw[-raw.ctypes.data % ALIGNMENT :][: plan.size]
        self.inputs = {ref.storage: np.zeros(ref.storage.nbytes, np.uint8) for ref in inputs}
        self._arrays: dict[Ref, Any] = {}

    def array(self, ref: Ref) -> Any:
        """Return the array at a place whose memory stays where it is."""
        found = self._arrays.get(ref)
        if found is None:
            found = self._arrays[ref] = self._at(ref)
        return found

    def _at(self, ref: Ref) -> Any:
        storage = ref.storage
        if 0 in ref.shape:  # which has no place in memory
            return np.empty(ref.shape, ref.dtype)
        if storage.kind == VALUE:
            return array_at(self.arena, ref.inside(storage, self.plan.offsets[storage]))
        return array_at(self.inputs[storage] if storage.kind == INPUT else storage.array, ref)


class Writer:
    """Writes the lines of the function, and holds the objects that its names stand for."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.lines: list[str] = []
        self.early: list[str] = []  #: what comes before the calls on arrays
        self.space: dict[str, Any] = {"copyto": np.copyto, "GuardFailedError": GuardFailedError, "wrap": wrap, "ndarray": np.ndarray}
        self._names: dict[int, str] = {}
        self._lives: dict[Live, str] = {}
        self._fresh: dict[Storage, tuple[str, Ref]] = {}
        self._views: dict[Ref, str] = {}
        self._count = 0

    def bind(self, value: Any, stem: str) -> str:
        """Return the name that stands for an object."""
        name = self._names.get(id(value))
        if name is None:
            name = self._names[id(value)] = f"{stem}{len(self._names)}"
            self.space[name] = value
        return name

    def local(self, stem: str) -> str:
        """Return a new name of a local variable."""
        self._count += 1
        return f"{stem}{self._count}"

    def text(self, value: Any) -> str:
        """Write an argument as Python."""
        if isinstance(value, Live):
            return self._lives[value]
        if isinstance(value, Ref):
            return self._place(value)
        if type(value) is tuple:
            return "(" + "".join(self.text(item) + ", " for item in value) + ")"
        if type(value) is list:
            return "[" + ", ".join(self.text(item) for item in value) + "]"
        if value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value)):
            return repr(value)
        return self.bind(value, "k")

    def _place(self, ref: Ref) -> str:
        if ref.storage.kind != FRESH:
            return self.bind(self.memory.array(ref), "a")
        name, root = self._fresh[ref.storage]
        if ref == root:
            return name
        if ref not in self._views:
            self._views[ref] = view = self.local("w")
            if root.is_contiguous and ref.offset >= 0 and is_dense(root):
                make = f"ndarray({ref.shape}, {self.bind(ref.dtype, 'k')}, {name}, {ref.offset}, {ref.strides})"
            else:
                make = f"{self.bind(array_at, 'f')}({name}, {self.bind(ref, 'k')})"
            self.lines.append(f"{view} = {make}")
        return self._views[ref]

    def write(self, call: Call) -> None:
        """Write one call."""
        self.lines.append(self.text_of_call(call))

    def text_of_call(self, call: Call) -> str:
        """Return the text of one call."""
        text: str = getattr(self, f"_{call.kind}")(call)
        return text

    def fresh_name(self, storage: Storage) -> str:
        """Return the name of the array that a call made."""
        return self._fresh[storage][0]

    def _ufunc(self, call: Call) -> str:
        named = "out=" if call.function in (np.maximum, np.minimum) else ""  # NumPy deprecates a third argument of these by position
        args = ", ".join([*map(self.text, call.args), named + self.text(call.outs[0])])
        return f"{self.bind(call.function, 'f')}({args}{self._options(call)})"

    def _reduce(self, call: Call) -> str:
        x, axis, dtype, keepdims = map(self.text, call.args)
        return f"{self.bind(call.function.reduce, 'f')}({x}, {axis}, {dtype}, {self.text(call.outs[0])}, {keepdims})"  # type: ignore[attr-defined]

    def _copy(self, call: Call) -> str:
        return f"copyto({self.text(call.outs[0])}, {self.text(call.args[0])}, 'unsafe')"

    def _where(self, call: Call) -> str:
        condition, a, b = call.args
        if not isinstance(condition, Ref) or condition.dtype != np.bool_:
            return f"copyto({self.text(call.outs[0])}, {self.bind(np.where, 'f')}({', '.join(map(self.text, call.args))}))"
        out = self.text(call.outs[0])
        return f"copyto({out}, {self.text(b)}, 'unsafe'); copyto({out}, {self.text(a)}, 'unsafe', {self.text(condition)})"

    def _into(self, call: Call) -> str:
        args = ", ".join(map(self.text, call.args))
        return f"{self.bind(call.function, 'f')}({args}{self._options(call)}, out={self.text(call.outs[0])})"

    def _call(self, call: Call) -> str:
        made = f"{self.bind(call.function, 'f')}({', '.join(map(self.text, call.args))}{self._options(call)})"
        names, after = [], []
        for out in call.outs:
            name = self.local("v")
            names.append(name)
            if isinstance(out, Ref) and out.storage.kind == FRESH:
                if out.storage not in self._fresh:
                    self._fresh[out.storage] = name, out
                    if out.shape == () or not call.several:  # NumPy gives scalars for arrays without axes
                        after += [f"{name} = {self.bind(np.asarray, 'f')}({name})"] if out.shape == () else []
            elif isinstance(out, Ref) and out.storage.kind == VALUE:
                after.append(f"copyto({self.text(out)}, {name})")
        left = ", ".join(names) + ("," if call.several and len(names) == 1 else "")
        return "; ".join([f"{left} = {made}" if names else made, *after])

    _box = _call

    def _host(self, call: Call) -> str:
        args = [self.text(a) for a in call.args]
        symbol = SYMBOLS.get(call.function)
        if symbol is not None:
            made = f"{args[0]} {symbol} {args[1]}"
        elif isinstance(call.function, Entry):
            made = self.bind(call.function.table, "k") + "".join(f"[{key!r}]" for key in call.function.keys)
        elif isinstance(call.function, Store):
            tables = [self.bind(table, "k") for table in call.function.tables]
            return "; ".join(f"{table}[{call.function.key!r}] = {args[0]}" for table in tables)
        else:
            made = f"{self.bind(call.function, 'f')}({', '.join(args)})"
        if not call.outs:
            return made
        name = self._lives[call.outs[0]] = self.local("h")
        return f"{name} = {made}"

    def _guard(self, call: Call) -> str:
        return f"if {'not ' if call.args[1] else ''}{self.text(call.args[0])}: raise GuardFailedError"

    def _options(self, call: Call) -> str:
        return "".join(f", {name}={self.text(value)}" for name, value in call.kwargs.items())

    def result(self, ref: Ref) -> str:
        """Write an array that leaves the step: a copy, or memory that a call made anew. As in an eager step, one place is one array."""
        name, root = self._fresh.get(ref.storage, ("", None))
        return name if ref == root else f"{self.text(ref)}.copy()"

    def drop_fresh(self, storages: Sequence[Storage]) -> None:
        """Let go of memory that nothing reads any more."""
        names = [self._fresh[s][0] for s in storages if s in self._fresh]
        names += [view for ref, view in self._views.items() if ref.storage in storages]
        if names:
            self.lines.append(" = ".join(names) + " = None")


def result_text(writer: Writer, structure: Any, outputs: Sequence[Ref]) -> str:
    """Write what the step returns: copies of the places of its Tensors."""
    places = iter(outputs)

    def text(value: Any) -> str:
        if isinstance(value, Tensor):
            return f"wrap({writer.result(next(places))}, None)"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key!r}: {text(item)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(text, value)) + "]"
        if isinstance(value, tuple):
            parts = ", ".join(map(text, value))
            return f"({parts},)" if type(value) is tuple and value else f"{writer.bind(type(value), 'k')}({parts})"
        return "None"

    return text(structure)


def last_uses(calls: Sequence[Call], outputs: Sequence[Ref]) -> dict[int, list[Storage]]:
    """Return which fresh storages are last used by which call."""
    last: dict[Storage, int] = {}
    for k, call in enumerate(calls):
        last.update((ref.storage, k) for ref in [*call.reads, *call.results] if ref.storage.kind == FRESH)
    kept = {ref.storage for ref in outputs}
    ends: dict[int, list[Storage]] = {}
    for storage, k in last.items():
        if storage not in kept:
            ends.setdefault(k, []).append(storage)
    return ends


def compiled(writer: Writer, arguments: Sequence[str]) -> tuple[Callable[..., Any], str]:
    """Return the function of the lines written, and its text."""
    source = f"def replay({', '.join(arguments)}):\n    " + "\n    ".join(writer.lines or ["pass"]) + "\n"
    exec(compile(source, "<captured step>", "exec"), writer.space)  # names and structure only: no text of the user's is in it
    return writer.space["replay"], source
