"""Pictures of arrays, as SVG: a curve for a row of numbers, squares for an image or several."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

WIDTH, HEIGHT, EDGE = 480, 200, 56
MOST_IMAGES = 32  #: shown of a stack
MOST_PIXELS = 10_000  #: of all images together
LINE, AXIS = "#2f7fd1", "#808080"  # read on light and on dark


def picture(value: Any) -> str | None:
    """Return the SVG of numbers in a row, of an image (2-d) or of images (3-d, or 4-d with one channel).

    None for anything else, and for what has no finite numbers.
    """
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return None
    if array.ndim == 4 and array.shape[1] == 1:  # images of one channel
        array = array[:, 0]
    if not 1 <= array.ndim <= 3 or array.size < 2 or not np.isfinite(array).any():
        return None
    if array.ndim == 1:
        return curve(array)
    images = array[None] if array.ndim == 2 else array[:MOST_IMAGES]
    return squares(images) if images.size <= MOST_PIXELS else None


def curve(values: Any) -> str:
    """Draw numbers as a line over their positions; what is not finite leaves a gap."""
    low, high = float(np.nanmin(values[np.isfinite(values)])), float(np.nanmax(values[np.isfinite(values)]))
    span = high - low or 1.0
    x = EDGE + np.arange(len(values)) * (WIDTH - EDGE - 12) / (len(values) - 1)
    y = HEIGHT - 24 - (values - low) / span * (HEIGHT - 40)
    known = np.isfinite(y)
    points = [f"{'L' if k and known[k - 1] else 'M'}{x[k]:.1f} {y[k]:.1f}" for k in np.flatnonzero(known)]
    labels = [
        _label(EDGE - 6, HEIGHT - 20, f"{low:.3g}", "end"), _label(EDGE - 6, 22, f"{high:.3g}", "end"),
        _label(EDGE, HEIGHT - 6, "0", "start"), _label(WIDTH - 12, HEIGHT - 6, str(len(values) - 1), "end"),
    ]  # fmt: skip
    axes = f'<path d="M{EDGE} 12V{HEIGHT - 24}H{WIDTH - 12}" stroke="{AXIS}"/>'
    body = f'<g fill="none" stroke-width="1">{axes}</g><g fill="none" stroke="{LINE}" stroke-width="1.8"><path d="{"".join(points)}"/></g>'
    return _svg(WIDTH, HEIGHT, body + "".join(labels))


def squares(images: Any) -> str:
    """Draw images beside each other in grey, dark for the smallest number of all, light for the largest."""
    count, rows, columns = images.shape
    low = float(images[np.isfinite(images)].min())
    span = float(images[np.isfinite(images)].max()) - low or 1.0
    side = max(2, min(24, 360 // max(rows, columns)) if count == 1 else 64 // max(rows, columns))
    across = max(1, min(count, (WIDTH + 6) // (columns * side + 6)))
    parts = []
    for n, image in enumerate(images):
        left, top = n % across * (columns * side + 6), n // across * (rows * side + 6)
        parts.append(f'<rect x="{left}" y="{top}" width="{columns * side}" height="{rows * side}" fill="#000"/>')
        for (i, j), value in np.ndenumerate(image):
            shade = f"rgb({','.join([str(round(255 * (value - low) / span))] * 3)})" if np.isfinite(value) else "#d33"
            if shade != "rgb(0,0,0)":
                parts.append(f'<rect x="{left + j * side}" y="{top + i * side}" width="{side}" height="{side}" fill="{shade}"/>')
    return _svg(across * (columns * side + 6) - 6, -(-count // across) * (rows * side + 6) - 6, "".join(parts))


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" font-family="sans-serif" font-size="11" fill="{AXIS}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(width: float, height: float, body: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">{body}</svg>'
