"""Anomaly detection: which line made the first NaN or Inf.

An observer of the two seams in the core, imported by none of it. Values are checked as they are computed, and
gradients as they are returned by a formula; an op is blamed only if what went into it was finite.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minigrad.backends import is_array, namespace
from minigrad.core._contexts import block
from minigrad.core._messages import describe
from minigrad.core._source import Call, current_call, layer_in_words, place_of
from minigrad.core.graph import Node
from minigrad.core.mode import Observer, changed_mode, mode
from minigrad.core.op import Op
from minigrad.core.tensor import array_of

__all__ = ["AnomalyError", "detect_anomaly"]


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
        line = _calling_line(current_call(2))
        if node is not None:
            self.lines[id(node)] = (node, line)
        for value in out if isinstance(out, tuple) else (out,):
            bad = _first_bad(value)
            if bad is not None and all(_first_bad(a) is None for a in args):
                names = [f"{label} " if (label := _label(node, i)) else "" for i in range(len(args))]
                shown = ", ".join(name + describe(a) for name, a in zip(names, args, strict=True))
                raise AnomalyError(f"{op.name}({shown}) made {bad} from finite inputs; it was called at {line}")

    def on_backward(self, node: Node, position: int, cotangent: Any, gradient: Any) -> None:
        bad = _first_bad(array_of(gradient))
        if bad is not None:
            line = self.lines.get(id(node), (node, "a line outside the detect_anomaly block"))[1]
            assert node.op is not None
            label = _label(node, position)
            name = f"{node.op.input_name(position)!r}{f' ({label})' if label else ''}"
            raise AnomalyError(f"the gradient of {node.name} for its input {name} holds {bad}; {node.name} was called at {line}")


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


def _label(node: Node | None, position: int) -> str | None:
    """Return the name that a user gave to an input of a node."""
    return getattr(node.parents[position], "label", None) if node is not None else None


def _calling_line(call: Call) -> str:
    """Return file, line and code of a call from outside this package, and the layer in which it came about."""
    return f"{place_of(call.user)}" + (f", in layer {layer_in_words(call.layers)}" if call.layers else "")
