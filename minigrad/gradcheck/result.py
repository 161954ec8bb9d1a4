"""The result of a check: its rows, and what can be asked of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.numerics.row import CANNOT_TELL, FAIL, PASS, Row, worst_verdict

if TYPE_CHECKING:
    from minigrad.gradcheck.causes.diagnosis import Diagnosis


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
    vjp: Any = field(default=None, repr=False)
    library: str = ""  #: whose arrays the function works on; empty for Tensors

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
        """The fewest digits of agreement of any derivative, of any check where there is none; zero if something else is wrong."""
        if not self.measured:
            return 0.0
        derivatives = [row for row in self.rows if row.check == "derivative"]
        return min((row.digits for row in derivatives or self.rows), default=16.0)

    @property
    def measured(self) -> bool:
        """Whether digits of agreement say something: all is well, or it is a derivative that is not."""
        decisive = [row for row in self.rows if row.verdict == self.verdict]
        return self.verdict == PASS or any(row.check == "derivative" for row in decisive)

    def worst(self, n: int = 1) -> list[Row]:
        """Return the ``n`` worst rows: failures first, then by relative error."""
        badness = {FAIL: 2, CANNOT_TELL: 1, PASS: 0}
        return sorted(self.rows, key=lambda row: (badness[row.verdict], row.error), reverse=True)[:n]

    @cached_property
    def causes(self) -> list[Diagnosis]:
        """What is wrong with the gradient, as far as it equals what a mistake would give; empty if all is right."""
        from minigrad.gradcheck.causes.search import causes_of

        with np.errstate(all="ignore"):
            return causes_of(self) if self.verdict == FAIL else []

    @property
    def diagnosis(self) -> list[str]:
        """The `causes` as sentences."""
        return [str(cause) for cause in self.causes]

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
        lines = [f"gradcheck of {self.name}: {self.verdict}" + (f", {self.digits:.1f} digits" if self.measured else "")]
        lines += [f"  {row}" for row in self.rows if row.verdict != PASS or row.check in ("derivative", "Taylor slope", "float32")]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines + [f"  diagnosis: {sentence}" for sentence in self.diagnosis])

    __repr__ = __str__
