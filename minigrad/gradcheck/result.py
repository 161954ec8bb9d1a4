"""The outcome of a check: rows, and how they read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from minigrad.gradcheck.numerics.problem import Problem

PASS, FAIL, CANNOT_TELL = "pass", "fail", "cannot tell"


@dataclass
class Row:
    """One check of one input (or of the function as a whole)."""

    check: str  #: "derivative", "zero cotangent", ...
    order: int
    input: str
    shape: tuple[int, ...]
    verdict: str
    error: float = 0.0  #: relative: max |analytic - numeric| / max |numeric|
    estimate: float = 0.0  #: of the numerical derivative's own error, relative in the same way
    message: str = ""
    analytic: Any = field(default=None, repr=False)
    numeric: Any = field(default=None, repr=False)
    method: str = ""
    kinks: int = 0
    slope: float | None = None  #: of the Taylor remainder; None where that is all rounding

    @property
    def digits(self) -> float:
        """How many decimal digits agree."""
        if not math.isfinite(self.error):
            return 0.0
        return min(16.0, max(0.0, -math.log10(max(self.error, 1e-16))))

    def __str__(self) -> str:
        text = f"{self.verdict:11s} order {self.order}  {self.check:18s} {self.input:12s} {self.shape!s:12s}"
        if self.check == "derivative":
            text += f" {self.digits:4.1f} digits  error {self.error:.1e}  estimate {self.estimate:.1e}  {self.method}"
        if self.check == "Taylor slope":
            text += " none" if self.slope is None else f" {self.slope:.2f}"
        return text + (f"  {self.message}" if self.message else "")


@dataclass
class Result:
    """What `minigrad.gradcheck` found.

    Print it for a table; `assert_ok` it in a test; ask `diagnosis` why it failed, and `repro` for a small case that still fails.
    """

    name: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)  #: warnings, and what was done to the inputs
    seed: int = 0
    seconds: float = 0.0
    problem: Problem | None = field(default=None, repr=False)
    function: Any = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(row.verdict == PASS for row in self.rows)

    @property
    def verdict(self) -> str:
        """The worst verdict of the rows."""
        return worst_verdict(row.verdict for row in self.rows)

    @property
    def digits(self) -> float:
        """The fewest digits of agreement of any derivative; of any check where there is no derivative among them."""
        derivatives = [row for row in self.rows if row.check == "derivative"]
        return min((row.digits for row in derivatives or self.rows), default=16.0)

    def worst(self, n: int = 1) -> list[Row]:
        """Return the ``n`` worst rows: failures first, then by relative error."""
        badness = {FAIL: 2, CANNOT_TELL: 1, PASS: 0}
        return sorted(self.rows, key=lambda row: (badness[row.verdict], row.error), reverse=True)[:n]

    @cached_property
    def diagnosis(self) -> list[str]:
        """What is wrong with the gradient, as far as it equals a mistake that is known; empty if all is right."""
        from minigrad.gradcheck.causes.search import diagnose

        return diagnose(self) if self.verdict == FAIL else []

    def repro(self) -> str:
        """Return a program that shows the failure at the smallest shape and the roundest numbers that still fail."""
        from minigrad.gradcheck.causes.shrink import snippet

        return snippet(self)

    def to_json(self) -> str:
        """Return the result as a JSON document (its schema: `minigrad.gradcheck.report.document`)."""
        from minigrad.gradcheck.report.document import document_of, to_json

        return to_json(document_of(self))

    def to_html(self) -> str:
        """Return the result as a self-contained HTML page."""
        from minigrad.gradcheck.report.document import document_of
        from minigrad.gradcheck.report.html import page

        return page(document_of(self))

    def _repr_html_(self) -> str:
        from minigrad.gradcheck.report.document import document_of
        from minigrad.gradcheck.report.html import fragment

        return fragment(document_of(self))

    def assert_ok(self) -> None:
        """Raise AssertionError with table, diagnosis and a small failing case unless every check passed."""
        if not self.ok:
            raise AssertionError(f"{self}\n\n{self.repro()}" if self.verdict == FAIL else str(self))

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        lines = [f"gradcheck of {self.name}: {self.verdict}, {self.digits:.1f} digits"]
        lines += [f"  {row}" for row in self.rows if row.verdict != PASS or row.check in ("derivative", "Taylor slope", "float32")]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines + [f"  diagnosis: {sentence}" for sentence in self.diagnosis])

    __repr__ = __str__


def worst_verdict(verdicts: Iterable[str]) -> str:
    """Return fail if any failed, else cannot tell if any was that, else pass."""
    seen = set(verdicts)
    return FAIL if FAIL in seen else CANNOT_TELL if CANNOT_TELL in seen else PASS


def worst_element(analytic: np.ndarray[Any, Any], numeric: np.ndarray[Any, Any]) -> tuple[int, ...]:
    """Return the index at which two arrays differ most."""
    gap = np.atleast_1d(np.abs(analytic - numeric))
    gap[~np.isfinite(gap)] = np.inf
    return tuple(int(i) for i in np.unravel_index(int(gap.argmax()), np.shape(numeric)))
