"""What a picture shows: `Panel` s with `Line` s over a common x. `minigrad.training.svg` and `minigrad.training.plot` draw them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

#: told apart in any kind of colour vision (Okabe and Ito, 2008), and by shape where lines have marks
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555")


@dataclass
class Line:
    """A line of a panel: y by x.

    Attributes
    ----------
    x : where it was measured
    runs : one row of values by x for each run. The line is their median, the band from the least to the greatest of them. A value that is
        not finite leaves a gap in its run.
    marks : draw a mark at each x, and no line between them where there is only one
    """

    x: Sequence[float]
    runs: Sequence[Sequence[float]]
    marks: bool = False

    def __post_init__(self) -> None:
        wrong = [len(run) for run in self.runs if len(run) != len(self.x)]
        if wrong or not self.runs:
            have = f"one of {wrong[0]} values" if wrong else "none"
            raise ValueError(f"Line: every run must have a value for each of the {len(self.x)} x, and there is {have}")

    def band(self) -> tuple[list[float], list[float], list[float], list[float]]:
        """Return x, and the least, median and greatest value there, where any is finite."""
        rows = [[run[i] for run in self.runs if math.isfinite(run[i])] for i in range(len(self.x))]
        keep = [i for i, row in enumerate(rows) if row]
        low, middle, high = ([float(f(rows[i])) for i in keep] for f in (np.min, np.median, np.max))
        return [float(self.x[i]) for i in keep], low, middle, high


@dataclass
class Panel:
    """One picture: lines over a common x.

    Attributes
    ----------
    title, x, y : what stands above, below and beside it
    lines : by name
    log_x, log_y : logarithmic axes; what is not positive is left out there
    limit : a value of y that is drawn as a dashed line, such as the threshold of a rule
    rows : put the lines below one another, each a row with its name beside it, a mark at its median and a bar over its runs: for things
        that have no order. Their only x says which row, counted from 1; y and its axis lie across
    """

    title: str
    x: str = ""
    y: str = ""
    lines: dict[str, Line] = field(default_factory=dict)
    log_x: bool = False
    log_y: bool = False
    limit: float | None = None
    rows: bool = False
