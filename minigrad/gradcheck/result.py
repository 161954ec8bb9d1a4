"""The outcome of a check: rows, and how they read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

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

    @property
    def digits(self) -> float:
        """How many decimal digits agree."""
        return 16.0 if self.error <= 1e-16 else min(16.0, max(0.0, -math.log10(self.error))) if math.isfinite(self.error) else 0.0

    def __str__(self) -> str:
        text = f"{self.verdict:11s} order {self.order}  {self.check:18s} {self.input:12s} {self.shape!s:12s}"
        if self.check == "derivative":
            text += f" {self.digits:4.1f} digits  error {self.error:.1e}  estimate {self.estimate:.1e}"
        return text + (f"  {self.message}" if self.message else "")


@dataclass
class Result:
    """What `minigrad.gradcheck` found."""

    name: str
    rows: list[Row]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(row.verdict == PASS for row in self.rows)

    @property
    def verdict(self) -> str:
        """The worst verdict of the rows."""
        verdicts = {row.verdict for row in self.rows}
        return FAIL if FAIL in verdicts else CANNOT_TELL if CANNOT_TELL in verdicts else PASS

    def assert_ok(self) -> None:
        """Raise AssertionError with the whole table unless every check passed."""
        if not self.ok:
            raise AssertionError(str(self))

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return "\n".join([f"gradcheck of {self.name}: {self.verdict}", *(f"  {row}" for row in self.rows)])

    __repr__ = __str__


def worst_element(analytic: np.ndarray[Any, Any], numeric: np.ndarray[Any, Any]) -> tuple[int, ...]:
    """Return the index at which two arrays differ most."""
    gap = np.abs(analytic - numeric)
    gap[~np.isfinite(gap)] = np.inf
    return tuple(int(i) for i in np.unravel_index(int(gap.argmax()), gap.shape))
