"""The exercises of `minigrad.learn` in the page: the same course, the same grader, the same files; the page only draws.

What a learner wrote and `progress.json` lie in a folder of the page's own file system. The page keeps them between visits, and
gives them as a zip that ``minigrad learn`` goes on from, and ``minigrad learn collect`` reads.
"""

from __future__ import annotations

import base64
import io
import textwrap
import zipfile
from pathlib import Path
from typing import Any

from minigrad.learn import Report, check
from minigrad.learn.exercise import CourseError
from minigrad.learn.progress import FILE as PROGRESS
from minigrad.learn.source import source_of
from minigrad.learn.study import FOLDER, LEVELS, Study, open_study
from minigrad.saving import write_atomically

LARGEST = 2_000_000  #: bytes of all files of a study


class Studying:
    """One learner's way through the course. Each method returns plain data for the page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._study: Study | None = None
        self._report: Report | None = None

    @property
    def study(self) -> Study:
        """The study, which is read when it is first asked for."""
        if self._study is None:
            self._study, _ = open_study(str(self.folder), None)
        return self._study

    # ------------------------------------------------------------------------------------------------- where one is

    def exercises(self) -> dict[str, Any]:
        """Return the course: its chapters with their exercises, and the state of each."""
        study = self.study
        chapters = [
            {"title": title, "exercises": [self._line(id) for id in study.chapter(number)]}
            for number, title in enumerate(study.course.chapters, 1)
        ]
        return {"title": study.course.title, "current": study.current.id, "chapters": chapters}

    def _line(self, id: str) -> dict[str, Any]:
        exercise = self.study.course.exercises[id]
        return {"id": id, "title": exercise.title, "minutes": exercise.minutes, "state": self.study.progress.state(id)}

    def start(self, id: str) -> dict[str, Any]:
        """Go to an exercise, and return what stands above it and the learner's text."""
        self.study.start(id)
        self._report = None
        exercise = self.study.current
        statement = [" ".join(paragraph.split()) for paragraph in exercise.statement.split("\n\n")]
        return {**self._line(id), "statement": statement, "learns": exercise.learns, "text": self.study.text(id)}

    # ------------------------------------------------------------------------------------------------- what one does

    def check(self, id: str, text: str) -> dict[str, Any]:
        """Grade a text, and return each criterion with its mark, what was seen, and after passing what comes then."""
        self._keep(id, text)
        exercise = self.study.course.exercises[id]
        self._report = report = check(exercise, text)
        self.study.progress.checked(id, text, report)
        sentences = {criterion.id: criterion.sentence for criterion in exercise.criteria}
        marks = [["passed", sentences[c]] for c in report.passed]
        if report.failed:
            marks.append([report.outcome, sentences.get(report.failed, report.sentence)])
        marks += [["untried", sentences[c]] for c in report.untried]
        found = {
            "outcome": report.outcome, "marks": marks, "facts": report.facts, "line": report.line, "printed": report.printed,
            "hints": len(report.hints), "following": self.study.following() if report.ok else "",
        }  # fmt: skip
        return found | (self._passed(id) if report.ok else {})

    def _passed(self, id: str) -> dict[str, Any]:
        exercise = self.study.course.exercises[id]
        solution = "\n".join(textwrap.dedent(block).rstrip() for block in exercise.blocks)
        closing = "" if self.study.following() else self.study.course.closing.strip()
        return {"learns": exercise.learns, "solution": solution, "see": source_of(exercise.see), "closing": closing}

    def hint(self, id: str, text: str) -> dict[str, Any]:
        """Return the next hint for what is wrong now, and whether it is the last."""
        if self._report is None or self._report.exercise != id or self.study.text(id) != text:
            self._keep(id, text)
            self._report = check(self.study.current, text)
        level, words = self.study.next_hint(self._report)
        return {"level": level, "words": words, "is_last": level == LEVELS}

    def solution(self, id: str) -> dict[str, Any]:
        """Return the solution, which then counts as shown; or why not yet."""
        self.study.start(id)
        if not self.study.may_see_solution():
            return {"text": "", "why": "Read the three hints first, or pass."}
        return {"text": self.study.show_solution(), "why": ""}

    def reset(self, id: str) -> dict[str, Any]:
        """Put the text back as it was; the page can undo that."""
        text = self.study.course.exercises[id].starter
        self._keep(id, text)
        return {"text": text}

    def _keep(self, id: str, text: str) -> None:
        self.study.start(id)
        write_atomically(self.study.file(id), text.encode())

    # ------------------------------------------------------------------------------------------------- what is kept

    def files(self) -> dict[str, str]:
        """Return every file of the study, by name."""
        if not self.folder.is_dir():
            return {}
        return {path.name: path.read_text(encoding="utf-8") for path in sorted(self.folder.iterdir()) if path.is_file()}

    def restore(self, files: dict[str, str]) -> None:
        """Put a study back that `files` returned.

        Raises
        ------
        CourseError
            If these are no files of a study; then nothing is changed.
        """
        known = {PROGRESS, *(self.study.course.filename(id) for id in self.study.course.order)}
        if PROGRESS not in files:
            raise CourseError(f"there is no {PROGRESS} among these files: take the zip that was exported here")
        if sum(map(len, files.values())) > LARGEST:
            raise CourseError(f"these files hold more than {LARGEST:,} characters, and a course's answers far fewer")
        before = self.files()
        try:
            self._write({name: text for name, text in files.items() if name in known})
            self._study = None
            self.study  # noqa: B018 (reads it)
        except CourseError:
            self._write(before)
            self._study = None
            raise

    def _write(self, files: dict[str, str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            path.unlink()
        for name, text in files.items():
            write_atomically(self.folder / name, text.encode())

    def export(self) -> dict[str, Any]:
        """Return the study as a zip: its name, and its content in base64."""
        self.study.progress.save()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in self.files().items():
                archive.writestr(f"{FOLDER}/{name}", text)
        return {"name": f"{FOLDER}.zip", "content": base64.b64encode(packed.getvalue()).decode()}

    def import_(self, content: str) -> dict[str, Any]:
        """Take over a study from a zip that `export` made.

        Raises
        ------
        CourseError
            If it is none.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(base64.b64decode(content))) as archive:
                if sum(info.file_size for info in archive.infolist()) > LARGEST:
                    raise CourseError(f"this zip unpacks to more than {LARGEST:,} bytes, and a course's answers to far fewer")
                found = {Path(info.filename).name: archive.read(info).decode() for info in archive.infolist() if not info.is_dir()}
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
            raise CourseError(f"this is no zip that was exported here ({error})") from None
        self.restore(found)
        return self.exercises()
