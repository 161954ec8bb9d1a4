"""The trace that leads to a tensor: as it was recorded, or read off its graph.

A graph that nobody recorded says which op made a value from which others, and holds what the formulas will ask for; other values,
and places in the source, are not known.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minigrad.backends import is_array, namespace
from minigrad.core._messages import shown
from minigrad.core.graph import Node, Output, newest_first, walk
from minigrad.core.mode import changed_mode
from minigrad.core.tensor import Tensor
from minigrad.explore.document import document_of
from minigrad.explore.recorder import Recorder
from minigrad.explore.records import Entry, Ref
from minigrad.explore.svg import Drawing, draw
from minigrad.explore.trace import Trace, TraceError, trace_of
from minigrad.explore.values import keep


def write_explorer(output: Tensor, path: str | Path, *, source: bool = True) -> Path:
    """Write the computation of a tensor as one page that needs nothing but a browser, to step through forward and backward.

    What was computed within ``with mg.record():`` is shown with all values and the lines of the source; otherwise with what the
    graph itself still knows. Where no backward pass was recorded, one is run for the page; it touches no ``grad`` and frees nothing.

    Parameters
    ----------
    output
        A tensor that requires a gradient; of one element, unless its backward pass was recorded.
    path
        The file to write, such as ``"out.html"``.
    source
        Whether the page holds the user's code: the lines that ops were called in, and the formulas of a user's own ops.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    TraceError
        If there is nothing to show.
    """
    return trace_to(output).explore(path, source=source)


def trace_to(output: Tensor) -> Trace:
    """Return the trace of everything that leads to a tensor, with a backward pass."""
    if not isinstance(output, Tensor):
        raise TypeError(f"explore shows how a tensor was computed, and this is a {type(output).__name__}")
    trace = trace_of(output)
    if trace is None and output.node is None:
        raise TraceError(
            "this tensor depends on nothing that requires a gradient, and it was not recorded: there is nothing to show "
            "(compute it within `with mg.record():`)"
        )
    trace = trace or Trace.recorded(adopt(output.node, output.data))  # type: ignore[arg-type]
    found = trace.of(output)
    if found.document["passes"] or output.node is None:
        return found
    if output.size != 1:
        raise TraceError(f"the backward pass starts at a tensor of one element, and this one has shape {output.shape}: take its .sum()")
    if is_freed(output.node):
        return found
    assert trace.recorder is not None
    _walk_through(trace.recorder, output)
    return trace.of(output)


def drawing_of(node: Node) -> Drawing:
    """Draw the graph that leads to a node."""
    recorder = adopt(node)
    output = node.index if isinstance(node, Output) else 0
    return draw(document_of(recorder, roots=[Ref(len(recorder.entries) - 1, output)]))


def adopt(root: Node, value: Any = None) -> Recorder:
    """Write down the graph that leads to a node, and its value if there is one, as if it had been recorded."""
    recorder = Recorder()
    for node in reversed(newest_first([root])):
        if not isinstance(node, Output):
            _add(recorder, node)
    if value is not None:
        recorder.entries[-1].values[root.index if isinstance(root, Output) else 0] = keep(value)
    return recorder


def is_freed(root: Node) -> bool:
    """Tell whether a backward pass has freed what the graph saved."""
    return any(node.plan is not None and node.saved is None for node in newest_first([root]))


def _walk_through(recorder: Recorder, output: Tensor) -> None:
    """Let a recorder see the backward pass from an output of one element; no ``grad`` is touched, and nothing freed."""
    assert output.node is not None
    with changed_mode(recording=False, observers=(recorder,)):
        walk({output.node: namespace(output.data).ones_like(output.data)}, free=False)
    recorder.close()


def _add(recorder: Recorder, node: Node) -> None:
    inputs = [] if node.is_leaf else [_input(recorder, node, k) for k in range(len(node.parents))]
    entry = Entry(len(recorder.entries), "leaf" if node.is_leaf else "op", node.op)
    entry.inputs, entry.name = inputs, getattr(node, "label", None)
    entry.hooked = bool(node.hooks)
    entry.values = [None] * (1 if node.op is None else len(node.op.outputs))
    entry.shapes = [node.shape] if len(entry.values) == 1 else list(node.shape)
    if node.op is not None:
        entry.params = {name: shown(value) for name, value in node.params.items()} if node.plan.takes_params else {}
        kept = _kept(node)
        for k in range(len(entry.values)):
            value = kept.get(node.op.outputs[k])
            entry.values[k] = keep(value) if is_array(value) else None
    recorder.know(node, entry)
    recorder.settle()


def _input(recorder: Recorder, node: Node, k: int) -> Any:
    op, parent, kept = node.plan.op, node.parents[k], _kept(node)
    value = kept[op.inputs[0]][k] if op.variadic and op.inputs[0] in kept else kept.get(op.input_name(k))
    if parent is None and value is None:
        return None if not op.variadic and op.inputs[k] in op.optional_inputs else "?"
    found = recorder.input_of(value, parent)
    if isinstance(found, Ref) and is_array(value):
        entry = recorder.entries[found.node]
        entry.values[found.output] = entry.values[found.output] or keep(value)
        if entry.kind == "leaf":
            recorder.memory.hold(value)
    return found


def _kept(node: Node) -> dict[str, Any]:
    """Return what a node saved, by name."""
    return dict(zip(node.plan.saves, node.saved, strict=True)) if isinstance(node.saved, tuple) else {}
