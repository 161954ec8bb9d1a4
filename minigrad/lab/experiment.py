"""An experiment as data: a claim, what is measured for a seed, and the rule that was written before it ran."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from minigrad.training.panels import Line, Panel

Relation = Literal["<", "<=", "==", ">=", ">"]
Over = Literal["every seed", "the mean"]
Settings = Mapping[str, Any]
Row = dict[str, Any]

#: (name of the relation) -> what it says
RELATIONS: dict[str, Callable[[Any, float], Any]] = {
    "<": lambda v, t: v < t,
    "<=": lambda v, t: v <= t,
    "==": lambda v, t: v == t,
    ">=": lambda v, t: v >= t,
    ">": lambda v, t: v > t,
}


@dataclass(frozen=True)
class Condition:
    """A quantity against a threshold, in every seed or on average. NaN fulfils nothing."""

    quantity: str
    relation: Relation
    threshold: float
    over: Over = "every seed"

    def holds(self, values: Sequence[float]) -> bool:
        """Say whether it holds for these values, one for each seed."""
        v = np.asarray(values, dtype=np.float64)
        if self.over == "the mean":
            v = v.mean(keepdims=True)
        return bool(v.size) and bool(RELATIONS[self.relation](v, self.threshold).all())

    def __str__(self) -> str:
        return f"{self.quantity} {self.relation} {self.threshold:g} {'in every seed' if self.over == 'every seed' else 'on average'}"


@dataclass(frozen=True)
class Effect:
    """A small difference between two arms, paired by seed, that must be of some size, be no accident, and repeat.

    It is found if its mean is at least ``least`` in the direction claimed, its 95 % interval (Student's t) excludes zero, and its
    mean has the same sign in a second, disjoint block of seeds. With one block alone the verdict is provisional: fresh seeds
    have turned such effects over.
    """

    quantity: str
    sign: Literal[-1, 1] = 1
    least: float = 0.01

    def __str__(self) -> str:
        way = ">=" if self.sign > 0 else "<="
        size = f"{self.quantity} {way} {self.sign * self.least:g} on average"
        return f"{size}, its 95 % interval without zero, the same sign in a second block of seeds"


@dataclass
class Findings:
    """What the rows of all seeds say.

    Attributes
    ----------
    quantities : what conditions and effects are about, and whatever else has a value for each seed
    notes : other figures
    panels : the picture
    """

    quantities: dict[str, list[float]]
    notes: dict[str, Any] = field(default_factory=dict)
    panels: list[Panel] = field(default_factory=list)


def as_measured(rows: Sequence[Row], settings: Settings) -> Findings:
    """Take the numbers of the rows as the quantities: what a simple experiment concludes."""
    names = [name for name, value in rows[0].items() if isinstance(value, (int, float))]
    return Findings({name: [float(row[name]) for row in rows] for name in names})


@dataclass(frozen=True)
class Experiment:
    """A claim, and how it is put to the test.

    Attributes
    ----------
    claim, source : what is said, and by whom
    data : on which data it is tried
    settings : sizes, grids, rates, lengths: all that `measure` runs with
    measure : ``measure(seed, settings)`` returns a row: numbers, and lists of numbers, by name
    rule : conditions and effects. All hold: reproduced. None holds: not reproduced, or no effect found. Some: depends
    refuted : where given, not reproduced means that all of these hold
    conclude : ``conclude(rows, settings)`` returns the findings of all seeds; by default the numbers as they are
    true, overstated : a sentence each for the reader
    seeds : by default
    images : it is about images of 28 x 28 pixels, in whose place others can be given
    package : the package that its data come from, where minigrad does not bring them
    exact : a claim of algebra: its rule is about rounding, and it must be reproduced
    seconds : of processor time that it takes by default
    """

    claim: str
    source: str
    data: str
    measure: Callable[[int, Settings], Row]
    rule: tuple[Condition | Effect, ...]
    true: str
    overstated: str
    settings: Settings = field(default_factory=dict)
    refuted: tuple[Condition, ...] = ()
    conclude: Callable[[Sequence[Row], Settings], Findings] = as_measured
    seeds: tuple[int, ...] = (0, 1, 2)
    images: bool = False
    package: str = ""
    exact: bool = False
    seconds: float = 10.0

    def rule_in_words(self) -> str:
        """Return the rule as it decides."""
        words = f"reproduced if {' and '.join(map(str, self.rule))}"
        if self.refuted:
            return f"{words}; not reproduced if {' and '.join(map(str, self.refuted))}; else it depends"
        nothing = "no effect found" if all(isinstance(part, Effect) for part in self.rule) else "not reproduced"
        return f"{words}; {nothing} if {'not' if len(self.rule) == 1 else 'none of it holds; else it depends'}"


def dots(title: str, quantities: Mapping[str, Sequence[float]], *, y: str = "", log_y: bool = False, limit: float | None = None) -> Panel:
    """Draw quantities below one another: a mark at the median and a bar over the seeds for each."""
    lines = {name: Line([i + 1.0], [[v] for v in values], marks=True) for i, (name, values) in enumerate(quantities.items())}
    return Panel(title, "", y, lines, log_y=log_y, limit=limit, rows=True)


def column(rows: Sequence[Row], name: str) -> list[float]:
    """Return a number of every row."""
    return [float(row[name]) for row in rows]


def columns(rows: Sequence[Row]) -> dict[str, list[float]]:
    """Return the numbers of every row by name; what is a list, such as a curve, is left out."""
    return {name: column(rows, name) for name, value in rows[0].items() if not isinstance(value, list)}
