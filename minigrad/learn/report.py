"""What a check found: plain data, the same in the terminal, in a browser and in a class."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from minigrad.learn.mistakes import Mistake

PASSED, TODO, FAILED, UNCHECKED = "passed", "todo", "failed", "cannot check"


@dataclass(frozen=True)
class Report:
    """The outcome of one check of one text.

    ``outcome`` is *passed*, *todo* (something is still to be written), *failed*, or *cannot check*. The criteria are tried in
    order up to the first that fails; ``facts`` says in one sentence what was seen there, ``line`` where in the learner's text.
    """

    exercise: str
    outcome: str
    passed: tuple[str, ...] = ()
    failed: str = ""  #: id of the criterion; "runs" if the text does not even run
    sentence: str = ""  #: what that criterion asks
    facts: str = ""
    line: int | None = None
    untried: tuple[str, ...] = ()
    mistakes: tuple[Mistake, ...] = ()  #: what it may be, the likeliest first
    hints: tuple[str, ...] = ()  #: three levels; none for a mistake of programming that no rule knows
    about: str = ""  #: what the hints are about: a mistake, a criterion, or "start"
    gradient_checked: bool = False  #: whether a gradient check was there to look at
    printed: str = ""  #: what the learner's own code printed
    seconds: float = field(default=0.0, compare=False)  #: of processor time

    @property
    def ok(self) -> bool:
        """Whether every criterion holds."""
        return self.outcome == PASSED

    @property
    def mistake(self) -> str:
        """The id of the likeliest mistake; empty if none was recognised."""
        return self.mistakes[0].id if self.mistakes else ""

    @property
    def where(self) -> str:
        """The line, as words behind a sentence; empty if none is known."""
        return f" (line {self.line})" if self.line is not None else ""

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Report:
        """Return the report that `to_json` was made from."""
        lists = {name: tuple(data[name]) for name in ("passed", "untried", "hints")}
        return cls(**{**data, **lists, "mistakes": tuple(Mistake.from_json(mistake) for mistake in data["mistakes"])})
