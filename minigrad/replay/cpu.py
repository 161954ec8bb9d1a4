"""CpuProgram: a recording made ready to replay on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.core.tensor import array_of
from minigrad.replay.listing import listing
from minigrad.replay.numpy_replay import Memory, Writer, compiled, last_uses, result_text
from minigrad.replay.passes import simplified
from minigrad.replay.plan import Plan, planned
from minigrad.replay.program import Ref
from minigrad.replay.recording import Recording, is_data


class CpuProgram:
    """The straight-line program of a step.

    Attributes
    ----------
    calls
        The program: numbers and guards first, then calls on arrays, then what is stored on the host.
    memory
        The plan of its memory.
    run, source
        The function that makes a step, given the arrays of the arguments, and its text.
    """

    backend = "numpy"

    def __init__(self, recording: Recording) -> None:
        places = [*recording.outputs, *[ref for _, ref in recording.gradients if ref is not None]]
        calls, places = simplified(recording.calls, places)
        first = [c for c in calls if c.kind == "guard" or (c.kind == "host" and not c.effect)]
        last = [c for c in calls if c.kind == "host" and c.effect]
        self.body = [c for c in calls if c.kind not in ("host", "guard")]
        self.calls = [*first, *self.body, *last]  # as they were recorded; what follows may put some together
        self.memory: Plan = self._plan(places)
        self.names = recording.recorder.names()
        self._places = Memory(self.memory, recording.inputs)
        writer = Writer(self._places)
        for call in first:
            writer.write(call)
        writer.lines = list(dict.fromkeys(writer.lines))  # a number may be asked about several times
        for k, ref in enumerate(recording.inputs):
            writer.lines.append(f"copyto({writer.text(ref)}, x{k})")
        start = len(writer.lines)
        self._write_body(writer, places)
        writer.lines[start:start] = writer.early
        for call in last:
            writer.write(call)
        outputs = places[: len(recording.outputs)]
        self._write_end(writer, recording, outputs, places[len(outputs) :])
        self.run, self.source = compiled(writer, [f"x{k}" for k in range(len(recording.inputs))])

    def _plan(self, places: list[Ref]) -> Plan:
        """Plan the memory; ``places`` are those of results and gradients."""
        return planned(self.body, places)

    def _write_body(self, writer: Writer, places: Sequence[Ref]) -> None:
        ends = last_uses(self.body, places)
        for k, call in enumerate(self.body):
            writer.write(call)
            writer.drop_fresh(ends.get(k, ()))

    def _write_end(self, writer: Writer, recording: Recording, outputs: Sequence[Ref], kept: Sequence[Ref]) -> None:
        gradients = iter(kept)
        for leaf, ref in recording.gradients:
            value = "None" if ref is None else f"wrap({writer.result(next(gradients))}, None)"
            writer.lines.append(f"{writer.bind(leaf, 'leaf')}.grad = {value}")
        writer.lines.append(f"return {result_text(writer, recording.structure, outputs)}")

    def replay(self, args: Sequence[Any]) -> Any:
        """Make the step, and return copies of what it returns."""
        return self.run(*[array_of(a) for a in args if is_data(a)])

    def __str__(self) -> str:
        return listing(self.calls, self.names)
