"""A row: what one check found out about one input."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

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
    jumps: int = 0
    slope: float | None = None  #: of the Taylor remainder; None where that is all rounding
    lines: tuple[tuple[str, int], ...] = field(default=(), repr=False)  #: file and line of each call that an error ended, outermost first

    @property
    def digits(self) -> float:
        """How many decimal digits are known to agree."""
        error = max(self.error, self.estimate) if self.verdict == CANNOT_TELL else self.error
        if not math.isfinite(error):
            return 0.0
        return min(16.0, max(0.0, -math.log10(max(error, 1e-16))))

    def __str__(self) -> str:
        text = f"{self.verdict:11s} order {self.order}  {self.check:18s} {self.input:12s} {self.shape!s:12s}"
        if self.check == "derivative":
            text += f" {self.digits:4.1f} digits  error {self.error:.1e}  estimate {self.estimate:.1e}  {self.method}"
        if self.check == "Taylor slope":
            text += " all rounding" if self.slope is None else f" {self.slope:.2f}"
        return text + (f"  {self.message}" if self.message else "")


def worst_verdict(verdicts: Iterable[str]) -> str:
    """Return fail if any failed, else cannot tell if any was that, else pass."""
    seen = set(verdicts)
    return FAIL if FAIL in seen else CANNOT_TELL if CANNOT_TELL in seen else PASS
