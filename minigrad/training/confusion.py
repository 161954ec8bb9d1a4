"""What is printed at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from minigrad._printable import printable

WIDEST = 20  #: classes that a table in the terminal has room for


def print_confusion(console: Console, matrix: np.ndarray[Any, Any], classes: Sequence[str]) -> None:
    """Print a confusion matrix: a row for each true class, a column for each predicted one."""
    if len(classes) > WIDEST:
        return
    table = Table(title="confusion: rows are true classes, columns predicted ones", title_justify="left", title_style="", padding=(0, 1))
    table.add_column("", justify="right", style="bold")
    short = [escape(printable(name[:6])) for name in classes]
    for name in short:
        table.add_column(name, justify="right")
    for i, name in enumerate(short):
        cells = []
        for j, n in enumerate(matrix[i]):
            style = "green" if i == j else "red"
            cells.append(f"[{style}]{n}[/]" if n else "[dim]·[/]")
        table.add_row(name, *cells)
    console.print(table)


def worst_pairs(matrix: np.ndarray[Any, Any], classes: Sequence[str], count: int = 3) -> list[tuple[str, str, int]]:
    """Return the most frequent mistakes: true class, predicted class, how often."""
    off = matrix * ~np.eye(len(matrix), dtype=bool)
    order = np.argsort(-off, axis=None, kind="stable")[:count]
    pairs = [(int(k) // len(matrix), int(k) % len(matrix)) for k in order]
    return [(classes[i], classes[j], int(off[i, j])) for i, j in pairs if off[i, j]]
