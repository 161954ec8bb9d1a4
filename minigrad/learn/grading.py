"""`check`: the only grader. A pure function of an exercise and a text; terminal, browser and class call it.

It needs no process, no terminal and no network. What guards a machine against code that loops or allocates without end is a
layer above it (`minigrad.learn.worker`).
"""

from __future__ import annotations

import ast
import io
import re
import tempfile
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from minigrad._system import clock
from minigrad.core.op import OPS
from minigrad.gradcheck import Result
from minigrad.learn.criteria import Failed
from minigrad.learn.exercise import Criterion, Exercise, Levels
from minigrad.learn.mistakes import Mistake, recognise, words
from minigrad.learn.report import FAILED, PASSED, TODO, UNCHECKED, Report

LONGEST_TEXT = 200_000  #: characters of a learner's file
LONGEST_PRINT = 2_000  #: characters that are kept of what it prints
SEARCH = 2.0  #: seconds of processor time to look for a known wrong answer that gives the same

RUNS = Criterion("runs", "the file runs", lambda theirs: None)


@dataclass
class _Failure:
    """Where and how a text fails."""

    criterion: Criterion
    facts: str
    todo: bool = False
    line: int | None = None
    error: Exception | None = None

    @property
    def is_of_programming(self) -> bool:
        """Whether the text is wrong as a program, whatever its mathematics."""
        return self.error.is_of_programming if isinstance(self.error, Failed) else self.error is not None


def check(exercise: Exercise, text: str) -> Report:
    """Grade a learner's text: the criteria in order, up to the first that fails.

    Parameters
    ----------
    exercise
        As `minigrad.learn.exercise.load` returns it.
    text
        What the learner's file holds.

    Returns
    -------
    Report
        Never raises for what the text does; only what ends the process ends the check.
    """
    started = clock()
    if len(text) > LONGEST_TEXT:
        facts = f"the file has {len(text):,} characters, and a check reads {LONGEST_TEXT:,} at most: is it the right file?"
        return Report(exercise.id, UNCHECKED, facts=facts)
    printed = _Printed()
    report = copy_context().run(_check, exercise, text, printed)  # recording and the like are as before afterwards
    return replace(report, printed=printed.getvalue(), seconds=clock() - started)


def _check(exercise: Exercise, text: str, printed: _Printed) -> Report:
    ids = [criterion.id for criterion in exercise.criteria]
    with _room(exercise, text) as path, redirect_stdout(printed), redirect_stderr(printed):
        failure = _first_failure(exercise, text, path)
        if failure is None:
            return Report(exercise.id, PASSED, tuple(ids))
        at = ids.index(failure.criterion.id) if failure.criterion.id in ids else 0
        untried = ids[at + 1 :] if failure.criterion is not RUNS else ids
        result = None if failure.todo else _gradient_check(exercise, failure, path)
        mistakes = () if failure.todo else tuple(_mistakes(exercise, failure, result, path))
    outcome = TODO if failure.todo else FAILED
    about, hints = _hints(exercise, mistakes, failure)
    return Report(
        exercise.id, outcome, tuple(ids[:at]), failure.criterion.id, failure.criterion.sentence, failure.facts, failure.line,
        tuple(untried), mistakes, hints, about, result is not None,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------- running the text


@contextmanager
def _room(exercise: Exercise, text: str) -> Iterator[str]:
    """A file with the text, where tracebacks and gradcheck find it; ops declared meanwhile are forgotten afterwards."""
    before = set(OPS)
    with tempfile.TemporaryDirectory(prefix="minigrad-learn-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / exercise.file
        path.write_text(text, encoding="utf-8")
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield str(path)
        finally:
            for name in set(OPS) - before:
                del OPS[name]


def _first_failure(exercise: Exercise, text: str, path: str) -> _Failure | None:
    loaded = _load(exercise, text, path)
    if isinstance(loaded, _Failure):
        return loaded
    for criterion in exercise.criteria:
        failure = _try(criterion, loaded, path)
        if failure is not None:
            return failure
    return None


def _load(exercise: Exercise, text: str, path: str) -> SimpleNamespace | _Failure:
    """Run the text, and return the names that it defines."""
    namespace: dict[str, Any] = {"__name__": f"yours_{exercise.id}", "__file__": path}
    try:
        if exercise.setup is not None:
            exercise.setup()
        exec(compile(text, path, "exec", dont_inherit=True), namespace)
    except SyntaxError as error:
        return _Failure(RUNS, f"the file is no Python: {error.msg}", line=error.lineno, error=error)
    except Exception as error:
        return _from_error(RUNS, error, path)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return _Failure(RUNS, _ending(error))
    missing = [name for name in names_of(exercise.starter) if name not in namespace]
    if missing:
        return _Failure(RUNS, f"{missing[0]} is no longer in the file; the criteria use it (reset gives the file as it was)")
    return SimpleNamespace(**{name: value for name, value in namespace.items() if not name.startswith("__")})


def _try(criterion: Criterion, theirs: SimpleNamespace, path: str) -> _Failure | None:
    try:
        criterion.test(theirs)
    except Failed as failed:
        line = _last_line(failed.row.lines if failed.row is not None else (), path)
        if failed.todo:
            return _Failure(criterion, "still TODO", todo=True, line=line)
        return _Failure(criterion, failed.facts, line=line, error=failed)
    except Exception as error:
        return _from_error(criterion, error, path)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return _Failure(criterion, _ending(error))
    return None


def _from_error(criterion: Criterion, error: Exception, path: str) -> _Failure:
    line = _last_line([(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)], path)
    if isinstance(error, NotImplementedError):
        return _Failure(criterion, "still TODO", todo=True, line=line)
    name = type(error).__name__
    facts = f"{name}: {error}" if str(error) else name
    if isinstance(error, MemoryError):
        facts = (
            f"your code asks for more memory than a check may use ({error})"
            if str(error)
            else "your code uses more memory than a check may"
        )
    return _Failure(criterion, facts.splitlines()[0], line=line, error=error)


def _last_line(places: Iterable[tuple[str, int]], path: str) -> int | None:
    """The innermost line of the learner's file."""
    lines = [line for file, line in places if file == path]
    return lines[-1] if lines else None


def _ending(error: BaseException) -> str:
    """What an exception means that is made to end programs."""
    return f"your code ends the program ({type(error).__name__}): take sys.exit, quit or the like out of it"


def names_of(text: str) -> list[str]:
    """Return the functions and classes that a text defines at its top level."""
    kinds = (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)
    return [node.name for node in ast.parse(text).body if isinstance(node, kinds)]


# --------------------------------------------------------------------------------------------------- what went wrong, and hints


def _mistakes(exercise: Exercise, failure: _Failure, result: Result | None, path: str) -> Iterator[Mistake]:
    """Recognise by rule, where a gradient was checked or can be; else by a known wrong answer that gives the same."""
    by_rule = recognise(result, path) if result is not None else []
    for mistake in by_rule or _same_as_known(exercise, failure):
        yield replace(mistake, levels=levels_of(exercise, mistake.id))


def _gradient_check(exercise: Exercise, failure: _Failure, path: str) -> Result | None:
    """The gradient check that failed, or that of the exercise's probe."""
    result: Result | None = getattr(failure.error, "result", None)
    return result if result is not None else _probe(exercise, failure, path)


def _probe(exercise: Exercise, failure: _Failure, path: str) -> Result | None:
    if exercise.probe is None or failure.criterion is RUNS:
        return None
    loaded = _load(exercise, Path(path).read_text(encoding="utf-8"), path)
    if isinstance(loaded, SimpleNamespace):
        try:
            exercise.probe(loaded)
        except Failed as failed:
            return None if failed.todo else failed.result
        except KeyboardInterrupt:
            raise
        except BaseException:  # the probe is another way to look; what it cannot see is no failure
            return None
    return None


def _same_as_known(exercise: Exercise, failure: _Failure) -> Iterator[Mistake]:
    """Yield the mistakes of the known wrong answers that fail at this criterion in just this way."""
    started, found = clock(), set()
    for wrong in exercise.wrongs:
        if wrong.fails != failure.criterion.id or clock() - started > SEARCH or wrong.expect in found:
            continue
        text = exercise.with_mistake(wrong)
        with _room(exercise, text) as path:
            loaded = _load(exercise, text, path)
            other = loaded if isinstance(loaded, _Failure) else _try(failure.criterion, loaded, path)
        if other is not None and _same_failure(failure, other):
            found.add(wrong.expect)
            yield Mistake(wrong.expect, by="answer")


def _same_failure(a: _Failure, b: _Failure) -> bool:
    yours: Any = getattr(a.error, "evidence", None)
    known: Any = getattr(b.error, "evidence", None)
    if type(yours) is not type(known) or a.facts.partition(":")[0] != b.facts.partition(":")[0]:
        return False
    if isinstance(yours, np.ndarray):
        return yours.shape == known.shape and bool(np.allclose(yours, known, rtol=1e-9, atol=1e-12, equal_nan=True))
    return type(a.error) is type(b.error) and yours == known and _without_addresses(a.facts) == _without_addresses(b.facts)


def _without_addresses(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+|\d{9,}", "#", text)


def levels_of(exercise: Exercise, mistake: str) -> Levels:
    """Return the exercise's own words for a mistake, or the common ones."""
    return exercise.hints.get(mistake) or exercise.common_hints.get(mistake) or words().get(mistake) or ("", "", "")


def _hints(exercise: Exercise, mistakes: tuple[Mistake, ...], failure: _Failure) -> tuple[str, tuple[str, ...]]:
    """Return three hints and what they are about: the likeliest mistake, else the criterion, else how to begin.

    A mistake of programming that no rule knows has none.
    """
    if mistakes and any(mistakes[0].levels):
        return mistakes[0].id, mistakes[0].hints()
    if failure.is_of_programming:  # the exercise's hints are about its mathematics, and would be used up
        return "", ()
    about = failure.criterion.id if failure.criterion.id in exercise.hints and not failure.todo else "start"
    return about, exercise.hints.get(about, ())


class _Printed(io.StringIO):
    """Keeps the beginning of what is printed."""

    def write(self, text: str) -> int:
        room = LONGEST_PRINT - self.tell()
        if room > 0:
            super().write(text[:room])
        return len(text)
