"""A class: the answers in many folders, graded again, and counted."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from minigrad.learn import progress as progress_file
from minigrad.learn.course import Course
from minigrad.learn.exercise import CourseError
from minigrad.learn.pool import Pool
from minigrad.learn.progress import Progress
from minigrad.learn.report import PASSED, TODO, UNCHECKED, Report
from minigrad.learn.study import read_answer
from minigrad.saving import write_atomically

SCHEMA = 1


def collect(
    course: Course, folders: Sequence[Path], anonymous: bool = False, told: Callable[[str], None] = lambda name: None
) -> dict[str, Any]:
    """Grade every answer in every student's folder, and return the class as a document.

    The graders run again: what progress.json claims about passing is not believed; it gives the number of checks and hints.

    Parameters
    ----------
    course
        Which course the folders belong to.
    folders
        Students' folders, or folders of such.
    anonymous
        Put a hash in the place of each name.
    told
        Called with each student's name before it is graded.

    Raises
    ------
    CourseError
        If there is no answer in any of the folders, or if two students have the same name.
    """
    students = find_students(course, folders)
    names = [name_of(student, anonymous) for student in students]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise CourseError(f"two students are called {twice[0]}: folders must have different names")
    document: dict[str, Any] = {"schema": SCHEMA, "course": course.title, "students": []}
    for name, student in zip(names, students, strict=True):
        told(name)
        document["students"].append({"name": name, "exercises": _graded(course, student)})
    document["exercises"] = {id: _counted(document, id) for id in course.order}
    return document


def find_students(course: Course, folders: Sequence[Path]) -> list[Path]:
    """Return the folders that hold answers, of which there must be one."""
    students = [student for folder in folders for student in students_in(course, folder)]
    if not students:
        raise CourseError(f"no folder there holds an answer, such as {course.filename(course.order[0])}")
    return students


def students_in(course: Course, folder: Path) -> list[Path]:
    """Return the folder itself if it holds an answer, else those below it that do (or whose minigrad-course does)."""
    if not folder.is_dir():
        raise CourseError(f"there is no folder {folder}")
    return (
        [folder]
        if _answers(course, folder)
        else [child for child in sorted(folder.iterdir()) if child.is_dir() and _answers(course, child)]
    )


def name_of(student: Path, anonymous: bool) -> str:
    """Return the name of a folder, or a hash of it."""
    name = student.resolve().name
    return hashlib.sha256(name.encode()).hexdigest()[:8] if anonymous else name


def _answers(course: Course, student: Path) -> dict[str, Path]:
    """The student's files by exercise, in the folder or in the folder of the course within it."""
    for folder in (student, student / "minigrad-course"):
        found = {id: folder / course.filename(id) for id in course.order if (folder / course.filename(id)).is_file()}
        if found:
            return found
    return {}


def _graded(course: Course, student: Path) -> dict[str, Any]:
    answers, found = _answers(course, student), {}
    progress = _progress(next(iter(answers.values())).parent / progress_file.FILE)
    reports: dict[str, Report] = {}
    with Pool() as pool:  # of this student's own: what one does to a process reaches nobody else
        texts = {}
        for id, path in answers.items():
            try:
                texts[id] = read_answer(path)
            except CourseError as error:
                reports[id] = Report(id, UNCHECKED, facts=str(error))
        checked = pool.check_all([(course.exercises[id], text) for id, text in texts.items()])
        reports |= dict(zip(texts, checked, strict=True))
    for id in answers:
        record, report = progress.record(id), reports[id]
        found[id] = {
            "passed": report.outcome == PASSED, "outcome": report.outcome, "criterion": report.failed, "mistake": report.mistake,
            "facts": report.facts, "checks": record.checks, "hints": record.hints, "solution_shown": record.solution_shown,
        }  # fmt: skip
    return found


def _progress(path: Path) -> Progress:
    try:
        return progress_file.read(path)
    except CourseError:  # a student's file, missing or edited; the answers count, not it
        return Progress(path, "")


def _counted(document: dict[str, Any], id: str) -> dict[str, Any]:
    """How many passed an exercise, and which mistakes the others have now."""
    entries = [student["exercises"][id] for student in document["students"] if id in student["exercises"]]
    mistakes = Counter(entry["mistake"] or entry["criterion"] for entry in entries if not entry["passed"] and entry["outcome"] != TODO)
    return {
        "started": len(entries), "passed": sum(entry["passed"] for entry in entries),
        "todo": sum(entry["outcome"] == TODO for entry in entries), "mistakes": dict(mistakes.most_common()),
    }  # fmt: skip


def write(document: dict[str, Any], path: Path) -> None:
    """Write the class as JSON."""
    write_atomically(path, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
