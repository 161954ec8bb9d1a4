"""Running a learner's text in the page: what it prints, its pictures, tracebacks that show its own lines, its computation."""

from __future__ import annotations

import ast
import base64
import linecache
import os
import time
import traceback
import warnings
from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path
from typing import Any

from minigrad.core.tensor import Tensor
from minigrad.explore import Trace, TraceError, record, trace_to
from minigrad.playground.pictures import picture

FILE = "yours.py"  #: what the text is called in tracebacks and in the explorer
LARGEST_FILE = 5_000_000  #: bytes of a file that is offered for download

Post = Callable[[dict[str, Any]], None]


def run(text: str, post: Post, step: bool = False) -> dict[str, Any]:
    """Run a text as a program.

    Parameters
    ----------
    text
        Python. The name ``show`` is there; the value of a last expression is shown, as in a notebook.
    post
        Given what is to be shown: ``{"kind": "picture", "svg": ...}``, ``{"kind": "trace", "document": ...}``,
        ``{"kind": "text", "text": ...}``, ``{"kind": "error", ...}``, ``{"kind": "file", "name": ..., "content": base64}``.
    step
        Record the computation, and show the last backward pass of it.

    Returns
    -------
    dict
        ``ok``, ``seconds``, and after an exception ``line``, the last of the text's lines that it went through.
    """
    files, started = _files(), time.perf_counter()
    line = copy_context().run(_run, text, post, step)  # modes and defaults are as before afterwards
    seconds = time.perf_counter() - started
    for path, stamp in _files().items():
        if files.get(path) != stamp and path.stat().st_size <= LARGEST_FILE:
            post({"kind": "file", "name": path.name, "content": base64.b64encode(path.read_bytes()).decode()})
    return {"ok": line is None, "line": line, "seconds": round(seconds, 3)}


def show(value: Any, post: Post) -> None:
    """Show a value: the explorer for a trace or a loss, a picture for an array, text for anything else."""
    is_computed = isinstance(value, Tensor) and value.size == 1 and value.requires_grad and not value.is_leaf
    if isinstance(value, Trace) or is_computed:
        trace = value if isinstance(value, Trace) else trace_to(value)
        post({"kind": "trace", "document": trace.document})
        return
    draw = getattr(value, "_repr_svg_", None)
    svg = draw() if draw is not None else picture(value.detach().numpy() if isinstance(value, Tensor) else value)
    post({"kind": "picture", "svg": svg} if svg else {"kind": "text", "text": f"{value!r}\n"})


def _run(text: str, post: Post, step: bool) -> int | None:
    """Run, and return the line of an exception, 0 if it has none; None if there was none."""
    linecache.cache[FILE] = (len(text), None, text.splitlines(keepends=True), FILE)
    namespace: dict[str, Any] = {"__name__": "__main__", "__file__": FILE, "show": lambda value: show(value, post)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.simplefilter("ignore", ResourceWarning)
            if step:
                _run_and_trace(text, namespace, post)
            else:
                _execute(text, namespace)
    except SystemExit as stop:
        post({"kind": "text", "text": f"sys.exit({'' if stop.code is None else repr(stop.code)})\n"})
    except BaseException as error:  # KeyboardInterrupt as well: that is the button Stop
        post({"kind": "error", "text": told(error)})
        return line_of(error)
    finally:
        print(end="", flush=True)
    return None


def _execute(text: str, namespace: dict[str, Any]) -> None:
    """Execute a text; print the value of its last expression unless it is None."""
    body = ast.parse(text, FILE).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), FILE, "exec"), namespace)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), FILE, "eval"), namespace)
        if value is not None:
            print(repr(value))


def _run_and_trace(text: str, namespace: dict[str, Any], post: Post) -> None:
    with record(title=FILE) as trace:
        _execute(text, namespace)
    if trace.document["passes"]:
        show(trace.last_pass(), post)
        return
    raise TraceError("there is no backward pass to step through: call backward() on a loss, or show(loss)")


def told(error: BaseException) -> str:
    """Return the traceback of an exception, with the text's own lines alone; its message whole."""
    if isinstance(error, KeyboardInterrupt):
        return "stopped\n"
    if isinstance(error, TraceError) and line_of(error) == 0:
        return f"{error}\n"
    described = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = described
    while part is not None:
        part.stack = traceback.StackSummary.from_list([frame for frame in part.stack if frame.filename == FILE])
        part = part.__cause__ or part.__context__
    return "".join(described.format())


def line_of(error: BaseException) -> int:
    """Return the last line of the text that an exception went through, or at which it is no Python; 0 if there is none."""
    if isinstance(error, SyntaxError) and error.filename == FILE:
        return error.lineno or 0
    return next((f.lineno or 0 for f in reversed(traceback.extract_tb(error.__traceback__)) if f.filename == FILE), 0)


def _files() -> dict[Path, tuple[int, int]]:
    """The files in the working directory, each with what changes when it is written."""
    stats = ((Path(entry.path), entry.stat()) for entry in os.scandir() if entry.is_file())
    return {path: (stat.st_mtime_ns, stat.st_size) for path, stat in stats}
