"""How a tensor shows itself: as text, and as a small table in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.core.device import to_host

if TYPE_CHECKING:
    from minigrad.core.tensor import Tensor

_MAX_CELLS = 16  #: rows and columns of the heat map


def text(tensor: Tensor) -> str:
    """Return the values, and what is not obvious from them: dtype, device, the op that made the tensor."""
    kind = type(tensor).__name__.lower()
    values = np.array2string(to_host(tensor.data), separator=", ", prefix=f"{kind}(", threshold=1000)
    parts = [values] if tensor.size else [values, f"shape={tensor.shape}"]
    if tensor.dtype not in (np.dtype(np.float32), np.dtype(np.int64), np.dtype(np.bool_)):
        parts.append(f"dtype={tensor.dtype}")
    if tensor.device.kind != "cpu":
        parts.append(f"device='{tensor.device}'")
    if tensor.node is not None:
        parts.append("requires_grad=True" if tensor.is_leaf else f"made_by={tensor.node.name}")
    if tensor.name is not None:
        parts.append(f"name={tensor.name!r}")
    return f"{kind}({', '.join(parts)})"


def html(tensor: Tensor) -> str:
    """Return a table of facts and a heat map of the values, averaged down to a few cells."""
    facts: dict[str, Any] = {"name": tensor.name} if tensor.name is not None else {}
    facts |= {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}
    if tensor.node is not None:
        facts["from"] = "leaf" if tensor.is_leaf else tensor.node.name
    keeper = tensor._keeper_of_grad()
    if keeper is not None and keeper.grad is not None:
        facts["|grad|"] = f"{float(np.linalg.norm(to_host(keeper.grad.data).astype(np.float64))):.4g}"
    values = to_host(tensor.data)
    if values.size and values.dtype.kind in "fiu":
        finite = values[np.isfinite(values)]
        if finite.size:
            facts["min, mean, max"] = f"{finite.min():.4g}, {finite.mean():.4g}, {finite.max():.4g}"
        if finite.size < values.size:
            facts["not finite"] = values.size - finite.size
    rows = "".join(f"<tr><th align='left'>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in facts.items())
    return f"<div><table>{rows}</table>{_heat_map(values)}</div>"


def _heat_map(values: np.ndarray) -> str:
    if not values.size or values.dtype.kind not in "fiu":
        return ""
    grid = values.reshape(-1, values.shape[-1]) if values.ndim else values.reshape(1, 1)
    grid = grid[:_MAX_CELLS, :_MAX_CELLS].astype(np.float64)
    finite = grid[np.isfinite(grid)]
    scale = float(np.abs(finite).max()) if finite.size and np.abs(finite).max() > 0 else 1.0

    def cell(value: float) -> str:
        if not np.isfinite(value):
            return f"<td style='background:#000;color:#fff' title='{value}'>!</td>"
        strength = 0.5 * abs(value) / scale  # at most half, so that the page's own ink can be read on it, dark or light
        shade = f"rgba({'33,102,172' if value < 0 else '178,24,43'},{strength:.2f})"
        return f"<td style='background:{shade};font-size:80%' title='{value:.6g}'>{value:.3g}</td>"

    body = "".join("<tr>" + "".join(map(cell, row)) + "</tr>" for row in grid)
    note = "" if values.size == grid.size else f"<caption>the first {grid.shape[0]} x {grid.shape[1]} values</caption>"
    return f"<table>{note}{body}</table>"
