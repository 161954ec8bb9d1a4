"""CProgram: a recording lowered to C, compiled, and called from Python between the calls that stay there."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

from minigrad.kernels import buffers
from minigrad.replay.c_build import library
from minigrad.replay.c_indexing import index_lines
from minigrad.replay.c_products import blas
from minigrad.replay.c_source import Source
from minigrad.replay.c_steps import registers, short, steps_of
from minigrad.replay.cpu import CpuProgram
from minigrad.replay.numpy_replay import Writer
from minigrad.replay.plan import Plan, planned
from minigrad.replay.program import FRESH, INPUT, VALUE, Call, Ref, Storage, relocated

#: kernels that are better than loops of C: their calls stay in Python
BOXES = ("activation", "convolution", "direct", "pooling", "recurrent", "winograd")

WORTH_OWN_MEMORY = 1 << 15  #: bytes of a result from which asking for memory costs less than a copy


def stays_in_python(function: Any) -> bool:
    """Tell whether a recording for C takes a kernel as one call, rather than look into it."""
    module = getattr(getattr(function, "func", function), "__module__", "") or ""
    return not module.startswith(("minigrad.kernels.", "minigrad.optim.")) or module.rpartition(".")[2] in BOXES


class _Context(ctypes.Structure):
    """``struct step`` of the C text."""

    _fields_ = (
        ("arena", ctypes.c_void_p), ("memory", ctypes.c_void_p), ("numbers", ctypes.c_void_p), ("fault", ctypes.c_void_p),
        ("sgemm", ctypes.c_void_p), ("dgemm", ctypes.c_void_p),
    )  # fmt: skip


class Layout(NamedTuple):
    """What the C text needs: bytes of the arena and of each memory beside it, how many numbers, and the functions in their order."""

    arena: int
    memory: list[int]
    numbers: int
    functions: list[str]


class CProgram(CpuProgram):
    """The program of a step in C.

    Attributes
    ----------
    c_source, layout
        The C text, and what it needs.

    Raises
    ------
    NoCompilerError
        When it is made, if C cannot be compiled here.
    """

    backend = "c"
    c_source: str
    layout: Layout

    def _plan(self, places: list[Ref]) -> Plan:
        self.body, places[:] = _with_planned_gathers(self.body, places)
        self.body, places[:] = _with_own_results(self.body, places)
        self._steps = steps_of(self.body, places)
        self._registers, self._short = registers(self._steps, places), short(self._steps, places)
        skip = {storage for storages in self._registers.values() for storage in storages}
        steps: Any = self._steps
        return planned(steps, places, skip, self._short)

    def _write_body(self, writer: Writer, places: Sequence[Ref]) -> None:
        source = Source(self.memory.offsets)
        ends, dead = self._last_uses(places), []
        for k, step in enumerate(self._steps):
            if step.kind == "python":
                self._close(source, writer)
                writer.write(step.calls[0])
            else:
                source.add(step, self._registers, self._short)
            if step.may_fail:
                self._close(source, writer)
                report = writer.text_of_call(step.calls[0]) if step.kind == "check" else f"{writer.bind(_outside, 'f')}()"
                writer.lines.append(f"if fault[0]: fault[0] = 0; {report}")
            dead += ends.get(k, [])
            if not source.is_open:
                writer.drop_fresh(dead)
                dead = []
        self._close(source, writer)
        self.c_source = source.text()
        self._connect(source, writer)

    def _last_uses(self, places: Sequence[Ref]) -> dict[int, list[Storage]]:
        last: dict[Storage, int] = {}
        for k, step in enumerate(self._steps):
            last.update((ref.storage, k) for ref in [*step.reads, *step.results] if ref.storage.kind == FRESH)
        kept = {ref.storage for ref in places}
        ends: dict[int, list[Storage]] = {}
        for storage, k in last.items():
            if storage not in kept:
                ends.setdefault(k, []).append(storage)
        return ends

    def _close(self, source: Source, writer: Writer) -> None:
        """Call the C function written so far, with the addresses of what calls in Python returned."""
        fresh = sorted(source.fresh, key=lambda storage: source.slots[storage])
        name = source.close()
        if name is None:
            return
        for storage in fresh:
            writer.lines.append(f"memory[{source.slots[storage]}] = {writer.fresh_name(storage)}.__array_interface__['data'][0]")
        writer.lines.append(f"{name}(step)")

    def _connect(self, source: Source, writer: Writer) -> None:
        """Compile, and give the names in the Python text what they stand for."""
        for live, k in source.numbers.items():
            writer.early.append(f"numbers[{k}] = {writer.text(live)}")
        memory = (ctypes.c_void_p * max(len(source.slots), 1))()
        for storage, k in source.slots.items():
            if storage.kind != FRESH:
                array = self._places.inputs[storage] if storage.kind == INPUT else storage.array
                memory[k] = array.__array_interface__["data"][0]
        numbers, fault = (ctypes.c_double * max(len(source.numbers), 1))(), (ctypes.c_int64 * 1)()
        products = blas() or (None, None)
        address = ctypes.addressof
        arena = self._places.arena.__array_interface__["data"][0]
        context = _Context(arena, address(memory), address(numbers), address(fault), *products)
        self.layout = Layout(self.memory.size, [s.nbytes for s in source.slots], len(source.numbers), source.functions)
        loaded = library(self.c_source) if source.functions else None
        for name in source.functions:
            function = getattr(loaded, name)
            function.restype, function.argtypes = None, None
            writer.space[name] = function
        writer.space |= {"memory": memory, "numbers": numbers, "fault": fault, "step": ctypes.byref(context)}
        writer.space |= {"_keep": (self._places, context, loaded, list(source.slots))}


def _with_planned_gathers(calls: Sequence[Call], places: Sequence[Ref]) -> tuple[list[Call], list[Ref]]:
    """Let the results of gathers that C does be in planned memory."""
    home: dict[Storage, Storage] = {}

    def moved(value: Any) -> Any:
        return value.inside(home[value.storage]) if isinstance(value, Ref) and value.storage in home else value

    for call in calls:
        if call.kind == "call" and index_lines(call, str) is not None:
            home[call.outs[0].storage] = Storage(VALUE, call.outs[0].storage.nbytes)
    return relocated(calls, moved), [moved(ref) for ref in places]


def _with_own_results(calls: Sequence[Call], places: Sequence[Ref]) -> tuple[list[Call], list[Ref]]:
    """Let large results be made in memory of their own, which the caller keeps, rather than be copied out of planned memory."""
    home: dict[Storage, Ref] = {}
    from_calls = {out.storage for call in calls if call.kind in ("call", "box") for out in call.outs if out is not None}
    for ref in places:
        large = ref.storage.kind == VALUE and ref.storage.nbytes >= WORTH_OWN_MEMORY
        if large and ref.covers and ref.is_contiguous and ref.storage not in from_calls:
            home.setdefault(ref.storage, ref.inside(Storage(FRESH, ref.storage.nbytes)))

    def moved(value: Any) -> Any:
        return value.inside(home[value.storage].storage) if isinstance(value, Ref) and value.storage in home else value

    made = [Call("call", buffers.empty, (ref.shape, ref.dtype), outs=[ref]) for ref in home.values()]
    return made + relocated(calls, moved), [moved(ref) for ref in places]


def _outside() -> None:
    raise IndexError("an index of a captured step is outside of the array that it was to choose from")
