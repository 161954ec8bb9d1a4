"""The place in a user's source from which an op was called, and the layers it was called in: read off the frames.

Nothing is kept for this while a program runs. Whoever asks (anomaly detection, a trace) looks at the frames of the call that
is going on: the innermost one outside this package is the user's, and those of ``Module.__call__`` are the layers.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import sys
from itertools import islice
from types import CodeType, FrameType
from typing import Any, NamedTuple

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_GRAPH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "graph.py")
_LAYER_CALLS = {"Module.__call__", "BatchNorm.relu_after"}  #: where a layer runs: called, or by Sequential together with a ReLU
_OPTIMIZED = 0x01  # the flag of the code object of a function
_inside: dict[CodeType, bool] = {}  # whether a function stands in this package
_places: dict[tuple[CodeType, int], Place] = {}


class Place(NamedTuple):
    """An expression in a source file; lines count from 1, columns from 0. ``code`` is its text."""

    file: str
    line: int
    end_line: int
    column: int
    end_column: int
    code: str

    def __str__(self) -> str:
        line = linecache.getline(self.file, self.line).strip()
        file = self.file if os.path.exists(self.file) else os.path.basename(self.file)  # a notebook's cell lies in no folder
        return f"{file}:{self.line}" + (f": {line}" if line else "")


class Call(NamedTuple):
    """Where a call that is going on comes from."""

    user: FrameType  #: the innermost frame outside this package
    layers: list[Any]  #: the modules whose forward is running, the outermost first
    walk: FrameType | None  #: the frame of the walk, if a backward pass is running
    direct: bool  #: whether the walk itself made the call, and no formula


def current_call(depth: int = 1) -> Call:
    """Look at the frames, from the caller's ``depth`` frames up."""
    start = sys._getframe(depth)
    frame: FrameType | None = start
    user, walk, layers, direct, last = None, None, [], False, ""
    while frame is not None:
        code = frame.f_code
        if not _stands_inside(code):
            user = user or frame
        elif code.co_qualname in _LAYER_CALLS:
            layers.append(frame.f_locals["self"])
        elif code.co_name == "walk" and walk is None and code.co_filename == _GRAPH:
            walk, direct = frame, user is None and last in _MACHINERY
        last = code.co_name
        frame = frame.f_back
    return Call(user or start, layers[::-1], walk, direct)


def layers_of(error: BaseException) -> list[Any]:
    """Return the modules whose forward an exception came out of, the outermost first: those that run still, and those it left."""
    layers = current_call(2).layers
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_qualname in _LAYER_CALLS and _stands_inside(trace.tb_frame.f_code):
            module = trace.tb_frame.f_locals["self"]
            layers += [module] if not any(module is layer for layer in layers) else []
        trace = trace.tb_next
    return layers


def layer_in_words(layers: list[Any]) -> str:
    """Say which layer is the innermost: its path in the outermost one, and what both are."""
    root, layer = layers[0], layers[-1]
    path = next((path for path, module in root.named_modules() if module is layer), "")
    return f"{path} ({type(layer).__name__}) of {type(root).__name__}" if path else type(layer).__name__


_MACHINERY = {"__call__", "call"}  # through which every op is applied


def variables(frame: FrameType) -> dict[str, Any]:
    """Return the variables of a function that is running, by name, and let the frame keep no copy of them."""
    shown = frame.f_locals
    found = dict(shown)
    if sys.version_info < (3, 13) and frame.f_code.co_flags & _OPTIMIZED:  # of a function: a snapshot, which the frame would hold
        shown.clear()
    return found


def place_of(frame: FrameType) -> Place:
    """Return the expression that a frame is evaluating."""
    key = frame.f_code, frame.f_lasti
    if key not in _places:
        _places[key] = _find(*key, frame.f_lineno)
    return _places[key]


def _find(code: CodeType, instruction: int, number: int) -> Place:
    line, end_line, column, end_column = next(islice(code.co_positions(), instruction // 2, None), (None,) * 4)
    file = code.co_filename
    linecache.checkcache(file)  # it may have been written anew since another version of it was run
    if line is None or end_line is None or column is None or end_column is None:
        return Place(file, number, number, 0, 0, linecache.getline(file, number).strip())
    lines = [linecache.getline(file, n) for n in range(line, end_line + 1)]
    column, end_column = (len(text.encode()[:at].decode(errors="replace")) for text, at in ((lines[0], column), (lines[-1], end_column)))
    lines[-1] = lines[-1][:end_column]
    return Place(file, line, end_line, column, end_column, "".join(lines)[column:])


def _stands_inside(code: CodeType) -> bool:
    if code not in _inside:
        file = os.path.abspath(code.co_filename)
        _inside[code] = file.startswith(_PACKAGE) or file == contextlib.__file__  # between a function and its @no_grad
    return _inside[code]
