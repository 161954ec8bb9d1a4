"""A course: a folder with course.toml and one file an exercise. minigrad's own, and anybody's.

::

    # course.toml
    title = "From x * x to batch norm"
    chapters = ["Slopes", "An engine"]
    order = ["square", "softsign", "topo"]       # files square.py, ...
    welcome = \"\"\"...\"\"\"
    closing = \"\"\"...\"\"\"

A package offers courses by entry points of the group ``minigrad.courses``: a name, and the module whose folder holds
course.toml.
"""

from __future__ import annotations

import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata, util
from pathlib import Path
from typing import Any

from minigrad.learn.exercise import CourseError, Exercise, load

OWN = Path(__file__).parent / "exercises"
GROUP = "minigrad.courses"


@dataclass(frozen=True)
class Course:
    """What course.toml says, and the exercises, loaded when they are asked for."""

    folder: Path
    name: str
    title: str
    chapters: tuple[str, ...]
    order: tuple[str, ...]
    welcome: str = ""
    closing: str = ""

    def path(self, id: str) -> Path:
        """Return the file of an exercise."""
        return self.folder / f"{id}.py"

    @cached_property
    def exercises(self) -> dict[str, Exercise]:
        """All exercises by id, in order."""
        return {id: self.exercise(id) for id in self.order}

    def exercise(self, id: str) -> Exercise:
        """Load one exercise, from a fresh module.

        Raises
        ------
        CourseError
            If the course has no such exercise, or its file is not written as it must be.
        """
        if id not in self.order:
            raise CourseError(f"there is no exercise {id!r}; minigrad learn list shows all")
        exercise = load(self.path(id))
        if exercise.id != id:
            raise CourseError(f"{self.path(id)} declares the exercise {exercise.id!r}: the file must be called like it")
        if not 1 <= exercise.chapter <= len(self.chapters):
            raise CourseError(f"{self.path(id)}: there is no chapter {exercise.chapter} among {len(self.chapters)}")
        return exercise

    def filename(self, id: str) -> str:
        """Return the name of the learner's file: with its number, so that a folder lists them in order."""
        width = max(2, len(str(len(self.order))))
        return f"{self.order.index(id) + 1:0{width}d}_{id}.py"

    def of_file(self, filename: str) -> str:
        """Return the exercise that the name of a learner's file says, with its number or without.

        Raises
        ------
        CourseError
            If it is the name of none.
        """
        for id in self.order:
            if filename in (self.filename(id), f"{id}.py", id):
                return id
        raise CourseError(f"{filename} is the name of no exercise; answers are called {self.filename(self.order[0])} and the like")


def read(folder: Path) -> Course:
    """Return the course in a folder.

    Raises
    ------
    CourseError
        If course.toml is missing or says something else than it must.
    """
    path = folder / "course.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CourseError(f"{folder} is no course: there is no course.toml in it") from None
    except (OSError, ValueError) as error:
        raise CourseError(f"{path} cannot be read: {error}") from None
    values: dict[str, Any] = {}
    for key, kind in (("title", str), ("welcome", str), ("closing", str), ("chapters", list), ("order", list)):
        value = table.pop(key, "" if kind is str and key != "title" else None)
        if not isinstance(value, kind) or (kind is list and not all(isinstance(v, str) for v in value)):
            raise CourseError(f"{path}: {key} must be {'a text' if kind is str else 'a list of texts'}, not {value!r}")
        values[key] = value if kind is str else tuple(value)
    if table:
        raise CourseError(f"{path}: it knows no {next(iter(table))!r}; it knows title, chapters, order, welcome and closing")
    if not values["order"] or len(set(values["order"])) < len(values["order"]):
        raise CourseError(f"{path}: order must name every exercise once")
    return Course(folder.resolve(), folder.resolve().name, **values)


def find(source: str | None) -> Course:
    """Return minigrad's own course, that of a folder or a wheel, or one that a package offers by an entry point.

    Raises
    ------
    CourseError
        If there is none.
    """
    if source is None:
        return read(OWN)
    path = Path(source)
    if path.is_dir():
        return read(path)
    if path.suffix == ".whl" and path.is_file():
        return read(_unpacked(path))
    offered = {entry.name: entry for entry in metadata.entry_points(group=GROUP)}
    if source not in offered:
        known = f"; packages offer {', '.join(sorted(offered))}" if offered else ""
        raise CourseError(f"there is no course {source!r}: neither a folder, nor a wheel, nor offered by an installed package{known}")
    module = util.find_spec(offered[source].value.partition(":")[0])
    if module is None or module.origin is None:
        raise CourseError(f"the course {source!r} is offered by {offered[source].value}, which cannot be found")
    return read(Path(module.origin).parent)


_folders: list[tempfile.TemporaryDirectory[str]] = []  # of unpacked wheels; they live as long as the process


def _unpacked(wheel: Path) -> Path:
    folder = tempfile.TemporaryDirectory(prefix="minigrad-course-")
    _folders.append(folder)
    try:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder.name)
    except (OSError, zipfile.BadZipFile) as error:
        raise CourseError(f"{wheel} is no wheel: {error}") from None
    found = sorted(Path(folder.name).rglob("course.toml"))
    if len(found) != 1:
        raise CourseError(f"{wheel} holds {len(found)} files course.toml; it must hold one")
    return found[0].parent
