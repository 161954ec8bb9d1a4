"""An exercise: one importable Python file, from which the starter, the solution and every known wrong answer are made.

::

    \"\"\"The gradient of x * x                        <- title, and below it the statement

    Write the backward formula for y = x * x. ...
    \"\"\"

    exercise = Exercise(id="square", chapter=1, minutes=5, learns="...")

    # region yours                                    <- what the learner gets
    def square_vjp(g, x):
        ### BEGIN SOLUTION                            <- replaced by a TODO (the markers are nbgrader's)
        return g * 2 * x
        ### END SOLUTION
    # endregion

    @exercise.criterion("gradient", "gradcheck agrees for random x and g")
    def _(theirs):
        gradient(lambda xp, x: x * x, [X], {"x": theirs.square_vjp})

    exercise.wrong("no_g", ("g * 2 * x", "2 * x"), fails="gradient", expect="cotangent_ignored")

A known wrong answer is a substitution in the solution, so it cannot drift from it. Every claim made here, that the solution
passes and each wrong answer fails where it says, is a law of ``minigrad learn dev check`` (`minigrad.learn.laws`).
"""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import EllipsisType
from typing import Any

Test = Callable[[Any], None]
Levels = tuple[str, str, str]

_REGION = re.compile(r"^# region yours\n(.*?)^# endregion", re.S | re.M)
_BLOCK = re.compile(r"^( *)### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION\n", re.S | re.M)
TODO = "raise NotImplementedError  # TODO"


class CourseError(Exception):
    """A course or one of its exercises is not written as it must be; the message is for its author."""


@dataclass(frozen=True)
class Criterion:
    """One thing that must hold, in the order in which they are tried."""

    id: str
    sentence: str
    test: Test


@dataclass(frozen=True)
class Wrong:
    """A known wrong answer: which substitutions make it, where it must fail, and which mistake must be recognised."""

    id: str
    replace: tuple[tuple[str | EllipsisType, str], ...]
    fails: str
    expect: str
    source: str = ""  #: where a learner gave this answer


@dataclass(frozen=True)
class Equivalent:
    """Changes of the solution that need not be noticed, and why."""

    reason: str
    changes: tuple[str, ...]


@dataclass
class Exercise:
    """What an author declares; `load` adds the texts.

    Parameters
    ----------
    id
        What the exercise is called on the command line and in the progress file.
    chapter
        Its chapter, from 1.
    minutes
        How long it takes somebody who learns it.
    needs
        Exercises that come before it.
    learns
        What one can do afterwards, in a few words.
    see
        Where the same stands in a source that can be read: a function of minigrad, or ``"module:name"``.
    given
        The id of the wrong answer that the learner starts from, where the task is to repair; otherwise a TODO is.
    """

    id: str
    chapter: int
    minutes: int
    needs: tuple[str, ...] = ()
    learns: str = ""
    see: str = ""
    given: str = ""
    title: str = ""
    statement: str = ""
    text: str = field(default="", repr=False)
    path: Path = field(default=Path(), repr=False)
    criteria: list[Criterion] = field(default_factory=list, repr=False)
    wrongs: list[Wrong] = field(default_factory=list, repr=False)
    equivalents: list[Equivalent] = field(default_factory=list, repr=False)
    hints: dict[str, Levels] = field(default_factory=dict, repr=False)
    common_hints: dict[str, Levels] = field(default_factory=dict, repr=False)  #: those of the course, from hints.toml
    probe: Test | None = field(default=None, repr=False)  #: a gradient check to recognise mistakes by, where a criterion holds none
    setup: Callable[[], None] | None = field(default=None, repr=False)  #: runs before each check

    # ------------------------------------------------------------------------------------------------- declaring

    def criterion(self, id: str, sentence: str) -> Callable[[Test], Test]:
        """Declare a test; it is given the learner's names, and raises `minigrad.learn.Failed` unless they are right."""

        def declare(test: Test) -> Test:
            self.criteria.append(Criterion(id, sentence, test))
            return test

        return declare

    def wrong(self, id: str, *replace: tuple[str | EllipsisType, str], fails: str, expect: str, source: str = "") -> None:
        """Declare a known wrong answer: pairs (old, new), each old once in the solution; ``...`` is the whole of a single solution."""
        self.wrongs.append(Wrong(id, replace, fails, expect, source))

    def equivalent(self, reason: str, *changes: str) -> None:
        """Declare changes of the solution, as ``dev check`` prints them, that are no mistakes, and why."""
        self.equivalents.append(Equivalent(reason, changes))

    def hint(self, mistake: str, one: str, two: str, three: str) -> None:
        """Declare the three hints for a mistake, for a criterion, or (``"start"``) for whoever does not know how to begin."""
        self.hints[mistake] = (one, two, three)

    # ------------------------------------------------------------------------------------------------- the three texts

    @property
    def region(self) -> str:
        """What stands between ``# region yours`` and ``# endregion``."""
        found = _REGION.search(self.text)
        if found is None:
            raise CourseError(f"{self.path}: there is no part between '# region yours' and '# endregion'")
        return found.group(1).strip("\n") + "\n"

    @property
    def solution(self) -> str:
        """The region with the solution in it."""
        return _BLOCK.sub(lambda block: block.group(2), self.region)

    @property
    def blocks(self) -> list[str]:
        """The parts of the solution that the learner has to write."""
        return [block.group(2) for block in _BLOCK.finditer(self.region)]

    @property
    def starter(self) -> str:
        """What the learner gets: title, statement, and the region with a TODO for each solution."""
        if self.given:
            body = self.with_mistake(self.wrong_answer(self.given))
        else:
            body = _BLOCK.sub(lambda block: f"{block.group(1)}{TODO}\n", self.region)
        return f'"""{self.title}\n\n{self.statement}\n"""\n\n{body}'

    @property
    def file(self) -> str:
        """The name of the learner's file, without its number."""
        return f"{self.id}.py"

    def wrong_answer(self, id: str) -> Wrong:
        """Return the known wrong answer of that name."""
        for wrong in self.wrongs:
            if wrong.id == id:
                return wrong
        raise CourseError(f"{self.path}: there is no wrong answer {id!r}")

    def with_mistake(self, wrong: Wrong) -> str:
        """Return the solution with a known mistake in it.

        Raises
        ------
        CourseError
            If what is to be replaced does not stand exactly once in the solution.
        """
        text = self.solution
        for old, new in wrong.replace:
            if isinstance(old, EllipsisType):
                if len(self.blocks) != 1:
                    raise CourseError(
                        f"{self.path}, wrong answer {wrong.id!r}: ... needs a single solution, and there are {len(self.blocks)}"
                    )
                old = self.blocks[0]
            if text.count(old) != 1:
                raise CourseError(
                    f"{self.path}, wrong answer {wrong.id!r}: {old!r} stands {text.count(old)} times in the solution, not once"
                )
            text = text.replace(old, new)
        return text


def load(path: Path) -> Exercise:
    """Return the exercise that a file declares, from a fresh module.

    Raises
    ------
    CourseError
        If the file cannot be read or run, or declares no exercise.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{path} cannot be read: {error}") from None
    name = f"minigrad_exercise_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        sys.modules[name] = module
        spec.loader.exec_module(module)
    except CourseError:
        raise
    except Exception as error:
        raise CourseError(f"{path} does not run: {type(error).__name__}: {error}") from None
    finally:
        sys.modules.pop(name, None)
    exercise = getattr(module, "exercise", None)
    if not isinstance(exercise, Exercise):
        raise CourseError(f"{path} declares no exercise: write exercise = Exercise(id=..., chapter=..., minutes=...)")
    title, _, rest = (module.__doc__ or "").strip().partition("\n")
    exercise.title, exercise.statement, exercise.text, exercise.path = title.strip(), rest.strip(), text, path
    if not exercise.criteria:
        raise CourseError(f"{path} declares no criterion")
    exercise.region  # noqa: B018 (raises if there is none)
    exercise.common_hints = _common_hints(path.parent / "hints.toml")
    return exercise


def _common_hints(path: Path) -> dict[str, Levels]:
    if not path.is_file():
        return {}
    try:
        return {id: (one, two, three) for id, (one, two, three) in tomllib.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError) as error:
        raise CourseError(f"{path} must hold three hints for each mistake, id = [one, two, three]: {error}") from None
