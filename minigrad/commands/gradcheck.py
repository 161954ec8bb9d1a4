"""``minigrad gradcheck``: the suite as a command. Reports are imported when they are asked for."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from minigrad.backends import DeviceUnavailableError
from minigrad.commands._parser import CommandParser
from minigrad.core.device import as_device
from minigrad.gradcheck.numerics.arguments import BadUse
from minigrad.saving import CheckpointError, write_atomically

if TYPE_CHECKING:
    from minigrad.gradcheck.report.document import Document

PASSED, FAILED, CANNOT_TELL, USAGE = 0, 1, 2, 3
EXIT = {"pass": PASSED, "fail": FAILED, "cannot tell": CANNOT_TELL}
MEANING = """\
Check derivatives of ops, layers and optimizers against numerical ones.

exit codes:
  0  everything passed
  1  something failed, or a mutant survived
  2  the worst is that something could not be told
  3  the command was not understood, or cannot be done"""
ERRORS = (BadUse, CheckpointError, DeviceUnavailableError)
ERROR_CODE = USAGE
EVERY_CASE_UP_TO = 3  #: ops, beyond which the table has one line for each op


def add_arguments(parser: CommandParser) -> None:
    """Declare the options."""
    parser.usage_code = USAGE
    parser.description, parser.formatter_class = MEANING, argparse.RawDescriptionHelpFormatter  # keeps the lines
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="ops (exp), layers (nn.Linear), optimizers (optim.Adam), or files of yours (net.py, net.py:Net); default: all",
    )
    parser.add_argument("--tag", action="append", default=[], help="all of a family: norm, conv, pool, loss, elementwise, nn, ...")
    parser.add_argument("--module", metavar="PACKAGE:NAME", help="check an op of yours, or the layer and inputs that a function returns")
    parser.add_argument("--order", type=int, default=2, metavar="N", help="up to which derivative (default 2)")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda", "all"], help="cuda compares with float64 on the CPU")
    parser.add_argument("--mode", default="full", choices=["quick", "full"], help="quick: along one random direction of each input")
    parser.add_argument("--mutants", action="store_true", help="change every formula in every way, and see whether that is noticed")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of samples, cotangents and directions (default 0)")
    parser.add_argument("--json", type=Path, metavar="F", help="write the results as JSON")
    parser.add_argument("--html", type=Path, metavar="F", help="write the results as one HTML page")
    parser.add_argument("--junit", type=Path, metavar="F", help="write the results as JUnit XML")
    parser.add_argument("--fail-fast", action="store_true", help="stop at the first failure")
    parser.add_argument("--list", action="store_true", help="list what can be checked")
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("OLD", "NEW"), help="compare two JSON files")


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 120)
    if args.compare:
        return _compare(console, *args.compare)
    if args.list:
        return _list(console)
    return _check(console, args)


def _check(console: Console, args: argparse.Namespace) -> int:
    """Check what was asked for, write the reports and print what came of it; return the exit code."""
    from minigrad.gradcheck.report.document import verdict_of
    from minigrad.gradcheck.report.terminal import print_closing, print_failures

    _refuse(args)
    files = [name for name in args.names if is_file(name)]
    if files and len(files) < len(args.names):
        raise BadUse("files and names are checked apart: give one or the other")
    document = _check_own(console, args, files) if args.module or files else _check_suite(console, args)
    _write_reports(document, args)
    print_failures(console, document)
    print_closing(console, document)
    return EXIT[verdict_of(document)]


def _refuse(args: argparse.Namespace) -> None:
    """Refuse what cannot be done before anything is computed."""
    if args.order < 1:
        raise BadUse(f"--order is 1 or more, not {args.order}")
    for path in (args.json, args.html, args.junit):
        if path is not None and not path.resolve().parent.is_dir():
            raise BadUse(f"cannot write {path}: there is no folder {path.resolve().parent}")
        if path is not None and path.is_dir():
            raise BadUse(f"cannot write {path}: it is a folder")
    if args.device != "cpu":
        as_device("cuda")


def is_file(name: str) -> bool:
    """Whether a name is that of a Python file, or of something in one."""
    return name.endswith(".py") or ".py:" in name


def _check_own(console: Console, args: argparse.Namespace, files: list[str]) -> Document:
    """Check what ``--module package:name`` names, and what is in files."""
    from minigrad.gradcheck.report.terminal import LiveTable
    from minigrad.gradcheck.suite.user import document_for, find, find_in_file

    targets = {} if args.module is None else {args.module.partition(":")[2]: find(args.module)}
    for file in files:
        targets |= find_in_file(file)
    document = document_for(targets, args.order, args.mode, args.seed)
    with LiveTable(console, every_case=True) as table:
        for case in document["cases"]:
            table.add(case)
    return document


def _check_suite(console: Console, args: argparse.Namespace) -> Document:
    """Check the names and tags that were given on each device; return one document of all."""
    from minigrad.gradcheck.report.document import joined
    from minigrad.gradcheck.report.terminal import LiveTable
    from minigrad.gradcheck.suite.run import Options, run_suite, select

    targets = select(args.names, args.tag)
    devices = ["cpu", "cuda"] if args.device == "all" else [args.device]
    steps = args.json is not None or args.html is not None
    documents = []
    for device in devices:
        chosen = [target for target in targets if device == "cpu" or target.op is not None]
        mutants = args.mutants and device == devices[0]
        options = Options(args.order, args.mode, args.seed, device, mutants, args.fail_fast, steps)
        with LiveTable(console, every_case=len(chosen) <= EVERY_CASE_UP_TO) as table:
            documents.append(run_suite(chosen, options, table.add))
    return joined(documents)


def _write_reports(document: Document, args: argparse.Namespace) -> None:
    """Write the files that were asked for."""
    if args.json:
        from minigrad.gradcheck.report.document import to_json

        write_atomically(args.json, to_json(document).encode())
    if args.html:
        from minigrad.gradcheck.report.html import page

        write_atomically(args.html, page(document).encode())
    if args.junit:
        from minigrad.gradcheck.report.junit import to_junit

        write_atomically(args.junit, to_junit(document).encode())


def _list(console: Console) -> int:
    from minigrad.gradcheck.samples import all_samples
    from minigrad.gradcheck.suite.run import every_target

    there = all_samples()
    for target in every_target():
        note = "" if target.op is None or target.name in there else "  (no samples)"
        console.print(f"{target.name:28s} {target.tag}{note}", markup=False)
    return PASSED


def _compare(console: Console, old: Path, new: Path) -> int:
    from minigrad.data.files import read_bytes
    from minigrad.gradcheck.report.compare import compare
    from minigrad.gradcheck.report.document import VERSION

    documents = []
    for path in (old, new):
        try:
            documents.append(json.loads(read_bytes(path, 2**28)))
        except (OSError, ValueError) as error:
            raise BadUse(f"cannot read {path}: {error}") from None
        if not isinstance(documents[-1], dict) or documents[-1].get("version") != VERSION:
            raise BadUse(f"{path} is not a gradcheck document of version {VERSION}")
    lines, worse = compare(*documents)
    for line in lines:
        console.print(line, markup=False)
    return FAILED if worse else PASSED
