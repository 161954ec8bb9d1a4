"""A mistake, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Levels = tuple[str, str, str]


@dataclass(frozen=True)
class Mistake:
    """One mistake that explains what was seen.

    The three levels of words go from a question to the idea; none says what to write. ``seen`` is what this very gradient
    shows (which term, which axis, by which factor); where it is known it takes the place of the second level.
    """

    id: str
    input: str = ""  #: whose gradient is wrong
    axis: tuple[int, ...] = ()
    line: int | None = None  #: in the file with the formula
    seen: str = ""
    levels: Levels = ("", "", "")
    by: str = "rule"  #: "rule", or "answer": it gives what a known wrong answer gives

    def __str__(self) -> str:
        return self.seen or self.levels[1] or self.id

    def hints(self) -> Levels:
        """Return the three levels, with what was seen in the place of the second."""
        one, two, three = self.levels
        return one, self._sentence() or two, three

    def _sentence(self) -> str:
        where = f"Line {self.line}: " if self.line is not None and self.seen else ""
        return f"{where}{self.seen if where else self.seen[:1].upper() + self.seen[1:]}." if self.seen else ""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Mistake:
        """Return the mistake that ``dataclasses.asdict`` was applied to."""
        return cls(**{**data, "axis": tuple(data["axis"]), "levels": tuple(data["levels"])})
