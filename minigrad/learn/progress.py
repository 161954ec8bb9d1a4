"""The learner's progress: one JSON file beside the exercises, written whole or not at all. Nothing leaves the machine."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from minigrad.learn.exercise import CourseError
from minigrad.learn.report import Report
from minigrad.saving import write_atomically

SCHEMA = 1
FILE = "progress.json"
STARTED, PASSED, SKIPPED, SHOWN = "started", "passed", "skipped", "shown"
STATES = (STARTED, PASSED, SKIPPED, SHOWN)
PAUSE = 600.0  #: seconds between two checks of one exercise, beyond which somebody did something else


@dataclass
class Record:
    """What happened with one exercise. ``solution_shown`` stays true whatever comes later."""

    state: str = STARTED
    checks: int = 0
    seconds: float = 0.0
    hints: int = 0
    mistakes: list[str] = field(default_factory=list)  #: those recognised, each once, in order
    sha256: str = ""  #: of the last text that was checked
    solution_shown: bool = False
    levels: dict[str, int] = field(default_factory=dict)  #: how many hints were shown for each mistake
    last: float = 0.0  #: when something happened last

    def touch(self) -> None:
        """Count the time since something happened last."""
        now = time.time()
        if self.last:
            self.seconds = round(self.seconds + min(max(0.0, now - self.last), PAUSE), 1)
        self.last = round(now, 1)


@dataclass
class Progress:
    """All records, and which exercise is worked on."""

    path: Path
    course: str
    current: str = ""
    exercises: dict[str, Record] = field(default_factory=dict)

    def record(self, id: str) -> Record:
        """Return the record of an exercise; a new one if there is none."""
        return self.exercises.setdefault(id, Record())

    def state(self, id: str) -> str:
        """Return the state of an exercise; empty if it was never started."""
        return self.exercises[id].state if id in self.exercises else ""

    def checked(self, id: str, text: str, report: Report) -> None:
        """Note a check."""
        record = self.record(id)
        record.touch()
        record.checks += 1
        record.sha256 = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        if report.mistake and report.mistake not in record.mistakes:
            record.mistakes.append(report.mistake)
        if report.ok and record.state != SHOWN:
            record.state = PASSED
        self.save()

    def save(self) -> None:
        """Write the file, so that a crash leaves the old one or the new one."""
        from minigrad import __version__

        exercises = {id: asdict(record) for id, record in self.exercises.items()}
        document = {"schema": SCHEMA, "course": self.course, "version": __version__, "current": self.current, "exercises": exercises}
        write_atomically(self.path, (json.dumps(document, indent=1) + "\n").encode())


def read(path: Path) -> Progress:
    """Return the progress that a file holds.

    Raises
    ------
    CourseError
        If it holds something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return _progress(path, document)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CourseError(f"{path} cannot be read ({error}); move it away to begin anew: your answers stay where they are") from None


def _progress(path: Path, document: dict[str, Any]) -> Progress:
    if document["schema"] != SCHEMA:
        raise ValueError(f"its schema is {document['schema']}, and this version reads {SCHEMA}")
    records = {id: Record(**record) for id, record in document["exercises"].items()}
    wrong = [id for id, record in records.items() if record.state not in STATES]
    if wrong:
        raise ValueError(f"{wrong[0]} has the state {records[wrong[0]].state!r}")
    return Progress(path, str(document["course"]), str(document["current"]), records)
