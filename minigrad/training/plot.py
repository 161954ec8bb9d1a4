"""Pictures as PNG, which matplotlib makes (extra ``plot``): images side by side, confusion matrices, curves of a training run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.backends import is_array
from minigrad.core.device import to_host
from minigrad.core.tensor import array_of
from minigrad.saving import write_atomically
from minigrad.training.panels import COLOURS, Line, Panel
from minigrad.training.svg import short, svg

__all__ = ["Picture", "by_epoch", "confusion_matrix", "image_grid", "panels_of", "png", "save_curve"]

Series = Mapping[str, Sequence[float]]
NUMBERED = 30  #: classes whose numbers can be read in a confusion matrix
GOOD, BAD = COLOURS[2], COLOURS[1]


class Picture:
    """A PNG, which a notebook shows.

    Attributes
    ----------
    png
        The bytes of the file.
    """

    def __init__(self, png: bytes) -> None:
        self.png = png

    def save(self, path: str | Path) -> None:
        """Write it to a file."""
        write_atomically(path, self.png)

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        width, height = (int.from_bytes(self.png[at : at + 4], "big") for at in (16, 20))
        return f"Picture({width} x {height} pixels; save(path) writes it)"


def image_grid(images: Any, titles: Sequence[Any] | None = None, *, columns: int | None = None, right: Any = None) -> Picture:
    """Show images side by side, as black is the least value of all and white, or full colour, the greatest.

    Parameters
    ----------
    images : (N, H, W), (N, 1, H, W) or (N, 3, H, W)
        Tensors or arrays of numbers or booleans. Integers of 8 bits are taken as they are, from 0 to 255.
    titles
        What stands above each, such as its class.
    columns
        How many side by side; by default as many as there are rows, or one more.
    right
        For each image whether its title is in green, as what a model got right, or in orange.

    Raises
    ------
    ValueError
        If the shape is no images', there are none, or not as many titles.
    ImportError
        If matplotlib is not there.
    """
    x = _on_host("image_grid", images)
    if x.ndim == 4 and x.shape[1] in (1, 3):
        x = x[:, 0] if x.shape[1] == 1 else x.transpose(0, 2, 3, 1)
    elif x.ndim != 3:
        raise ValueError(f"image_grid: the images have shape {x.shape}; expected (N, H, W), (N, 1, H, W) or (N, 3, H, W)")
    if not x.size:
        raise ValueError(f"image_grid: there is no image in an array of shape {x.shape}")
    for name, values in (("titles", titles), ("right", right)):
        if values is not None and len(values) != len(x):
            raise ValueError(f"image_grid: there are {len(x)} images and {len(values)} {name}")
    if columns is not None and columns < 1:
        raise ValueError(f"image_grid: columns must be at least 1, not {columns}")
    across = min(columns or math.ceil(math.sqrt(len(x))), len(x))
    down = math.ceil(len(x) / across)
    shown = _from_0_to_1(x)
    figure = _figure(across * 1.1, down * (1.1 * x.shape[1] / x.shape[2] + (0.25 if titles is not None else 0)))
    for i, image in enumerate(shown):
        axes = figure.add_subplot(down, across, i + 1)
        axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_axis_off()
        if titles is not None:
            colour = "black" if right is None else GOOD if bool(right[i]) else BAD
            axes.set_title(_plain(titles[i]), fontsize=8, color=colour, pad=2, parse_math=False)
    return Picture(_written(figure))


def confusion_matrix(matrix: Any, classes: Sequence[str] | None = None) -> Picture:
    """Show what `minigrad.training.confusion_matrix` counts: a row for each true class, a column for each predicted one.

    A field is the darker the larger its share of its row, green on the diagonal and orange elsewhere.

    Parameters
    ----------
    matrix : (K, K), counts
    classes
        The names of the classes; their numbers by default.

    Raises
    ------
    ValueError
        If the matrix is not square or negative, or there are not as many names.
    ImportError
        If matplotlib is not there.
    """
    counts = _on_host("confusion_matrix", matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size or counts.min() < 0:
        raise ValueError(
            f"confusion_matrix: expected counts of shape (K, K), a row for each true class, not {counts.dtype} of {counts.shape}"
        )
    k = len(counts)
    names = [str(i) for i in range(k)] if classes is None else [_plain(name) for name in classes]
    if len(names) != k:
        raise ValueError(f"confusion_matrix: there are {k} classes in the matrix and {len(names)} names")
    total = counts.sum()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = _figure(1.6 + 0.42 * min(k, NUMBERED), 1.4 + 0.42 * min(k, NUMBERED))
    axes = figure.add_subplot(1, 1, 1, xlabel="predicted", ylabel="true")
    axes.imshow(_colours(shares), interpolation="nearest")
    axes.set_title(f"{np.trace(counts):g} of {total:g} right" + (f", {np.trace(counts) / total:.1%}" if total else ""), fontsize=10)
    step = math.ceil(k / NUMBERED)
    axes.set_xticks(range(0, k, step), names[::step], rotation=90 if max(map(len, names)) > 2 else 0, fontsize=8, parse_math=False)
    axes.set_yticks(range(0, k, step), names[::step], fontsize=8, parse_math=False)
    for i, j in np.argwhere(counts) if k <= NUMBERED else ():
        axes.text(j, i, f"{counts[i, j]:g}", ha="center", va="center", fontsize=7, color="white" if shares[i, j] > 0.5 else "black")
    return Picture(_written(figure))


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
    figure = _figure(4.2 * len(panels), 3.2)
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
    return _written(figure)


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


def _colours(shares: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a colour for each share: from white to green on the diagonal, to orange elsewhere."""
    full = np.array([[int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] for colour in (BAD, GOOD)])
    strength = np.where(shares > 0, 0.15 + 0.85 * shares, 0)[..., None]
    mixed: np.ndarray[Any, Any] = 1 - strength * (1 - full[np.eye(len(shares), dtype=int)])
    return mixed


def _on_host(name: str, values: Any) -> np.ndarray[Any, Any]:
    """Return numbers as an array on the host."""
    array = array_of(values)
    array = to_host(array) if is_array(array) else np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} shows arrays of numbers, not {array.dtype}")
    return array


def _from_0_to_1(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if x.dtype == np.uint8:
        return x / 255
    finite = x[np.isfinite(x)].astype(float)
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    return np.clip((x.astype(float) - low) / ((high - low) or 1), 0, 1)


def _plain(text: Any) -> str:
    """Return text that shows as it is, on one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("pictures of results need matplotlib: pip install matplotlib (the extra plot)") from None
    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def _written(figure: Any) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
