"""Curves of a training run by epoch or by step, and pictures as PNG, which matplotlib makes (extra ``plot``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.saving import write_atomically
from minigrad.training.panels import COLOURS, Line, Panel
from minigrad.training.svg import short, svg

Series = Mapping[str, Sequence[float]]


def save_curve(history: Sequence[Mapping[str, Any]], folder: Path) -> Path:
    """Draw loss and, where there is one, accuracy by epoch into ``curve.png`` or ``curve.svg``. Returns the path."""
    panels = panels_of(history)
    if find_spec("matplotlib") is not None:
        content, path = png(panels), folder / "curve.png"
    else:
        content, path = svg(panels).encode(), folder / "curve.svg"
    write_atomically(path, content)
    return path


def panels_of(history: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """Sort the history into panels: loss and accuracy by epoch, or by step."""
    names = {"loss": ("train_loss", "val_loss", "test_loss"), "accuracy": ("train_accuracy", "val_accuracy", "test_accuracy")}
    labels = {"train": "training", "val": "validation", "test": "test"}
    by = "step" if history and "step" in history[0] else "epoch"
    found = []
    for title, keys in names.items():
        lines = {}
        for key in keys:
            have = [(i, line) for i, line in enumerate(history) if key in line]
            if have:
                lines[labels[key.split("_")[0]]] = Line([line.get(by, i + 1) for i, line in have], [[float(line[key]) for _, line in have]])
        if lines or title == "loss":
            found.append(Panel(title, by, "", lines))
    return found


def by_epoch(panels: Mapping[str, Series]) -> list[Panel]:
    """Return panels of values by epoch: title -> name -> values."""
    return [
        Panel(title, "epoch", "", {name: Line(range(1, len(values) + 1), [list(values)]) for name, values in series.items()})
        for title, series in panels.items()
    ]


def png(panels: Sequence[Panel], caption: str = "") -> bytes:
    """Return a PNG with the panels side by side, and a line below them. Needs matplotlib, the extra ``plot``."""
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(4.2 * len(panels), 3.2), dpi=110, layout="constrained")
    if caption:
        figure.supxlabel(caption, fontsize=7, color="#666666", x=0.01, ha="left")
    for k, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), k + 1, xlabel=panel.x, ylabel=panel.y)
        axes.set_title(panel.title, fontsize=10)
        if panel.rows:
            _rows_by_matplotlib(axes, panel)
            continue
        for i, (name, line) in enumerate(panel.lines.items()):
            x, low, middle, high = line.band()
            colour = COLOURS[i % len(COLOURS)]
            if line.marks:
                around = [np.subtract(middle, low), np.subtract(high, middle)]
                axes.errorbar(x, middle, yerr=around, label=name, color=colour, marker="o", markersize=4)
            else:
                axes.plot(x, middle, label=name, color=colour)
                axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
        _scale(axes, "x", panel.log_x)
        _scale(axes, "y", panel.log_y)
        if panel.limit is not None:
            axes.axhline(panel.limit, color="#333333", linestyle="--", linewidth=1)
        axes.grid(alpha=0.3)
        if panel.lines:
            axes.legend(frameon=False, fontsize=8)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _scale(axes: Any, which: str, log: bool) -> None:
    """Make an axis logarithmic, with plain numbers at 1, 2 and 5 of each power of ten where there are few of those."""
    if not log:
        return
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis = getattr(axes, f"{which}axis")
    getattr(axes, f"set_{which}scale")("log")
    low, high = axis.get_data_interval()
    axis.set_minor_formatter(NullFormatter())
    if low > 0 and high < 1000 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _rows_by_matplotlib(axes: Any, panel: Panel) -> None:
    bands = {name: line.band() for name, line in panel.lines.items()}
    axes.set(xlabel=panel.y, ylabel="")
    for i, (_, low, middle, high) in enumerate(bands.values()):
        around = [np.subtract(middle, low), np.subtract(high, middle)]
        axes.errorbar(middle, [i] * len(middle), xerr=around, color=COLOURS[0], marker="o", markersize=4)
    axes.set_yticks(range(len(bands)), [short(name) for name in bands], fontsize=8)
    axes.invert_yaxis()
    _scale(axes, "x", panel.log_y)
    if panel.limit is not None:
        axes.axvline(panel.limit, color="#333333", linestyle="--", linewidth=1)
    axes.grid(alpha=0.3)
