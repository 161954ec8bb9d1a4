"""Anomaly detection: which line made the first NaN or Inf.

An observer of the two seams in the core, imported by none of it. Values are checked as they are computed, and
gradients as they are returned by a formula; an op is blamed only if what went into it was finite.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator
from typing import Any

from minigrad.backends import is_array, namespace
from minigrad.core._contexts import block
from minigrad.core._messages import describe
from minigrad.core.graph import Node
from minigrad.core.mode import Observer, changed_mode, mode
from minigrad.core.op import Op
from minigrad.core.tensor import array_of

_PACKAGE = os.path.dirname(__file__)


class AnomalyError(ArithmeticError):
    """A NaN or an Inf was made from finite values."""


@block
def detect_anomaly() -> Iterator[None]:
    """Raise `AnomalyError` where the first NaN or Inf is made, in the forward or the backward pass.

    Both passes must run within the ``with`` block. The error names the op, its inputs and the line that called it.
    Slow: every value is looked at. On a GPU every op then waits for the device.
    """
    with changed_mode(observers=(*mode.get().observers, _Anomaly())):
        yield


class _Anomaly(Observer):
    def __init__(self) -> None:
        self.lines: dict[int, tuple[Node, str]] = {}  # the node is held so that its id is not given to another

    def on_forward(self, op: Op, args: tuple[Any, ...], params: dict[str, Any], out: Any, node: Node | None) -> None:
        line = _calling_line()
        if node is not None:
            self.lines[id(node)] = (node, line)
        for value in out if isinstance(out, tuple) else (out,):
            bad = _first_bad(value)
            if bad is not None and all(_first_bad(a) is None for a in args):
                shown = ", ".join(describe(a) for a in args)
                raise AnomalyError(f"{op.name}({shown}) made {bad} from finite inputs; it was called at {line}")

    def on_backward(self, node: Node, position: int, gradient: Any) -> None:
        bad = _first_bad(array_of(gradient))
        if bad is not None:
            line = self.lines.get(id(node), (node, "a line outside the detect_anomaly block"))[1]
            assert node.op is not None
            raise AnomalyError(
                f"the gradient of {node.name} for its input {node.op.input_name(position)!r} holds {bad}; {node.name} was called at {line}"
            )


def _first_bad(value: Any) -> str | None:
    """Describe the first NaN or Inf of an array, None if there is none."""
    if not is_array(value) or value.dtype.kind not in "fc":
        return None
    xp = namespace(value)
    bad = ~xp.isfinite(value)
    if not bool(bad.any()):
        return None
    index = int(bad.reshape(-1).argmax())
    place, rest = [], index
    for n in reversed(value.shape):
        place.append(rest % n)
        rest //= n
    at = f" at {tuple(reversed(place))}" if place else ""
    return f"{value.reshape(-1)[index].item()}{at}"


def _calling_line() -> str:
    """Return file, line and code of the innermost call from outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    code = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" + (f": {code}" if code else "")
