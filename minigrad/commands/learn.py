"""``minigrad learn``: exercises with a grader that names the mistake. What teachers and authors need is imported when asked for."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from minigrad.commands._parser import CommandParser, Parser
from minigrad.learn import screen
from minigrad.learn.course import OWN, find, read
from minigrad.learn.exercise import CourseError, Exercise
from minigrad.learn.progress import FILE as PROGRESS
from minigrad.learn.report import FAILED, PASSED, TODO, UNCHECKED, Report
from minigrad.learn.study import Study, open_study, read_answer
from minigrad.learn.worker import Worker, check
from minigrad.saving import CheckpointError

MEANING = """\
Exercises, each a file with one idea: write what is missing, and it is checked when you save it.

exit codes:
  0  passed (or done)
  1  not yet (or a law of a course is broken)
  2  still TODO
  3  the command was not understood, or cannot be done"""
ERRORS = (CourseError, CheckpointError)
EXIT = {PASSED: 0, FAILED: 1, TODO: 2, UNCHECKED: 3}
ERROR_CODE = CANNOT = 3


class _Parser(Parser):
    """The parser of one of its own commands."""

    usage_code = CANNOT


def add_arguments(parser: CommandParser) -> None:
    """Declare subcommands and options."""
    parser.usage_code = CANNOT
    parser.description, parser.formatter_class = MEANING, argparse.RawDescriptionHelpFormatter  # keeps the lines
    parser.add_argument("--course", metavar="C", help="a folder with course.toml, a wheel, or a course that a package offers")
    parser.add_argument("--folder", metavar="DIR", help="where your answers are (default: here if they are, else ./minigrad-course)")
    commands = parser.add_subparsers(dest="learn", metavar="WHAT", parser_class=_Parser)
    checking = commands.add_parser("check", help="check the current exercise, or a file")
    checking.add_argument("file", nargs="?", type=Path, metavar="FILE", help="an answer; its name says which exercise")
    checking.add_argument("--watch", action="store_true", help="check again whenever it is saved")
    checking.add_argument("--json", action="store_true", help="print what was found as JSON")
    following = commands.add_parser("next", help="go on to the next exercise")
    following.add_argument("--skip", action="store_true", help="even though this one is not passed")
    commands.add_parser("list", help="all exercises, and how far you are")
    commands.add_parser("start", help="go to an exercise").add_argument("id", metavar="ID")
    commands.add_parser("hint", help="the next hint for what is wrong now")
    solution = commands.add_parser("solution", help="one way to write it, after passing or after all hints")
    solution.add_argument("--yes", action="store_true", help="do not ask")
    commands.add_parser("reset", help="put the file back as it was; yours is kept beside it")
    collecting = commands.add_parser("collect", help="for teachers: grade the answers of a class")
    collecting.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="students' folders, or folders of such")
    collecting.add_argument("--json", type=Path, default=Path("class.json"), metavar="F", help="where to write (default class.json)")
    collecting.add_argument("--anonymous", action="store_true", help="hashes in the place of names")
    collecting.add_argument("--yes", action="store_true", help="do not ask: this runs the students' code")
    dev = commands.add_parser("dev", help="for authors: new DIR, check [ID]")
    what = dev.add_subparsers(dest="dev", metavar="WHAT", required=True, parser_class=_Parser)
    what.add_parser("new", help="write a course to begin with").add_argument("directory", type=Path, metavar="DIR")
    laws = what.add_parser("check", help="prove a course: its seven laws")
    laws.add_argument("ids", nargs="*", metavar="ID", help="exercises (default: all)")
    laws.add_argument("--quick", action="store_true", help="all laws but the slow one, which changes every solution in every place")


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    return _COMMANDS[args.learn](args)


# --------------------------------------------------------------------------------------------------------- for learners


def _learn(args: argparse.Namespace) -> int:
    out, (study, new) = screen.console(), open_study(args.folder, args.course)
    if new:
        out.print(Text(f"\n{study.course.title}", "bold"))
        screen.print_text(out, study.course.welcome)
        out.print(Text(f"\nOpen {study.file(study.current.id)} in your editor and write what is missing."), soft_wrap=True)
        out.print(Text("minigrad learn checks it and says what is wrong; minigrad learn hint helps. Nothing leaves this machine."))
        out.print(Text("A check runs your code in a process of its own, with limits: a guard against accidents, no sandbox."))
    elif not study.file(study.current.id).exists():
        study.start(study.current.id)
    screen.print_progress(out, study)
    return _watch(study, out) if _interactive(out) else _check_once(study, study.current.id, out, as_json=False)


def _watch(study: Study, out: Console) -> int:
    from minigrad.learn.watch import Watch

    Watch(study, out).run()
    return 0


def _interactive(out: Console) -> bool:
    return out.is_terminal and sys.stdin.isatty()


def _check(args: argparse.Namespace) -> int:
    out = screen.console()
    if args.file is None:
        study, _ = open_study(args.folder, args.course)
        id = study.current.id
    else:
        found = _study_of(args)
        if found is None:
            return _check_file(args, out)
        study, id = found
    if args.watch and _interactive(out):
        study.start(id)
        return _watch(study, out)
    return _check_once(study, id, out, args.json)


def _study_of(args: argparse.Namespace) -> tuple[Study, str] | None:
    """Return the study that a file belongs to, and its exercise; None for a file that lies anywhere."""
    folder = args.file.parent
    if not (folder / PROGRESS).is_file():
        return None
    study, _ = open_study(str(folder), args.course)
    id = study.course.of_file(args.file.name)
    return (study, id) if study.file(id).resolve() == args.file.resolve() else None


def _check_file(args: argparse.Namespace, out: Console) -> int:
    """Check a file that lies anywhere: nothing is noted."""
    with Worker() as worker:  # it starts while the exercise is read
        course = find(args.course)
        exercise = course.exercise(course.of_file(args.file.name))
        report = worker.check(exercise, read_answer(args.file))
    return _show(out, None, exercise, report, args.json)


def _check_once(study: Study, id: str, out: Console, as_json: bool) -> int:
    with Worker() as worker:  # it starts while the exercises are read
        exercise, text = study.course.exercises[id], study.text(id)
        report = worker.check(exercise, text)
    study.progress.checked(id, text, report)
    return _show(out, study, exercise, report, as_json)


def _show(out: Console, study: Study | None, exercise: Exercise, report: Report, as_json: bool) -> int:
    if as_json:
        print(json.dumps(report.to_json(), indent=1))
        return EXIT[report.outcome]
    screen.print_head(out, study.course if study else None, exercise)
    screen.print_report(out, exercise, report)
    if report.ok:
        screen.print_passed(out, exercise)
    if study is not None:
        screen.print_progress(out, study)
        out.print(Text(_what_next(study, report), "dim"), soft_wrap=True)
    return EXIT[report.outcome]


def _what_next(study: Study, report: Report) -> str:
    if not report.ok:
        return f"edit {study.file(report.exercise)}, then minigrad learn; or minigrad learn hint, next --skip, reset, list"
    return "minigrad learn next goes on" if study.following() else study.course.closing.strip()


def _next(args: argparse.Namespace) -> int:
    out, (study, new) = screen.console(), open_study(args.folder, args.course)
    if not new:
        if args.skip:
            study.skip()
        elif not study.done(study.current.id):
            print(f"minigrad learn: {study.current.id} is not passed yet; next --skip goes on all the same", file=sys.stderr)
            return 1
        following = study.following()
        if not following:
            screen.print_text(out, study.course.closing)
            return 0
        study.start(following)
    return _announce(study, out)


def _start(args: argparse.Namespace) -> int:
    out, (study, _) = screen.console(), open_study(args.folder, args.course)
    study.start(args.id)
    return _announce(study, out)


def _announce(study: Study, out: Console) -> int:
    exercise = study.current
    screen.print_head(out, study.course, exercise)
    screen.print_text(out, exercise.statement)
    out.print(Text(f"\nopen {study.file(exercise.id)}; minigrad learn checks it", "cyan"), soft_wrap=True)
    return 0


def _list(args: argparse.Namespace) -> int:
    out, (study, new) = screen.console(), open_study(args.folder, args.course, begin=False)
    screen.print_list(out, study)
    if new:
        begun = f"None is begun in {study.folder}: minigrad learn begins there, --folder DIR names where yours are."
        out.print(Text(begun, "dim"), soft_wrap=True)
    return 0


def _hint(args: argparse.Namespace) -> int:
    out, (study, _) = screen.console(), open_study(args.folder, args.course, begin=False)
    report = check(study.current, study.text(study.current.id))
    if report.ok:
        out.print(Text("It passes; there is nothing to hint at."))
        return 0
    if report.facts:
        out.print(Text(f"  {report.facts}{report.where}", "dim"))
    level, words = study.next_hint(report)
    screen.print_hint(out, level, words)
    return 0


def _solution(args: argparse.Namespace) -> int:
    out, (study, _) = screen.console(), open_study(args.folder, args.course, begin=False)
    if not study.may_see_solution():
        print("minigrad learn: read the three hints first (minigrad learn hint), or pass", file=sys.stderr)
        return 1
    if study.progress.state(study.current.id) not in ("passed", "shown") and not _agreed(
        args, f"Show the solution of {study.current.id}? It then counts as shown, not as passed."
    ):
        return 1
    study.show_solution()
    screen.print_solution(out, study.current)
    return 0


def _reset(args: argparse.Namespace) -> int:
    study, _ = open_study(args.folder, args.course)
    backup = study.reset()
    kept = f"; what you wrote is in {backup}" if backup.exists() else ""
    screen.console().print(Text(f"{study.file(study.current.id)} is as it was{kept}"), soft_wrap=True)
    return 0


def _agreed(args: argparse.Namespace, question: str) -> bool:
    """Ask, unless --yes was given; without a terminal nobody can agree."""
    if args.yes:
        return True
    if not sys.stdin.isatty():
        print(f"minigrad learn: {question} Without a terminal, say so with --yes.", file=sys.stderr)
        return False
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


# ----------------------------------------------------------------------------------------------- for teachers and authors


def _collect(args: argparse.Namespace) -> int:
    from minigrad.learn.classroom import collect, find_students, write

    course, out = find(args.course), screen.console()
    find_students(course, args.folders)  # whether there are any, before anybody is asked
    if not _agreed(args, "This runs the code in those folders, as you: guarded against accidents, not against malice. Go on?"):
        return CANNOT
    with out.status("grading") as status:
        document = collect(course, args.folders, args.anonymous, lambda name: status.update(f"grading {name}"))
    write(document, args.json)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("exercise", "passed", "TODO", "mistakes now"):
        table.add_column(heading, justify="right" if heading in ("passed", "TODO") else "left")
    for id, found in document["exercises"].items():
        if found["started"]:
            mistakes = ", ".join(f"{count} {mistake}" for mistake, count in found["mistakes"].items())
            table.add_row(id, f"{found['passed']} of {found['started']}", str(found["todo"] or ""), Text(mistakes))
    out.print(table)
    out.print(Text(f"{len(document['students'])} students; everything in {args.json}", "dim"), soft_wrap=True)
    return 0


def _dev(args: argparse.Namespace) -> int:
    if args.dev == "new":
        from minigrad.learn import authoring

        for path in authoring.new_course(args.directory):
            print(path)
        print(f"prove it with minigrad learn --course {args.directory} dev check")
        return 0
    from minigrad.learn.laws import prove

    course = find(args.course) if args.course else read(OWN)
    return prove(course, args.ids, args.quick, screen.console())


_COMMANDS: dict[str | None, Callable[[Any], int]] = {
    None: _learn, "check": _check, "next": _next, "list": _list, "start": _start, "hint": _hint, "solution": _solution, "reset": _reset,
    "collect": _collect, "dev": _dev,
}  # fmt: skip
