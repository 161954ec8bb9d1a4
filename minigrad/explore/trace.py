"""The trace of a computation: made by `record`, or read back from its JSON."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minigrad.core._contexts import block
from minigrad.core.mode import changed_mode, mode
from minigrad.core.tensor import Tensor
from minigrad.explore.differences import check_gradients
from minigrad.explore.document import SCHEMA, Numbers, document_of, numbered_document
from minigrad.explore.recorder import Recorder
from minigrad.explore.records import Entry, Ref
from minigrad.explore.six_lines import FUSED, compared

if TYPE_CHECKING:
    from minigrad.explore.svg import Drawing

_recent: list[weakref.ref[Trace]] = []  # the traces that are still held by somebody, the newest last
_newest: list[Trace] = []  # the newest, which is held until there is another, so that `why` can be asked without a name for it


class TraceError(ValueError):
    """A trace that cannot be read, or does not hold what was asked for."""


class Trace:
    """A computation as it was recorded: nodes, values, and the contributions of its backward passes.

    ``print(trace)`` writes it as a program with its backward pass beside it, `draw` as a drawing, `explore` as a page to step
    through. It is shown in a notebook as that page.

    Parameters
    ----------
    document
        A trace as `to_json` writes it, parsed.

    Raises
    ------
    TraceError
        If the document is not of the version that this minigrad reads.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        check_version(document)
        self._document = document
        self._recorder: Recorder | None = None
        self._number: Numbers | None = None
        self._extent = (-1, -1, -1)  # of the recording, when the document was made
        self.title: str = document["meta"]["title"]

    @classmethod
    def recorded(cls, recorder: Recorder, title: str = "") -> Trace:
        """Make a trace of what a recorder writes down."""
        self = cls.__new__(cls)
        self._recorder, self.title, self._document, self._number = recorder, title, {}, None
        self._extent = (-1, -1, -1)
        return self

    @property
    def document(self) -> dict[str, Any]:
        """The trace as plain data, as the JSON Schema in ``minigrad/explore/schema.json`` describes it."""
        recorder = self._recorder
        if recorder is not None:
            recorder.catch_up()
            if recorder.extent != self._extent or not self._document:
                self._document, self._number = numbered_document(recorder, title=self.title)
                self._extent = recorder.extent
        return self._document

    def of(self, output: Tensor) -> Trace:
        """Return the trace of what leads to one recorded tensor."""
        ref = self.ref_of(output)
        if ref is None or self._recorder is None:
            raise TraceError("this tensor was not computed while the trace was recorded")
        self._recorder.catch_up()
        return Trace(document_of(self._recorder, roots=[ref], title=self.title))

    @property
    def recorder(self) -> Recorder | None:
        """What wrote it down; None for a trace that was read."""
        return self._recorder

    def ref_of(self, tensor: Tensor) -> Ref | None:
        """Return which value of the recording a tensor is, None if it is none."""
        return self._recorder.ref_of(tensor) if self._recorder is not None else None

    def last_pass(self) -> Trace:
        """Return the trace of what leads to where the last backward pass started."""
        if self._recorder is None or not self._recorder.starts:
            return self
        self._recorder.catch_up()
        roots = [ref for ref, _ in self._recorder.starts[-1]]
        return Trace(document_of(self._recorder, roots=roots, title=self.title))

    def find(self, tensor: Tensor) -> dict[str, int] | None:
        """Return which node of the document a tensor is, and which of its outputs; None if it is not in it."""
        ref, _ = self.ref_of(tensor), self.document
        return self._number.ref(ref) if ref is not None and self._number is not None and ref.node in self._number.nodes else None

    # ------------------------------------------------------------------------------------------------- showing

    def __str__(self) -> str:
        from minigrad.explore.program import as_program

        return as_program(self.document)

    def summary(self) -> str:
        """Say in a few words how much there is."""
        found = self.document
        ops, passes = sum(node["kind"] == "op" for node in found["nodes"]), len(found["passes"])
        return f"{ops} ops, {passes} backward pass{'' if passes == 1 else 'es'}, {len(found['backward'])} contributions"

    def __repr__(self) -> str:
        return f"<Trace{' ' + repr(self.title) if self.title else ''}: {self.summary()}>"

    def draw(self, path: str | Path | None = None) -> Drawing:
        """Return the graph as a drawing (SVG), which a notebook shows; written to ``path`` too, if there is one."""
        from minigrad.explore.svg import draw

        drawing = draw(self.document)
        if path is not None:
            drawing.save(path)
        return drawing

    def to_dot(self) -> str:
        """Return the graph in the DOT language, for those who have graphviz."""
        from minigrad.explore.dot import as_dot

        return as_dot(self.document)

    def to_json(self) -> str:
        """Return the trace as JSON, which `Trace.from_json` reads."""
        return json.dumps(self.document, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Trace:
        """Read a trace that `to_json` wrote."""
        try:
            found = json.loads(text)
        except ValueError as error:
            raise TraceError(f"this is no trace: it is not JSON ({error})") from None
        return cls(found)

    def explore(self, path: str | Path, *, source: bool = True) -> Path:
        """Write the trace as one page that needs nothing but a browser, to step through forward and backward.

        Parameters
        ----------
        path
            The file to write, such as ``"out.html"``.
        source
            Whether the page holds the user's code: the lines that ops were called in, and the formulas of a user's own ops.
        """
        from minigrad.explore.page import write_page

        return write_page(self.document if source else without_source(self.document), path)

    def widget(self) -> Any:
        """Return the page as an anywidget, whose ``step`` Python can read and set. Needs the extra ``notebook``."""
        from minigrad.explore.notebook import widget

        return widget(self.document)

    def _repr_html_(self) -> str:
        from minigrad.explore.page import fragment

        return fragment(self.document)

    def _repr_svg_(self) -> str:
        return self.draw().svg


def check_version(document: Any) -> None:
    """Raise a TraceError if a document is no trace, or one of another version."""
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        what = f"a trace of version {schema!r}" if schema else "no trace: it names no schema"
        raise TraceError(f"this is {what}, and this minigrad reads {SCHEMA}")


@block
def record(*, full: bool = False, check: int = 0, title: str = "") -> Iterator[Trace]:
    """Record what is computed, forward and backward: ``with mg.record() as trace:``.

    Recording changes no bit of any result. Off, it costs nothing; on, an op takes about 0.15 ms more.

    Parameters
    ----------
    full
        Keep all elements of every array. Otherwise arrays of more than 256 elements are kept as 16 x 16 samples at fixed
        places and as statistics.
    check
        Compute the finite difference of up to this many elements of every gradient, in float64, when the block ends: 4 runs of
        what depends on the element for each. Until then the arguments of every op are held.
    title
        What the trace is called where it is shown.

    Yields
    ------
    Trace
        It fills as the block runs. It holds copies of small arrays, samples of large ones, and no part of the graph, which is
        freed as without it; until the block ends also the arrays of constants, such as a batch of images. The newest trace
        is kept until there is another.
    """
    if check < 0:
        raise ValueError(f"record: check={check} is the number of elements of each gradient to check; it must not be negative")
    recorder = Recorder(full=full, keep_arguments=check > 0, on_visit=dict.fromkeys(FUSED, _open_batch_norm))
    trace = Trace.recorded(recorder, title)
    _recent[:] = [ref for ref in _recent if ref() is not None]
    _recent.append(weakref.ref(trace))
    _newest[:] = [trace]
    try:
        with changed_mode(observers=(*mode.get().observers, recorder)):
            yield trace
    finally:
        recorder.close()
        if check and recorder.starts:
            check_gradients(recorder, check)
        recorder.arguments = None


def _open_batch_norm(entry: Entry, args: tuple[Any, ...], params: dict[str, Any], cotangents: list[Any]) -> None:
    assert entry.op is not None
    entry.six_lines = compared(entry.op, args, params, cotangents)


def trace_of(tensor: Tensor) -> Trace | None:
    """Return the newest trace in which a tensor was recorded."""
    for reference in reversed(_recent):
        trace = reference()
        if trace is not None and trace.ref_of(tensor) is not None:
            return trace
    return None


def without_source(document: dict[str, Any]) -> dict[str, Any]:
    """Return a trace without the user's code."""
    ops = {}
    for key, op in document["ops"].items():
        own = op["module"].startswith("minigrad.")
        ops[key] = op if own else {**op, "module": "", "doc": "", "code": None, "rules": [{**rule, "code": None} for rule in op["rules"]]}
    return {**document, "sources": {}, "ops": ops, "nodes": [{**node, "source": None} for node in document["nodes"]]}
