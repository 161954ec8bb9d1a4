"""Panels as SVG, drawn without any library."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from html import escape

from minigrad.training.panels import COLOURS, Panel

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 420, 280, 62, 34, 14, 44


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round numbers that cover [low, high]: steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / count))
    step = next(m * power for m in (1, 2, 5, 10) if span / (m * power) <= count)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, max(last, first + 1) + 1)]


def log_ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Return powers of ten, at most about ``count``, that cover [low, high]; 1, 2 and 5 times each where there are two or fewer."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    last = max(last, first + 1)
    if last - first <= 2:
        marks = [m * 10.0**k for k in range(first, last + 1) for m in (1, 2, 5)]
        below = max(m for m in marks if m <= low * (1 + 1e-9))
        above = min([m for m in marks if m >= high * (1 - 1e-9) and m > below])
        return [m for m in marks if below <= m <= above]
    step = -(-(last - first) // count)
    return [10.0**k for k in range(first, last + step, step)]


class _Axis:
    """Places of values along an axis between two ends, in points of the picture."""

    def __init__(self, values: list[float], start: float, end: float, log: bool, tight: bool) -> None:
        self.log, self.start, self.end = log, start, end
        usable = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
        low, high = min(usable, default=1.0 if log else 0.0), max(usable, default=10.0 if log else 1.0)
        self.marks = log_ticks(low, high) if log else ticks(low, high)
        ends = (low, high) if tight and high > low else (self.marks[0], self.marks[-1])
        self.low, self.high = (self._scaled(v) for v in ends)
        self.marks = [m for m in self.marks if self.low - 1e-9 <= self._scaled(m) <= self.high + 1e-9] or [low, high]

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def has(self, value: float) -> bool:
        return math.isfinite(value) and (value > 0 or not self.log)

    def __call__(self, value: float) -> float:
        return self.start + (self.end - self.start) * (self._scaled(value) - self.low) / ((self.high - self.low) or 1.0)


def svg(panels: Sequence[Panel], caption: str = "") -> str:
    """Return an SVG with the panels side by side, and a line below them."""
    total = WIDTH * len(panels)
    names = max((math.ceil(len(panel.lines) / _abreast(panel)) for panel in panels if not panel.rows), default=0)
    tall = HEIGHT + 14 * names + (16 if caption else 0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {tall}" width="{total}" height="{tall}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{total}" height="{tall}" fill="white"/>',
    ]
    for k, panel in enumerate(panels):
        parts += [f'<g transform="translate({k * WIDTH},0)">', *(_rows(panel) if panel.rows else _panel(panel)), "</g>"]
    if caption:
        parts.append(f'<text x="8" y="{tall - 5}" fill="#666" font-size="10">{escape(caption)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _panel(panel: Panel) -> list[str]:
    bands = {name: line.band() for name, line in panel.lines.items()}
    ys = [v for _, low, _, high in bands.values() for v in (*low, *high)] + ([] if panel.limit is None else [panel.limit])
    x = _Axis([v for band in bands.values() for v in band[0]], LEFT, WIDTH - RIGHT, panel.log_x, tight=True)
    y = _Axis(ys, HEIGHT - BOTTOM, TOP, panel.log_y, tight=False)
    middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
    lines = [f'<text x="{middle}" y="20" text-anchor="middle" font-size="13">{escape(panel.title)}</text>']
    for mark in y.marks:
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(mark):.1f}" y2="{y(mark):.1f}" stroke="#ddd"/>')
        lines.append(f'<text x="{LEFT - 6}" y="{y(mark) + 4:.1f}" text-anchor="end">{mark:g}</text>')
    for mark in x.marks:
        lines.append(f'<text x="{x(mark):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{mark:g}</text>')
    lines.append(f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">{escape(panel.x)}</text>')
    height = TOP + (HEIGHT - TOP - BOTTOM) / 2
    if panel.y:
        lines.append(f'<text transform="translate(13,{height}) rotate(-90)" text-anchor="middle">{escape(panel.y)}</text>')
    if panel.limit is not None:
        at = y(panel.limit)
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#333" stroke-dasharray="5 4"/>')
    for i, (name, (xs, low, values, high)) in enumerate(bands.items()):
        lines += _named(name, i, _abreast(panel))
        lines += _line(i, panel.lines[name].marks, x, y, [row for row in zip(xs, low, values, high, strict=True) if x.has(row[0])])
    return lines


def _rows(panel: Panel) -> list[str]:
    """Draw a panel whose lines are rows."""
    bands = {name: line.band() for name, line in panel.lines.items()}
    values = [v for _, low, _, high in bands.values() for v in (*low, *high)] + ([] if panel.limit is None else [panel.limit])
    left = 190
    x = _Axis(values, left, WIDTH - RIGHT - 10, panel.log_y, tight=False)
    step = (HEIGHT - TOP - BOTTOM) / max(len(bands), 1)
    bottom = HEIGHT - BOTTOM
    drawn = [f'<text x="{WIDTH / 2}" y="20" text-anchor="middle" font-size="13">{escape(panel.title)}</text>']
    for mark in x.marks:
        drawn.append(f'<line x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="{TOP}" y2="{bottom}" stroke="#ddd"/>')
        drawn.append(f'<text x="{x(mark):.1f}" y="{bottom + 16}" text-anchor="middle">{mark:g}</text>')
    drawn.append(f'<text x="{(left + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(panel.y)}</text>')
    if panel.limit is not None:
        at = x(panel.limit)
        drawn.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{bottom}" stroke="#333" stroke-dasharray="5 4"/>')
    for i, (name, (_, low, middle, high)) in enumerate(bands.items()):
        y = TOP + step * (i + 0.5)
        parts = short(name).split("\n")
        for j, part in enumerate(parts):
            down = y + 4 + 12 * (j - (len(parts) - 1) / 2)
            drawn.append(f'<text x="{left - 8}" y="{down:.1f}" text-anchor="end">{escape(part)}</text>')
        for a, b, c in zip(low, middle, high, strict=True):
            if x.has(a):
                ends = f'x1="{x(a):.1f}" x2="{x(c):.1f}" y1="{y:.1f}" y2="{y:.1f}"'
                drawn.append(f'<line {ends} stroke="{COLOURS[0]}" stroke-width="2"/>')
                drawn.append(f'<circle cx="{x(b):.1f}" cy="{y:.1f}" r="3.5" fill="{COLOURS[0]}"/>')
    return drawn


def short(name: str) -> str:
    """Return a name that fits beside a row, on two lines if it must."""
    return "\n".join(textwrap.wrap(name, 34, max_lines=2, placeholder=" …"))


def _abreast(panel: Panel) -> int:
    """Return how many names of lines fit beside one another."""
    return 3 if max(map(len, panel.lines), default=0) <= 18 else 1


def _named(name: str, i: int, abreast: int) -> list[str]:
    """Draw the name of a line below the panel."""
    left, below = LEFT + 118 * (i % abreast), HEIGHT + 4 + 14 * (i // abreast)
    stroke = f'stroke="{COLOURS[i % len(COLOURS)]}" stroke-width="3"'
    return [
        f'<line x1="{left}" x2="{left + 14}" y1="{below - 4}" y2="{below - 4}" {stroke}/>',
        f'<text x="{left + 18}" y="{below}">{escape(name)}</text>',
    ]


def _line(i: int, marks: bool, x: _Axis, y: _Axis, rows: list[tuple[float, float, float, float]]) -> list[str]:
    """Draw a line and its band."""
    colour = COLOURS[i % len(COLOURS)]
    drawn = []
    banded = [row for row in rows if y.has(row[1]) and row[3] > row[1]]
    if banded and marks:
        drawn += [f'<line x1="{x(a):.1f}" x2="{x(a):.1f}" y1="{y(b):.1f}" y2="{y(d):.1f}" stroke="{colour}"/>' for a, b, _, d in banded]
    elif banded:
        edge = [(a, d) for a, _, _, d in banded] + [(a, b) for a, b, _, _ in reversed(banded)]
        drawn.append(f'<polygon points="{" ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in edge)}" fill="{colour}" opacity="0.18"/>')
    points = [(x(a), y(c)) for a, _, c, _ in rows if y.has(c)]
    joined = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    drawn.append(f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>')
    if marks:
        drawn += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>' for a, b in points]
    return drawn
