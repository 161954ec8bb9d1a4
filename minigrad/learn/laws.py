"""The seven laws of a course: its exercises are proved like the library.

1. The starter fails, with TODO (or, where the task is to repair, at the criterion that its wrong answer names).
2. The solution passes, within two seconds.
3. Each known wrong answer fails at its criterion, and its mistake is recognised.
4. Each mistake has three hints, and none holds a fragment of the answer.
5. Each one-place change of the solution is noticed, or listed as equivalent with a reason.
6. A statement has six sentences at most, and what an exercise needs comes before it.
7. No file imports another exercise.
"""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from minigrad.learn.changes import Change, changes_of
from minigrad.learn.course import Course
from minigrad.learn.exercise import CourseError, Exercise, Wrong
from minigrad.learn.grading import levels_of
from minigrad.learn.pool import Pool
from minigrad.learn.report import FAILED, TODO, Report

SECONDS = 2.0  #: in which a solution must pass
SENTENCES = 6  #: that a statement may have
CHANGE_LIMIT = 5.0  #: seconds for a changed solution, which may loop


@dataclass(frozen=True)
class Finding:
    """What breaks a law, and where."""

    law: int
    exercise: str
    text: str

    def __str__(self) -> str:
        return f"law {self.law}, {self.exercise}: {self.text}"


@dataclass(frozen=True)
class Recognition:
    """How a known wrong answer was recognised: by "rule", by "answer" (it gives what itself gives), or not (empty)."""

    exercise: str
    wrong: str
    by: str
    gradient: bool  #: whether a gradient check, or the exercise's probe, looks at it


Law = Callable[[Course, list[Exercise], Pool], Iterator[Finding]]


def prove(course: Course, ids: Sequence[str], quick: bool, out: Console) -> int:
    """Print whether a course keeps the laws, as ``minigrad learn dev check`` does; return its exit code."""
    exercises = [course.exercise(id) for id in ids or course.order]
    wrongs = sum(len(e.wrongs) for e in exercises)
    out.print(
        f"{course.title}: {len(exercises)} exercises, {sum(len(e.criteria) for e in exercises)} criteria, {wrongs} known wrong answers"
    )
    broken = 0
    with Pool() as pool:
        for law in QUICK if quick else QUICK + SLOW:
            started = time.perf_counter()
            findings = list(dict.fromkeys(law(course, exercises, pool)))
            broken += len(findings)
            title = (law.__doc__ or "").strip().rstrip(".")
            out.print(f"{title:6s} {law.__name__.replace('_', ' '):28s} {time.perf_counter() - started:6.1f} s  {len(findings) or 'ok'}")
            for finding in findings:
                out.print(Text(f"  {finding}", "red"), soft_wrap=True)
        found = [r for r in recognitions(exercises, pool) if r.gradient]
    rule = sum(r.by == "rule" for r in found)
    out.print(f"mistakes recognised by rule: {rule} of {len(found)} wrong gradients")
    return 1 if broken else 0


def starters_fail(course: Course, exercises: list[Exercise], pool: Pool) -> Iterator[Finding]:
    """Law 1."""
    for e, report in _reports(exercises, pool, lambda e: e.starter):
        due = (FAILED, e.wrong_answer(e.given).fails) if e.given else (TODO, report.failed)
        if (report.outcome, report.failed) != due:
            yield Finding(1, e.id, f"the starter should be {due[0]} and is {report.outcome}: {report.facts}")


def solutions_pass(course: Course, exercises: list[Exercise], pool: Pool) -> Iterator[Finding]:
    """Law 2."""
    for e, report in _reports(exercises, pool, lambda e: e.solution):
        if not report.ok:
            yield Finding(2, e.id, f"the solution fails at {report.failed!r}: {report.facts}")
        elif report.seconds > SECONDS:
            yield Finding(2, e.id, f"the solution takes {report.seconds:.1f} s; {SECONDS:g} are allowed")


def wrong_answers_fail(course: Course, exercises: list[Exercise], pool: Pool) -> Iterator[Finding]:
    """Law 3."""
    for e, wrong, report in wrong_reports(exercises, pool):
        ids = [mistake.id for mistake in report.mistakes]
        if report.outcome != FAILED or report.failed != wrong.fails:
            seen = f"fails at {report.failed!r}" if report.failed else report.outcome
            yield Finding(3, e.id, f"the wrong answer {wrong.id!r} should fail at {wrong.fails!r}, and {seen}: {report.facts}")
        elif wrong.expect not in ids:
            yield Finding(
                3, e.id, f"the wrong answer {wrong.id!r} should be recognised as {wrong.expect!r}, and is as {', '.join(ids) or 'nothing'}"
            )


def hints_hold(course: Course, exercises: list[Exercise], pool: Pool) -> Iterator[Finding]:
    """Law 4."""
    for e in exercises:
        if "start" not in e.hints:
            yield Finding(4, e.id, "there are no hints for whoever does not know how to begin: exercise.hint('start', ...)")
    for e, wrong, report in wrong_reports(exercises, pool):
        levels = levels_of(e, wrong.expect)
        if len(levels) != 3 or not all(level.strip() for level in levels):
            yield Finding(4, e.id, f"the mistake {wrong.expect!r} has not three hints")
        for words in {*levels, *report.hints, *(hint for hints in e.hints.values() for hint in hints)}:
            for fragment in answer_in(e, wrong, words):
                yield Finding(4, e.id, f"a hint holds {fragment!r}, which is part of the answer: {words}")


def changes_are_noticed(course: Course, exercises: list[Exercise], pool: Pool) -> Iterator[Finding]:
    """Law 5."""
    for e in exercises:
        allowed = {change for equivalent in e.equivalents for change in equivalent.changes}
        changes = list(changes_of(e))
        unnoticed = {change.name for change in unnoticed_changes(e, changes, pool)}
        for name in sorted(unnoticed - allowed):
            yield Finding(5, e.id, f"a change of the solution passes, and is not listed as equivalent: {name}")
        for name in sorted(allowed - {change.name for change in changes}):
            yield Finding(5, e.id, f"listed as equivalent, and no change of the solution: {name}")
        for name in sorted(allowed & {change.name for change in changes} - unnoticed):
            yield Finding(5, e.id, f"listed as equivalent, and it is noticed: {name}")


def statements_are_short(course: Course, exercises: list[Exercise], pool: Pool) -> Iterator[Finding]:
    """Law 6."""
    for e in exercises:
        number = len(sentences(e.statement))
        if not 1 <= number <= SENTENCES:
            yield Finding(6, e.id, f"the statement has {number} sentences; it must have 1 to {SENTENCES}")
        for need in e.needs:
            if need not in course.order or course.order.index(need) >= course.order.index(e.id):
                yield Finding(6, e.id, f"it needs {need!r}, which does not come before it")


def exercises_stand_alone(course: Course, exercises: list[Exercise], pool: Pool) -> Iterator[Finding]:
    """Law 7."""
    for e in exercises:
        for node in ast.walk(ast.parse(e.text)):
            names = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                if name.rpartition(".")[2] in course.order or name == "minigrad.learn.exercises":
                    yield Finding(7, e.id, f"it imports the exercise {name!r}: an exercise stands alone")


QUICK: tuple[Law, ...] = (starters_fail, solutions_pass, wrong_answers_fail, hints_hold, statements_are_short, exercises_stand_alone)
SLOW: tuple[Law, ...] = (changes_are_noticed,)


# ------------------------------------------------------------------------------------------------------------ what laws use


def _reports(exercises: list[Exercise], pool: Pool, text: Callable[[Exercise], str]) -> Iterator[tuple[Exercise, Report]]:
    yield from zip(exercises, pool.check_all([(e, text(e)) for e in exercises]), strict=True)


def wrong_reports(exercises: list[Exercise], pool: Pool) -> Iterator[tuple[Exercise, Wrong, Report]]:
    """Yield every known wrong answer with what the grader says about it."""
    pairs = [(e, wrong) for e in exercises for wrong in e.wrongs]
    for e, wrong in pairs:
        if wrong.fails not in {criterion.id for criterion in e.criteria}:
            raise CourseError(f"{e.path}, wrong answer {wrong.id!r}: there is no criterion {wrong.fails!r}")
    reports = pool.check_all([(e, e.with_mistake(wrong)) for e, wrong in pairs])
    yield from ((e, wrong, report) for (e, wrong), report in zip(pairs, reports, strict=True))


def recognitions(exercises: list[Exercise], pool: Pool) -> Iterator[Recognition]:
    """Yield by what each known wrong answer was recognised as the mistake that it stands for."""
    for e, wrong, report in wrong_reports(exercises, pool):
        found = [mistake for mistake in report.mistakes if mistake.id == wrong.expect]
        yield Recognition(e.id, wrong.id, found[0].by if found else "", report.gradient_checked)


def unnoticed_changes(exercise: Exercise, changes: list[Change], pool: Pool) -> list[Change]:
    """Return the changes of a solution that pass."""
    reports = pool.check_all([(exercise, change.text) for change in changes], CHANGE_LIMIT)
    return [change for change, report in zip(changes, reports, strict=True) if report.ok]


def sentences(text: str) -> list[str]:
    """Return the sentences of a text: what ends with a full stop, a question or an exclamation mark before a space or the end."""
    return [part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part]


def answer_in(exercise: Exercise, wrong: Wrong, words: str) -> Iterator[str]:
    """Yield fragments of the answer that a hint holds: what the mistake replaced, a line of the solution, a call or an index in it."""
    hint, given = _squeezed(words), _squeezed(exercise.starter)
    solution = [_squeezed(line) for block in exercise.blocks for line in block.splitlines()]
    replaced = [_squeezed(old) for old, _ in wrong.replace if isinstance(old, str)]
    for fragment in {part for part in (*replaced, *solution) if 5 < len(part) < 60 and part not in given}:
        if fragment in hint:
            yield fragment
    for code in re.findall(r"[\w.]+\([^)]*\)|\w+\[[^\]]*\]", words):
        part = _squeezed(code)
        if len(part) > 6 and any(part in line for line in solution) and part not in given:
            yield code


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)
