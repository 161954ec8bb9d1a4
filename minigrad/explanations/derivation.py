"""A derivation: text whose lines are executed, so that nothing can be printed that was not run.

=======================================  ===================================================================================
``# TITLE``, ``## HEADING``, other text  is shown
``= NAME | EXPRESSION``                  defines a name
``? WORDS | LEFT | RIGHT | TOLERANCE``   claims that both sides are equal; lines of this kind are numbered
``! WORDS | EXPRESSION``                 shows a value
``> WORDS | FORWARD | INPUTS | VJP``     a mistake: what gradcheck says of this gradient
=======================================  ===================================================================================

Expressions are Python, evaluated in one namespace from top to bottom (`minigrad.explanations.tools`). The error of a claim is the
largest difference, divided by the largest number on both sides where that is more than 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from minigrad.explanations.tools import namespace, said

PARTS = {"=": 2, "?": 4, "!": 2, ">": 4}  #: kind of line -> how many parts it has


@dataclass
class Line:
    """A line of a derivation, and what came of running it.

    Attributes
    ----------
    kind
        "text", "heading", "=", "?", "!" or ">".
    parts
        What stands between the bars.
    number
        Of a claim, from 1; 0 for other lines.
    error
        Of a claim.
    value
        What an expression gave, or gradcheck said.
    """

    kind: str
    parts: tuple[str, ...]
    number: int = 0
    error: float = 0.0
    value: Any = None

    @property
    def holds(self) -> bool:
        """Whether a claim is right, or a mistake was noticed; other lines hold if they run."""
        if self.kind == ">":
            return bool(self.value)
        return self.kind != "?" or self.error <= float(self.parts[3])


@dataclass
class Derivation:
    """The lines of a derivation, which were run."""

    name: str
    lines: list[Line]

    @property
    def claims(self) -> list[Line]:
        """The lines that claim something, in order: claim number n is ``claims[n - 1]``."""
        return [line for line in self.lines if line.kind == "?"]

    @property
    def holds(self) -> bool:
        """Whether every line holds."""
        return all(line.holds for line in self.lines)


def names() -> list[str]:
    """Return the names of the ops that have a derivation."""
    folder = files("minigrad.explanations") / "derivations"
    return sorted(file.name.removesuffix(".txt") for file in folder.iterdir() if file.name.endswith(".txt"))


def derivation_of(name: str) -> Derivation | None:
    """Run the derivation of the op called ``name``; None if there is none."""
    if name not in names():
        return None
    return Derivation(name, run(parse(text_of(name))))


def text_of(name: str) -> str:
    """Return a derivation as it was written."""
    return (files("minigrad.explanations") / "derivations" / f"{name}.txt").read_text(encoding="utf-8")


def parse(text: str) -> list[Line]:
    """Read the lines of a derivation.

    Raises
    ------
    ValueError
        If a line has too many parts or too few.
    """
    lines, number = [], 0
    for raw in text.splitlines():
        kind, _, rest = raw.partition(" ")
        if kind not in PARTS:
            lines += [Line("heading" if kind.startswith("#") else "text", (raw.lstrip("# "),))] if raw.strip() else []
            continue
        parts = tuple(part.strip() for part in rest.split(" | "))
        if len(parts) != PARTS[kind]:
            raise ValueError(f"a line of the kind {kind} has {PARTS[kind]} parts: {raw}")
        number += kind == "?"
        lines.append(Line(kind, parts, number if kind == "?" else 0))
    return lines


def run(lines: list[Line]) -> list[Line]:
    """Execute the lines from top to bottom; each keeps what came of it."""
    known = namespace()
    for line in lines:
        if line.kind == "=":
            line.value = known[line.parts[0]] = evaluate(line.parts[1], known)
        elif line.kind == "?":
            line.error = distance(evaluate(line.parts[1], known), evaluate(line.parts[2], known))
        elif line.kind == "!":
            line.value = evaluate(line.parts[1], known)
        elif line.kind == ">":
            line.value = said(*[evaluate(part, known) for part in line.parts[1:]])
    return lines


def evaluate(expression: str, known: dict[str, Any]) -> Any:
    """Evaluate an expression of a derivation, which is part of this package."""
    return eval(expression, known)


def distance(left: Any, right: Any) -> float:
    """Return how far two arrays are apart; infinite where their shapes differ, but for a number on the right."""
    a, b = np.asarray(left), np.asarray(right)
    if b.ndim and a.shape != b.shape:
        return np.inf
    apart = float(np.abs(a - b).max() / max(np.abs(a).max(), np.abs(b).max(), 1.0))
    return np.inf if np.isnan(apart) else apart
