"""What a graph keeps for its backward pass: which op saves what, how many bytes that is, and which formula asked for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from minigrad.core.tensor import Tensor
from minigrad.explore.outputs import adopt, is_freed
from minigrad.explore.trace import Trace, TraceError, trace_of
from minigrad.explore.wording import labels, reference, size


class Row(NamedTuple):
    """A value that a node saves."""

    node: str
    op: str
    module: str
    what: str  #: the name that the op's formulas have for it, and the value that it is
    shape: tuple[int, ...]
    dtype: str
    bytes: int  #: that the graph keeps for it: 0 where somebody holds the memory anyway
    note: str  #: why that is 0
    wanted_by: tuple[str, ...]  #: the inputs whose formulas name it


class Ledger:
    """The rows, and their sums; ``print`` it."""

    def __init__(self, rows: list[Row], recomputed: int) -> None:
        self.rows, self.recomputed = rows, recomputed

    @property
    def bytes(self) -> int:
        """What the graph keeps: each memory counted once, and none that a leaf or a constant has anyway."""
        return sum(row.bytes for row in self.rows)

    def by_op(self) -> dict[str, int]:
        """Bytes for each op, the most first."""
        return _sums((row.op, row.bytes) for row in self.rows)

    def by_module(self) -> dict[str, int]:
        """Bytes for each module, the most first; "" for what was computed outside any."""
        return _sums((row.module, row.bytes) for row in self.rows)

    def __str__(self) -> str:
        head = ("node", "module", "saves", "shape", "bytes", "for the gradient of")
        body = [
            (row.node, row.module, row.what, f"{row.shape} {row.dtype}", row.note or size(row.bytes), ", ".join(row.wanted_by))
            for row in self.rows
        ]
        lines = [f"saved for the backward pass: {size(self.bytes)}", "", *_aligned([head, *body])]
        if self.recomputed:
            lines += ["", f"{self.recomputed} nodes under checkpointing keep nothing, and compute it again"]
        for title, sums in (("by op", self.by_op()), ("by module", self.by_module())):
            if len(sums) > 1:
                lines += ["", *_aligned([(title, "bytes"), *((name or "(outside)", size(n)) for name, n in sums.items() if n)])]
        return "\n".join(lines)

    __repr__ = __str__


def saved(output: Tensor) -> Ledger:
    """Return what is kept for the backward pass of a tensor, and why: a ledger of every value that a node saves.

    Parameters
    ----------
    output
        A computed tensor. If it was computed within ``with mg.record():``, the ledger names modules and variables, and may be
        asked for after the backward pass.

    Raises
    ------
    TraceError
        If the tensor has no graph, or backward has freed what it saved.
    """
    if not isinstance(output, Tensor):
        raise TypeError(f"saved shows what the graph of a tensor keeps, and this is a {type(output).__name__}")
    if output.node is None:
        raise TraceError("this tensor depends on nothing that requires a gradient: no graph leads to it, and nothing is saved")
    trace = trace_of(output)
    if trace is None and is_freed(output.node):
        raise TraceError("what the graph saved was freed by backward: ask before it, or compute within `with mg.record():`")
    return _ledger((trace or Trace.recorded(adopt(output.node))).of(output).document)


def _ledger(document: dict[str, Any]) -> Ledger:
    names, rows = labels(document), []
    first: dict[int, str] = {}  # the node that a memory was first saved by
    nodes = [node for node in document["nodes"] if not node["pass"]]
    for node in nodes:
        for s in node["saved"]:
            if s["dtype"] == "shape":
                continue
            of = reference(s["of"], document, names) if s["of"] else ""
            what = s["name"] if of in ("", s["name"]) else f"{s['name']} = {of}"
            note = "held anyway" if s["held"] else f"with {first[s['memory']]}" if s["memory"] in first else ""
            first.setdefault(s["memory"], names[node["id"]])
            op = document["ops"][node["op"]]["name"]
            counted = 0 if note else s["bytes"]
            rows.append(
                Row(names[node["id"]], op, node["module"] or "", what, tuple(s["shape"]), s["dtype"], counted, note, tuple(s["for"]))
            )
    return Ledger(rows, sum(node.get("recomputed", False) for node in nodes))


def _sums(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, n in pairs:
        found[name] = found.get(name, 0) + n
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    used = [k for k in range(len(rows[0])) if any(row[k] for row in rows[1:])]
    widths = {k: max(len(row[k]) for row in rows) for k in used}
    return ["  ".join(row[k].ljust(widths[k]) for k in used).rstrip() for row in rows]
