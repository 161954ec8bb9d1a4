"""Gathers and scatters in C. An index outside is noted, as C would read what is not there; Python then raises the error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.ops.indexing import find_wrong
from minigrad.replay.c_forms import c_type
from minigrad.replay.c_loops import cleaned
from minigrad.replay.program import CONSTANT, Call, Ref, array_at

Pointer = Callable[[Ref], str]


def index_lines(call: Call, pointer: Pointer) -> list[str] | None:
    """Write a gather, a scatter or a check of labels; None for any other call."""
    if call.kind == "box" and call.function is find_wrong:
        return _check(call, pointer)
    if call.kind == "call" and call.function is np.take and call.kwargs.get("axis") == 0 and len(call.args) == 2:
        return _take(call, pointer)
    if call.kind == "call" and call.function is np.take_along_axis:
        return _take_along(call, pointer)
    if call.kind == "box" and call.function == np.add.at:
        return _add_at(call, pointer)
    return None


def by_rows(call: Call) -> tuple[int, list[tuple[Ref, int | None, bool, bool]]] | None:
    """Return how a gather or a scatter falls into rows: how many, and for each place its axis of them, whether it is written, and
    whether each row has its own part of it. None if it does not."""
    out = call.results[0] if call.results else None
    if out is None or not out.shape:
        return None
    whole: list[Ref] = []  #: what all rows use
    shared: list[Ref] = []  #: what has in each row what it has in the first
    if call.kind == "call" and call.function is np.take:
        whole, own = [call.args[0]], [call.args[1]]
    elif call.kind == "call":
        own = list(call.args[:2])
    else:
        key = call.args[1]
        if not isinstance(key, tuple) or not _counts(key[0], out.shape[0]):
            return None
        shared, own = [key[0]], [*key[1:], call.args[2]]
    n = out.shape[0]
    if any(ref.shape[:1] != (n,) for ref in own):
        return None
    places: list[tuple[Ref, int | None, bool, bool]] = [(ref, 0, False, True) for ref in own]
    return n, [*places, *[(ref, None, False, True) for ref in whole], *[(ref, 0, False, False) for ref in shared], (out, 0, True, True)]


def _counts(key: Any, n: int) -> bool:
    """Tell whether an index is 0, 1, 2 and so on, so that each row is added to itself."""
    if not isinstance(key, Ref) or key.storage.kind != CONSTANT or key.shape != (n, *[1] * (len(key.shape) - 1)):
        return False
    return np.array_equal(array_at(key.storage.array, key).ravel(), np.arange(n))


def _integers(*values: Any) -> bool:
    return all(isinstance(v, Ref) and v.dtype == np.int64 and v.size > 0 for v in values)


def _check(call: Call, pointer: Pointer) -> list[str] | None:
    labels, classes = call.args[:2]
    if not _integers(labels) or not labels.is_contiguous:
        return None
    wrong = f"((int64_t *)({pointer(labels)}))[i]"
    return [f"  for (int64_t i = 0; i < {labels.size}; i++) if ((uint64_t){wrong} >= {int(classes)}) s->fault[0] = 1;  // {cleaned(call)}"]


def _take(call: Call, pointer: Pointer) -> list[str] | None:
    """Rows of a matrix."""
    (x, indices), out = call.args, call.outs[0]
    plain = isinstance(x, Ref) and _integers(indices) and all(r.is_contiguous for r in (x, indices, out))
    if not plain or x.dtype != out.dtype or c_type(x.dtype) is None or not x.size:
        return None
    width = x.size // x.shape[0]
    kind = c_type(x.dtype)
    return [
        f"  for (int64_t i = 0; i < {indices.size}; i++) {{  // {cleaned(call)}",
        *_index(f"((int64_t *)({pointer(indices)}))[i]", x.shape[0]),
        f"    for (int64_t k = 0; k < {width}; k++)",
        f"      (({kind} *)({pointer(out)}))[i * {width} + k] = (({kind} *)({pointer(x)}))[j * {width} + k];",
        "  }",
    ]


def _take_along(call: Call, pointer: Pointer) -> list[str] | None:
    """One element of each row."""
    x, indices = call.args[:2]
    axis = call.kwargs.get("axis", call.args[2] if len(call.args) > 2 else None)
    out = call.outs[0]
    last = isinstance(x, Ref) and axis in (-1, len(x.shape) - 1)
    if not last or not _integers(indices) or indices.shape != (*x.shape[:-1], 1) or c_type(x.dtype) is None:
        return None
    if not all(r.is_contiguous for r in (x, indices, out)):
        return None
    kind, width = c_type(x.dtype), x.shape[-1]
    return [
        f"  for (int64_t i = 0; i < {indices.size}; i++) {{  // {cleaned(call)}",
        *_index(f"((int64_t *)({pointer(indices)}))[i]", width),
        f"    (({kind} *)({pointer(out)}))[i] = (({kind} *)({pointer(x)}))[i * {width} + j];",
        "  }",
    ]


def _add_at(call: Call, pointer: Pointer) -> list[str] | None:
    """``y[key] += updates`` one after the other, where the key is arrays of integers for the first axes of y."""
    y, key, updates = call.args
    keys = key if isinstance(key, tuple) else (key,)
    if not isinstance(updates, Ref) or not _integers(*keys) or len(keys) > len(y.shape) or y.dtype != updates.dtype:
        return None
    shape = np.broadcast_shapes(*[k.shape for k in keys])
    rest = y.shape[len(keys) :]
    kind = c_type(y.dtype)
    if kind is None or updates.shape != (*shape, *rest) or not y.is_contiguous or not updates.is_contiguous:
        return None
    width = int(np.prod(rest, dtype=int))
    lines, indent = [f"  {{  // {cleaned(call)}", "    int64_t n = 0;"], "    "
    for d, length in enumerate(shape):
        lines.append(f"{indent}for (int64_t i{d} = 0; i{d} < {length}; i{d}++)" + (" {" if d == len(shape) - 1 else ""))
    if not shape:
        lines.append(indent + "{")
    lines.append(f"{indent}  int64_t at = 0;")
    for k, ref in enumerate(keys):
        lead = len(shape) - len(ref.shape)
        moved = "".join(f" + i{lead + d} * {s}" for d, (n, s) in enumerate(zip(ref.shape, ref.strides, strict=True)) if n != 1)
        lines.append(f"{indent}  {{")
        lines += [indent + line for line in _index(f"*(int64_t *)({pointer(ref)}{moved})", y.shape[k])]
        lines.append(f"{indent}    at = at * {y.shape[k]} + j; }}")
    lines += [
        f"{indent}  for (int64_t k = 0; k < {width}; k++)",
        f"{indent}    (({kind} *)({pointer(y)}))[at * {width} + k] += (({kind} *)({pointer(updates)}))[n * {width} + k];",
        f"{indent}  n++;",
        indent + "}",
        "  }",
    ]
    return lines


def _index(text: str, length: int) -> list[str]:
    """Read an index: negative ones count from the end, one outside is noted and taken for 0."""
    return [
        f"    int64_t j = {text};",
        f"    if (j < 0) j += {length};",
        f"    if ((uint64_t)j >= {length}) {{ s->fault[0] = 1; j = 0; }}",
    ]
