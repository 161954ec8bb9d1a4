"""From what a recorder wrote down to the document ``minigrad-trace/1``: plain data, as JSON holds it.

What does not lead to anything that was differentiated is left out, and the rest numbered anew, so that the id of a node is its
place in the list.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterable
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from minigrad.core._source import Place
from minigrad.core.op import Op
from minigrad.explore.formulas import describe_op
from minigrad.explore.recorder import Recorder
from minigrad.explore.records import Entry, Ref, Saved, Step

SCHEMA = "minigrad-trace/1"


def document_of(recorder: Recorder, *, roots: Iterable[Ref] = (), title: str = "") -> dict[str, Any]:
    """Return the trace of everything that leads to ``roots``, or, without any, to where the backward passes started."""
    return numbered_document(recorder, roots, title)[0]


def numbered_document(recorder: Recorder, roots: Iterable[Ref] = (), title: str = "") -> tuple[dict[str, Any], Numbers]:
    """Return the same, and what the recorded nodes are called in it."""
    from minigrad import __version__

    wanted = list(roots) or [ref for start in recorder.starts for ref, _ in start]
    kept, passes = _kept(recorder, wanted)
    number = Numbers({old: new for new, old in enumerate(kept)}, {old: new for new, old in enumerate(passes, 1)})
    ops, sources = _Ops(), _Sources()
    names = _names([recorder.entries[k] for k in kept])
    nodes = [_node(recorder.entries[k], name, number, ops, sources) for k, name in zip(kept, names, strict=True)]
    found = {
        "schema": SCHEMA,
        "meta": {
            "title": title,
            "minigrad": __version__,
            "numpy": np.__version__,
            "python": ".".join(map(str, sys.version_info[:3])),
            "output": number.ref(wanted[0]) if wanted else None,
            "saved_bytes": saved_bytes(nodes),
        },
        "sources": sources.texts,
        "modules": {path: recorder.naming.described[path] for node in nodes for path in _prefixes(node["module"], recorder)},
        "ops": ops.documents,
        "nodes": nodes,
        "passes": [_pass(recorder, n, number) for n in passes],
        "backward": [_step(step, number) for step in recorder.steps if step.number in number.passes],
    }
    return found, number


def _prefixes(module: str | None, recorder: Recorder) -> list[str]:
    """Return a module and those it is part of, as far as they are known."""
    parts = (module or "").split(".")
    paths = [".".join(parts[: n + 1]) for n in range(len(parts))]
    return [path for path in paths if path in recorder.naming.described]


def saved_bytes(nodes: list[dict[str, Any]]) -> int:
    """Return the bytes that the nodes of the forward computation keep for the backward pass, each memory counted once."""
    memories: dict[int, int] = {}
    for saved in (s for node in nodes if not node["pass"] for s in node["saved"] if not s["held"]):
        memories[saved["memory"]] = max(saved["bytes"], memories.get(saved["memory"], 0))
    return sum(memories.values())


def _kept(recorder: Recorder, wanted: list[Ref]) -> tuple[list[int], list[int]]:
    """Return the entries that ``wanted`` depend on and those that computed gradients there, and the passes among them."""
    entries = recorder.entries
    if not wanted:
        return list(range(len(entries))), []
    kept: set[int] = set()
    new = {ref.node for ref in wanted}
    while new - kept:
        kept |= _reached(new, entries)
        running = {entries[k].number for k in kept if entries[k].number}
        new = {ref.node for n in running if n <= len(recorder.starts) for ref, _ in recorder.starts[n - 1]}
        new |= {step.made.node for step in recorder.steps if step.made is not None and step.node in kept}
        new |= {entry.id for entry in entries if entry.sum and entry.made_by in kept}
    passes = [n for n, start in enumerate(recorder.starts, 1) if start and all(ref.node in kept for ref, _ in start)]
    return sorted(kept), passes


def _reached(start: set[int], entries: list[Entry]) -> set[int]:
    found, stack = set(start), list(start)
    while stack:
        for ref in entries[stack.pop()].inputs:
            if isinstance(ref, Ref) and ref.node not in found:
                found.add(ref.node)
                stack.append(ref.node)
    return found


def _names(entries: list[Entry]) -> list[str | None]:
    """Return what the nodes are called; where there are several models, parameters have their model's name before their path."""
    several = len({entry.root for entry in entries if entry.root}) > 1
    return [f"{entry.root}.{entry.name}" if entry.root and several else entry.name for entry in entries]


class Numbers(NamedTuple):
    """What recorded entries and passes are called in the document."""

    nodes: dict[int, int]
    passes: dict[int, int]

    def ref(self, ref: Ref) -> dict[str, int]:
        return {"node": self.nodes[ref.node], "output": ref.output}

    def input(self, value: Any) -> Any:
        if value is None or isinstance(value, Ref):
            return value and self.ref(value)
        plain = isinstance(value, (bool, int, float)) and value - value == 0
        return {"constant": value if plain else str(value)}


class _Ops:
    """Describes each op once, under a key of its own."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self._keys: dict[int, str] = {}

    def key(self, op: Op) -> str:
        if id(op) not in self._keys:
            key = next(key for n in count(1) if (key := op.name if n == 1 else f"{op.name}#{n}") not in self.documents)
            self._keys[id(op)] = key
            self.documents[key] = describe_op(op)
        return self._keys[id(op)]


class _Sources:
    """The user's files that ops were called in, by their path from the working directory."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._paths: dict[str, str] = {}

    def place(self, place: Place | None) -> dict[str, Any] | None:
        if place is None:
            return None
        if place.file not in self._paths:
            path = self._paths[place.file] = shown_path(place.file)
            self.texts[path] = "".join(linecache.getlines(place.file))
        return {**place._asdict(), "file": self._paths[place.file]}


def shown_path(file: str) -> str:
    """Return a path that tells nothing of the machine: from the working directory, or the last part of it."""
    if file.startswith("<"):
        return file
    try:
        relative = os.path.relpath(file)
    except ValueError:  # another drive
        relative = ".."
    return os.path.basename(file) if relative.startswith("..") else relative.replace(os.sep, "/")


def _node(entry: Entry, name: str | None, number: Numbers, ops: _Ops, sources: _Sources) -> dict[str, Any]:
    found = {
        "id": number.nodes[entry.id],
        "kind": entry.kind,
        "op": ops.key(entry.op) if entry.op is not None else None,
        "name": name,
        "module": entry.module,
        "pass": number.passes.get(entry.number, 0),
        "source": sources.place(entry.place),
        "inputs": [number.input(value) for value in entry.inputs],
        "params": entry.params,
        "values": [value and value.document() for value in entry.values],
        "grads": [
            {"pass": number.passes[n], "output": output, "value": value.document()}
            for n, output, value in entry.grads
            if n in number.passes
        ],
        "saved": [_saved(saved, number) for saved in entry.saved],
    }
    if entry.number and entry.made_by is not None:
        found["made_by"] = number.nodes.get(entry.made_by)
        found |= {"sum": True} if entry.sum else {}
    found |= {"shapes": [list(shape) for shape in entry.shapes]} if None in entry.values else {}
    found |= {"recomputed": True} if entry.recomputed else {}
    found |= {"hooks": True} if entry.hooked else {}
    checks = [{**check, "pass": number.passes[check["pass"]]} for check in entry.check if check["pass"] in number.passes]
    found |= {"check": checks} if checks else {}
    return found | ({"six_lines": entry.six_lines} if entry.six_lines else {})


def _saved(saved: Saved, number: Numbers) -> dict[str, Any]:
    plain = {"name": saved.name, "shape": list(saved.shape), "dtype": saved.dtype, "bytes": saved.bytes}
    of = number.ref(saved.of) if saved.of is not None else None
    return {**plain, "of": of, "memory": saved.memory, "held": saved.held, "for": saved.wanted_by}


def _pass(recorder: Recorder, n: int, number: Numbers) -> dict[str, Any]:
    start = [{**number.ref(ref), "cotangent": value.document()} for ref, value in recorder.starts[n - 1]]
    facts = recorder.passes[n - 1]
    made = min((k for k in number.nodes if recorder.entries[k].number == n), default=facts["nodes"])
    return {"start": start, **facts, "nodes": sum(k < min(made, facts["nodes"]) for k in number.nodes)}


def _step(step: Step, number: Numbers) -> dict[str, Any]:
    found = {
        "pass": number.passes[step.number],
        "node": number.nodes[step.node],
        "slot": step.slot,
        "to": number.ref(step.to),
        "add": step.add.document(),
    }
    if step.made is not None:
        found["made"] = number.ref(step.made)
    if step.cotangent is not None:
        found["cotangent"] = [value and value.document() for value in step.cotangent]
    return found
