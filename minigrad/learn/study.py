"""A learner's folder: the files that were written, what is done, what comes next. No terminal here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from minigrad.learn import progress as progress_file
from minigrad.learn.course import OWN, Course, find
from minigrad.learn.exercise import CourseError, Exercise
from minigrad.learn.grading import LONGEST_TEXT
from minigrad.learn.progress import PASSED, SHOWN, SKIPPED, Progress
from minigrad.learn.report import Report
from minigrad.saving import write_atomically

FOLDER = "minigrad-course"
LEVELS = 3


@dataclass
class Study:
    """A course as one learner goes through it."""

    course: Course
    folder: Path
    progress: Progress

    # ------------------------------------------------------------------------------------------------- where one is

    @property
    def current(self) -> Exercise:
        """The exercise that is worked on."""
        return self.course.exercise(self.progress.current or self.course.order[0])

    def file(self, id: str) -> Path:
        """The learner's file of an exercise."""
        return self.folder / self.course.filename(id)

    def done(self, id: str) -> bool:
        """Whether nothing is left to do: it was passed, shown or skipped, or the last one of its chapter was passed."""
        return bool(self.progress.state(id) in (PASSED, SHOWN, SKIPPED) or self.chapter_is_proved(self.course.exercises[id].chapter))

    def chapter(self, number: int) -> list[str]:
        """The exercises of a chapter."""
        return [id for id, exercise in self.course.exercises.items() if exercise.chapter == number]

    def chapter_is_proved(self, number: int) -> bool:
        """Whether the last exercise of a chapter was passed: who can do that need not do the others."""
        return self.progress.state(self.chapter(number)[-1]) == PASSED

    def following(self) -> str:
        """The next exercise with something to do, after the current one if there is any; empty if there is none."""
        order, at = self.course.order, self.course.order.index(self.current.id)
        return next((id for id in (*order[at + 1 :], *order[:at]) if not self.done(id)), "")

    # ------------------------------------------------------------------------------------------------- what one does

    def start(self, id: str) -> Path:
        """Make an exercise the current one, and write its file unless it is there."""
        exercise, path = self.course.exercise(id), self.file(id)
        if not path.exists():
            write_atomically(path, exercise.starter.encode())
        self.progress.current = id
        self.progress.record(id).touch()
        self.progress.save()
        return path

    def skip(self) -> None:
        """Mark the current exercise as skipped, unless it is passed or shown."""
        record = self.progress.record(self.current.id)
        if record.state not in (PASSED, SHOWN):
            record.state = SKIPPED
        self.progress.save()

    def reset(self) -> Path:
        """Put the current exercise's file back as it was; what was written is kept under another name, which is returned."""
        path = self.file(self.current.id)
        backup = free_name(path)
        try:
            if path.exists():
                os.replace(path, backup)
        except OSError as error:
            raise CourseError(f"{path} cannot be moved to {backup.name}: {error.strerror}; nothing is changed") from None
        write_atomically(path, self.current.starter.encode())
        return backup

    def text(self, id: str) -> str:
        """Return what the learner wrote.

        Raises
        ------
        CourseError
            If the file is missing, is no text or is far too long.
        """
        return read_answer(self.file(id))

    def next_hint(self, report: Report) -> tuple[int, str]:
        """Return the level and the words of the next hint for what the report says; the last one again if all were given."""
        record, key = self.progress.record(report.exercise), report.about
        level = min(record.levels.get(key, 0) + 1, len(report.hints))
        if not level:
            return 0, f"There is no hint for this: first mend what is said above{report.where}."
        if level > record.levels.get(key, 0):
            record.levels[key] = level
            record.hints += 1
        record.touch()
        self.progress.save()
        return level, report.hints[level - 1]

    def may_see_solution(self) -> bool:
        """Whether the solution may be shown without giving anything away: passed, shown before, or all hints were read."""
        record = self.progress.record(self.current.id)
        return record.state in (PASSED, SHOWN) or max(record.levels.values(), default=0) >= LEVELS

    def show_solution(self) -> str:
        """Return the solution of the current exercise, and note that it was seen."""
        record = self.progress.record(self.current.id)
        if record.state != PASSED:
            record.state, record.solution_shown = SHOWN, True
        self.progress.save()
        return self.current.solution


def open_study(folder: str | None, course: str | None, begin: bool = True) -> tuple[Study, bool]:
    """Return the study in a folder, and whether there was none before.

    Without a folder it is the present one if a course was begun in it, else ``minigrad-course`` below it. Where there is none it is begun:
    the folder is made, and the first exercise written; without ``begin`` nothing is written.

    Raises
    ------
    CourseError
        If the course or the folder cannot be used.
    """
    here = Path.cwd()
    root = Path(folder) if folder else here if (here / progress_file.FILE).is_file() else here / FOLDER
    path = root / progress_file.FILE
    if path.is_file():
        progress = progress_file.read(path)
        source = course or (None if progress.course == "minigrad" else progress.course)
        found = find(source)
        if progress.current not in found.order:
            raise CourseError(f"{root} belongs to the course {progress.course}, which is not {found.title!r}; choose another --folder")
        return Study(found, root, progress), False
    found = find(course)
    name = "minigrad" if found.folder == OWN.resolve() else str(Path(course).resolve()) if course and Path(course).exists() else str(course)
    study = Study(found, root, Progress(path, name, found.order[0]))
    if begin:
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CourseError(f"the folder {root} cannot be made: {error.strerror}") from None
        study.start(found.order[0])
    return study, True


def read_answer(path: Path) -> str:
    """Return the text of a learner's file.

    Raises
    ------
    CourseError
        If it is missing, is no text or is far too long.
    """
    try:
        if path.stat().st_size > 4 * LONGEST_TEXT:
            raise CourseError(f"{path} has {path.stat().st_size:,} bytes, and an answer has a few thousand: is it the right file?")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise CourseError(f"there is no file {path}; minigrad learn start ID writes it") from None
    except UnicodeDecodeError:
        raise CourseError(f"{path} is no text in UTF-8") from None
    except OSError as error:
        raise CourseError(f"{path} cannot be read: {error.strerror}") from None


def free_name(path: Path) -> Path:
    """Return a name for a backup that nothing has yet."""
    names = (path.with_name(f"{path.name}.bak{n or ''}") for n in range(1000))
    return next(name for name in names if not name.exists())
