"""Curves of a training run: a PNG where matplotlib is installed, an SVG drawn here otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from minigrad.saving import write_atomically

COLOURS = ("#1f6feb", "#d1495b", "#2e8b57", "#8250df")
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 420, 280, 56, 34, 14, 40

Series = Mapping[str, Sequence[float]]


def save_curve(history: Sequence[Mapping[str, Any]], folder: Path) -> Path:
    """Draw loss and, where there is one, accuracy by epoch into ``curve.png`` or ``curve.svg``. Returns the path."""
    panels = panels_of(history)
    if find_spec("matplotlib") is not None:
        content, path = _png(panels), folder / "curve.png"
    else:
        content, path = svg(panels).encode(), folder / "curve.svg"
    write_atomically(path, content)
    return path


def panels_of(history: Sequence[Mapping[str, Any]]) -> dict[str, Series]:
    """Sort the history into panels: title -> name -> values by epoch."""
    names = {"loss": ("train_loss", "val_loss", "test_loss"), "accuracy": ("train_accuracy", "val_accuracy", "test_accuracy")}
    labels = {"train": "training", "val": "validation", "test": "test"}
    found: dict[str, Series] = {}
    for title, keys in names.items():
        series = {labels[key.split("_")[0]]: [float(line[key]) for line in history if key in line] for key in keys}
        found[title] = {name: values for name, values in series.items() if values}
    return {title: series for title, series in found.items() if series or title == "loss"}


def svg(panels: Mapping[str, Series]) -> str:
    """Return an SVG with the panels side by side."""
    total = WIDTH * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {HEIGHT}" width="{total}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{total}" height="{HEIGHT}" fill="white"/>',
    ]
    for k, (title, series) in enumerate(panels.items()):
        parts += [f'<g transform="translate({k * WIDTH},0)">', *_panel(title, series), "</g>"]
    return "\n".join([*parts, "</svg>\n"])


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round numbers that cover [low, high]: steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / count))
    step = next(m * power for m in (1, 2, 5, 10) if span / (m * power) <= count)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, max(last, first + 1) + 1)]


def _panel(title: str, series: Series) -> list[str]:
    values = [v for line in series.values() for v in line if math.isfinite(v)]
    marks = ticks(min(values, default=0.0), max(values, default=1.0))
    epochs = max((len(line) for line in series.values()), default=1)
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(epoch: int) -> float:
        return LEFT + across * (epoch / max(epochs - 1, 1))

    def y(value: float) -> float:
        return TOP + down * (1 - (value - marks[0]) / (marks[-1] - marks[0]))

    lines = [f'<text x="{LEFT + across / 2}" y="20" text-anchor="middle" font-size="13">{title}</text>']
    for mark in marks:
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(mark):.1f}" y2="{y(mark):.1f}" stroke="#ddd"/>')
        lines.append(f'<text x="{LEFT - 6}" y="{y(mark) + 4:.1f}" text-anchor="end">{mark:.4g}</text>')
    for epoch in sorted({0, epochs // 2, epochs - 1}):
        lines.append(f'<text x="{x(epoch):.1f}" y="{HEIGHT - 22}" text-anchor="middle">{epoch + 1}</text>')
    lines.append(f'<text x="{LEFT + across / 2}" y="{HEIGHT - 6}" text-anchor="middle">epoch</text>')
    for i, (name, line) in enumerate(series.items()):
        points = " ".join(f"{x(e):.1f},{y(v):.1f}" for e, v in enumerate(line) if math.isfinite(v))
        colour = COLOURS[i % len(COLOURS)]
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines.append(f'<text x="{WIDTH - RIGHT - 4}" y="{TOP + 14 + 14 * i}" text-anchor="end" fill="{colour}">{name}</text>')
    return lines


def _png(panels: Mapping[str, Series]) -> bytes:
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(4.2 * len(panels), 2.8), dpi=110, layout="constrained")
    for k, (title, series) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), k + 1, title=title, xlabel="epoch")
        for i, (name, line) in enumerate(series.items()):
            axes.plot(range(1, len(line) + 1), line, label=name, color=COLOURS[i % len(COLOURS)], marker="o", markersize=2)
        axes.grid(alpha=0.3)
        if series:
            axes.legend(frameon=False)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
