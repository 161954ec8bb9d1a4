"""Loops in C for calls that go over the same elements: read once, computed in registers, written once.

A group has one shape. Each of its calls computes a value for every element, or sums values along some axes. Values that only the
group needs are never stored. Axes along which all operands are even are joined, so that the inner loop is as long as can be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from minigrad.replay.c_forms import FORMS, REDUCTIONS, c_type, literal, loop_types
from minigrad.replay.c_groups import Group, reduced_axes
from minigrad.replay.program import CONSTANT, JOINED, Call, Live, Ref, Storage, array_at

LONG = 1024  #: elements whose sum is taken in double


class Loops:
    """Writes one group.

    Parameters
    ----------
    pointer
        Returns the C text of the address of a place.
    number
        Returns the C text of a live number.
    inner
        Storages that only this group uses: they stay in registers.
    started
        Sums that were begun before, and the variable that holds each; none where it is in memory.
    """

    def __init__(
        self,
        group: Group,
        pointer: Callable[[Ref], str],
        number: Callable[[Live], str],
        inner: Collection[Storage],
        started: Mapping[Storage, str | None] = MappingProxyType({}),
    ) -> None:
        self.group, self.pointer, self.number, self.inner, self.started = group, pointer, number, inner, started
        self.operands: list[tuple[Ref, tuple[int, ...], str]] = []  # place, strides over the group, name
        self.registers: dict[Ref, tuple[str, str]] = {}
        self.loads: list[tuple[str, str, int]] = []
        self.code: list[str] = []
        self.stores: dict[int, tuple[str, str]] = {}
        self.sums: list[tuple[Any, str, str, int]] = []
        self._count = 0
        for call in group.calls:
            self._call(call)

    # --------------------------------------------------------------------------------------------------- the body

    def _call(self, call: Call) -> None:
        if call.kind == "reduce":
            self._reduce(call)
            return
        out = call.outs[0]
        kind = c_type(out.dtype) or ""
        if call.kind == "copy":
            text = self._operand(call.args[0], out.dtype)
        elif call.kind == "where":
            condition, a, b = call.args
            text = f"{self._operand(condition, condition.dtype)} ? {self._operand(a, out.dtype)} : {self._operand(b, out.dtype)}"
        else:
            text = self._ufunc(call, out)
        name = self._name("t")
        self.code.append(f"{kind} {name} = {text};  // {cleaned(call)}")
        self.registers[out] = name, kind
        if out.storage not in self.inner:
            self.stores[self._place(out, out.strides)] = kind, name

    def _ufunc(self, call: Call, out: Ref) -> str:
        types = loop_types(call)
        assert types is not None
        compute, result = types
        name = call.function.__name__
        args = [self._operand(a, compute) for a in call.args]
        form = FORMS[name]
        if name in ("maximum", "minimum") and not isinstance(call.args[1], (Ref, Live)) and call.args[1] == call.args[1]:
            form = "{0} < {1} ? {1} : {0}" if name == "maximum" else "{0} > {1} ? {1} : {0}"  # NaN compares false, and stays
        if name == "absolute" and compute.kind != "f":
            form = "{0} < 0 ? -{0} : {0}"
        text = form.format(*args).replace("@", "")
        if "@" in form and compute.itemsize == 4:
            function = form[form.index("@") + 1 : form.index("(", form.index("@"))]
            text = text.replace(f"{function}(", f"{function}f(", 1)
        return f"({c_type(out.dtype)})({text})" if result != out.dtype else text

    def _operand(self, value: Any, dtype: np.dtype[Any]) -> str:
        """Write an operand in the dtype in which it is computed with."""
        kind = c_type(dtype) or ""
        if isinstance(value, Live):
            return f"({kind}){self.number(value)}"
        if not isinstance(value, Ref):
            return literal(value, kind)
        if value.storage.kind == CONSTANT and value.size == 1:
            return literal(array_at(value.storage.array, value).reshape(-1)[0].item(), kind)
        known = self.registers.get(value)
        if known is None:
            name, own = self._name("x"), c_type(value.dtype) or ""
            self.loads.append((name, own, self._place(value, _spread(value, self.group.shape))))
            known = self.registers[value] = name, own
        name, own = known
        if dtype.kind == "b" and value.dtype.kind != "b":
            return f"({name} != 0)"
        return name if own == kind else f"({kind}){name}"

    def _reduce(self, call: Call) -> None:
        x, axes = call.args[0], reduced_axes(call)
        out, shape = call.outs[0], self.group.shape
        kept = iter(zip(out.shape, out.strides, strict=True))
        if len(out.shape) == len(shape):  # keepdims
            strides = tuple([0 if k in axes else out.strides[k] for k in range(len(shape))])
        else:
            strides = tuple([0 if k in axes else next(kept)[1] for k in range(len(shape))])
        self.sums.append((call.function, self._operand(x, out.dtype), c_type(out.dtype) or "", self._place(out, strides)))

    def _place(self, ref: Ref, strides: tuple[int, ...]) -> int:
        for k, (known, known_strides, _) in enumerate(self.operands):
            if known == ref and known_strides == strides:
                return k
        self.operands.append((ref, strides, f"q{len(self.operands)}"))
        return len(self.operands) - 1

    def _name(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

    # --------------------------------------------------------------------------------------------------- the loops

    def lines(self) -> list[str]:
        """Return the C text of the group."""
        lengths, strides = joined(self.group.shape, [strides for _, strides, _ in self.operands])
        *outer, length = lengths
        for ref, _, _ in self.operands:
            if ref.storage.kind == JOINED:
                return self._over_parts(ref.storage, [s[-1] for s in strides])
        out = ["  {"]
        for function, _, _, k in self.sums:
            ref = self.operands[k][0]
            if ref.storage not in self.started:
                out += [f"    {line}" for line in start_lines(ref, function, self.pointer)]
        indent = "    "
        for d, n in enumerate(outer):
            out.append(f"{indent}for (int64_t i{d} = 0; i{d} < {n}; i{d}++) {{")
            indent += "  "
        for k, (ref, _, name) in enumerate(self.operands):
            if self.started.get(ref.storage):
                continue
            moved = "".join(f" + i{d} * {strides[k][d]}" for d in range(len(outer)) if strides[k][d])
            out.append(f"{indent}{c_type(ref.dtype)} *{name} = ({c_type(ref.dtype)} *)({self.pointer(ref)}{moved});")
        out += self._inner(indent, length, [s[-1] for s in strides])
        for _ in outer:
            indent = indent[:-2]
            out.append(indent + "}")
        out.append("  }")
        return out

    def _over_parts(self, storage: Storage, steps: list[int]) -> list[str]:
        """The loop over elements of which some are joined from parts, part by part."""
        out = ["  {", *part_lines(storage.array, self.pointer)]
        for k, (ref, _, name) in enumerate(self.operands):
            kind = c_type(ref.dtype)
            place = "parts[p]" if ref.storage is storage else f"({self.pointer(ref)}{f' + at * {steps[k]}' if steps[k] else ''})"
            out.append(f"      {kind} *{name} = ({kind} *){place};")
        return [*out, *self._inner("      ", "n", steps), "    }", "  }"]

    def _inner(self, indent: str, length: int | str, steps: list[int]) -> list[str]:
        """The innermost loop, with what does not change in it before, and sums of it after."""
        out, clauses, body, after = [], [], [], []
        for name, kind, k in self.loads:
            line = f"const {kind} {name} = {self._element(k, steps[k])};"
            if steps[k] == 0 and k not in self.stores:
                out.append(indent + line)
            else:
                body.append(line)
        body += self.code
        body += [f"{self._element(k, steps[k])} = {name};" for k, (_, name) in self.stores.items()]
        for j, (function, value, kind, k) in enumerate(self.sums):
            target = self.started.get(self.operands[k][0].storage) or self._element(k, steps[k])
            if function is np.add:
                wide = "double" if kind == "float" and int(length) > LONG else kind
                if steps[k] == 0:
                    out.append(f"{indent}{wide} sum{j} = 0;")
                    clauses.append(f"reduction(+ : sum{j})")
                    after.append(f"{target} += sum{j};")
                body.append(f"{f'sum{j}' if steps[k] == 0 else target} += {value};")
            else:
                symbol = REDUCTIONS[function][0]
                best, lost = (f"best{j}", f"lost{j}") if steps[k] == 0 else (target, "")
                if steps[k] == 0:
                    out.append(f"{indent}{kind} {best} = {target}; int {lost} = {target} != {target};")
                    clauses += [f"reduction({'max' if symbol == '>' else 'min'} : {best})", f"reduction(| : {lost})"]
                    body += [f"{best} = {value} {symbol} {best} ? {value} : {best};", f"{lost} |= {value} != {value};"]
                    after.append(f"{target} = {lost} ? NAN : {best};")  # as NumPy: NaN if there is one
                else:
                    body.append(f"{target} = ({value} {symbol} {target} || {value} != {value}) ? {value} : {target};")
        out.append(f"{indent}#pragma omp simd {' '.join(clauses)}".rstrip())
        out.append(f"{indent}for (int64_t i = 0; i < {length}; i++) {{")
        out += [f"{indent}  {line}" for line in body]
        out += [indent + "}", *[indent + line for line in after]]
        return out

    def _element(self, k: int, step: int) -> str:
        ref, _, name = self.operands[k]
        return f"{name}[0]" if step == 0 else f"{name}[i]" if step == ref.dtype.itemsize else f"{name}[i * {step // ref.dtype.itemsize}]"


def part_lines(parts: list[Ref], pointer: Callable[[Ref], str]) -> list[str]:
    """Write where the parts lie and where each ends, and the head of a loop over them."""
    ends, at = [], 0
    for part in parts:
        at += part.size
        ends.append(at)
    return [
        "    char *parts[] = {" + ", ".join(pointer(part) for part in parts) + "};  // end to end",
        "    const int64_t ends[] = {" + ", ".join(map(str, ends)) + "};",
        f"    for (int64_t p = 0, at = 0; p < {len(parts)}; at = ends[p++]) {{",
        "      const int64_t n = ends[p] - at;",
    ]


def start_lines(ref: Ref, function: Any, pointer: Callable[[Ref], str]) -> list[str]:
    """Write what sets the sums of a reduction to where they begin."""
    kind, start = c_type(ref.dtype), REDUCTIONS[function][1]
    (*outer, length), ((*moves, step),) = joined(ref.shape, [ref.strides])
    around = "".join(f"for (int64_t i{d} = 0; i{d} < {n}; i{d}++) " for d, n in enumerate(outer))
    moved = "".join(f" + i{d} * {move}" for d, move in enumerate(moves))
    at = "i" if step in (0, ref.dtype.itemsize) else f"i * {step // ref.dtype.itemsize}"
    line = f"{{ {kind} *r = ({kind} *)({pointer(ref)}{moved}); for (int64_t i = 0; i < {length}; i++) r[{at}] = {start}; }}"
    return [around + line]


def _spread(ref: Ref, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of a place over a shape that it is broadcast to."""
    lead = len(shape) - len(ref.shape)
    return (0,) * lead + tuple([0 if n == 1 else s for n, s in zip(ref.shape, ref.strides, strict=True)])


def joined(shape: tuple[int, ...], strides: Sequence[tuple[int, ...]]) -> tuple[list[int], list[list[int]]]:
    """Join neighbouring axes along which every operand is even. Returns lengths, and the strides of each operand."""
    lengths: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for axis, n in enumerate(shape):
        if n == 1:
            continue
        now = [s[axis] for s in strides]
        if lengths and all(mine[-1] == s * n for mine, s in zip(steps, now, strict=True)):
            lengths[-1] *= n
            for mine, s in zip(steps, now, strict=True):
                mine[-1] = s
        else:
            lengths.append(n)
            for mine, s in zip(steps, now, strict=True):
                mine.append(s)
    return (lengths, steps) if lengths else ([1], [[0] for _ in strides])


def cleaned(call: Call) -> str:
    """Say in a comment where a call comes from. The only door by which names of the user's reach the C text: letters, digits, _ . -."""
    words = [call.name, call.origin.formula or call.origin.op, call.origin.layer]
    return " ".join("".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "_" for c in word)[:60] for word in words if word)
