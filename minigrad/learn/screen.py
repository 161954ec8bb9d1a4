"""What the terminal shows. Plain words and ASCII marks, so that it reads the same without colour and in a pipe."""

from __future__ import annotations

import shutil
import textwrap
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text

from minigrad.learn.course import Course
from minigrad.learn.exercise import Exercise
from minigrad.learn.progress import PASSED, SHOWN, SKIPPED
from minigrad.learn.report import TODO, UNCHECKED, Report
from minigrad.learn.source import source_of
from minigrad.learn.study import LEVELS, Study

WIDTH = 100
PRINTED_LINES = 12  #: of what the learner's code printed
MARKS = {PASSED: ("#", "green"), SHOWN: ("s", "yellow"), SKIPPED: ("-", "dim"), "started": (">", "cyan"), "": (".", "dim")}


def console() -> Console:
    """Return the console of the command: not wider than reads well; NO_COLOR is kept by rich."""
    made = Console(highlight=False)
    fit(made)
    return made


def fit(out: Console) -> None:
    """Follow the width of the terminal, which may change while somebody learns."""
    out.width = min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH) if out.is_terminal else WIDTH


def print_text(out: Console, text: str, style: str = "") -> None:
    """Paragraphs, each wrapped anew."""
    for paragraph in text.strip().split("\n\n"):
        out.print(Text(" ".join(paragraph.split()), style))


def print_head(out: Console, course: Course | None, exercise: Exercise) -> None:
    """Name and title on the left, chapter and number on the right."""
    place = f", {course.order.index(exercise.id) + 1} of {len(course.order)}" if course is not None else ""
    left, right = Text.assemble((exercise.id, "bold"), f"  {exercise.title}"), Text(f"chapter {exercise.chapter}{place}", "dim")
    out.print()
    if len(left) + len(right) + 2 <= out.width:
        out.print(Text.assemble(left, " " * (out.width - len(left) - len(right)), right))
    else:
        out.print(left)
        out.print(right)


def print_report(out: Console, exercise: Exercise, report: Report) -> None:
    """Each criterion with its mark, and under the failing one what was seen."""
    if report.outcome == UNCHECKED:
        _marked(out, "??", report.facts, "red")
        return
    sentences = {criterion.id: criterion.sentence for criterion in exercise.criteria}
    for id in report.passed:
        _marked(out, "ok", sentences[id], "green")
    if not report.ok:
        if report.failed in sentences:
            _marked(out, "->", sentences[report.failed], "bold")
        _marked(
            out,
            "  " if report.failed in sentences else "->",
            f"{report.facts}{report.where}",
            "yellow" if report.outcome == TODO else "red",
        )
        for id in report.untried:
            _marked(out, "..", sentences[id], "dim")
    if report.printed:
        _marked(out, "  ", "your code printed:", "dim")
        for line in _shortened(report.printed):
            out.print(Padding(Text(line), (0, 0, 0, 8)))


def _marked(out: Console, mark: str, text: str, style: str) -> None:
    """A mark, and beside it a text that wraps under itself."""
    lines = Text(text, style).wrap(out, out.width - 6)
    for n, line in enumerate(lines):
        line.rstrip()
        out.print(Text.assemble("  ", (mark if n == 0 else "  ", style), "  ", line), soft_wrap=True)


def _shortened(printed: str) -> list[str]:
    """What was printed, equal lines once, and not too many: a gradient check calls a formula often."""
    lines = [(line, len(list(group))) for line, group in groupby(printed.rstrip("\n").split("\n"))]
    shown = [line if count == 1 else f"{line}  ({count} times)" for line, count in lines[:PRINTED_LINES]]
    return shown + ([f"... {len(lines) - PRINTED_LINES} more lines"] if len(lines) > PRINTED_LINES else [])


def print_hint(out: Console, level: int, words: str) -> None:
    """One hint, with its level, and after the last what else there is."""
    _marked(out, f"h{level}" if level else "h ", words, "cyan")
    if level == LEVELS:
        _marked(out, "  ", "That was the last one; minigrad learn solution shows one way to write it.", "dim")


def print_passed(out: Console, exercise: Exercise) -> None:
    """After passing: the solution, the way there in hints, and where the same stands in minigrad."""
    _marked(out, "**", f"Passed: {exercise.learns}.", "bold green")
    print_solution(out, exercise)
    out.print(Text("  The way there, in hints:", "dim"))
    for hint in exercise.hints.get("start", ()):
        _marked(out, "- ", hint, "dim")
    place = source_of(exercise.see)
    if place:
        _marked(out, "  ", f"In minigrad: {place}", "default")


def print_solution(out: Console, exercise: Exercise) -> None:
    """What the author wrote, without what was given."""
    out.print(Text("  One way to write it:", "dim"))
    for block in exercise.blocks:
        code = Syntax("", "python", theme="ansi_dark", background_color="default").highlight(textwrap.dedent(block).rstrip())
        code.rstrip()
        out.print(Padding(code, (0, 0, 0, 6), expand=False))


def print_progress(out: Console, study: Study) -> None:
    """A line for the chapter: how far, and how long it takes still."""
    number = study.current.chapter
    ids = study.chapter(number)
    left = sum(study.course.exercises[id].minutes for id in ids if not study.done(id))
    passed = sum(study.done(id) for id in ids)
    everything = sum(study.done(id) for id in study.course.order)
    bar = Text.assemble(*[MARKS[study.progress.state(id) if study.progress.state(id) or not study.done(id) else SKIPPED] for id in ids])
    text = f" {passed} of {len(ids)}" + (f", about {left} min left" if left else "") + f"; {everything} of {len(study.course.order)} in all"
    out.print(Text.assemble((f"chapter {number}, {study.course.chapters[number - 1]}: ", "dim"), bar, (text, "dim")))


def print_list(out: Console, study: Study) -> None:
    """All exercises by chapter, with their states."""
    for number, title in enumerate(study.course.chapters, 1):
        ids = study.chapter(number)
        if not ids:
            continue
        proved = " (the last one is passed, so the chapter counts)" if study.chapter_is_proved(number) else ""
        out.print(Text.assemble((f"\n{number} {title}", "bold"), (proved, "dim")))
        for id in ids:
            exercise, state = study.course.exercises[id], study.progress.state(id)
            mark, style = MARKS[state]
            here = "<- here" if id == study.progress.current else ""
            out.print(
                Text.assemble("  ", (mark, style), f" {id:14s} {exercise.minutes:3d} min  {exercise.title}  ", (here, "cyan")),
                soft_wrap=True,
            )
    out.print(Text("\n# passed, s solution shown, - skipped, > started, . not yet", "dim"))
