"""``minigrad launch``: run a program on several processes or machines, through MPI."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from minigrad.commands import _parser
from minigrad.distributed.launching import LaunchError, find_mpiexec, launch_command

ERRORS = (LaunchError,)
ERROR_CODE = 1
MEANING = """\
Run a Python program on several ranks: processes that each work on their part of the data.

exit codes: those of the program; 13 after an exception on a rank, 14 if a rank waited too long for the
others, 130 after Ctrl-C, n if a rank was killed by signal n. Each of them ends all ranks."""


def add_arguments(parser: _parser.CommandParser) -> None:
    """Declare the options. The program takes all that follows it."""
    parser.usage = "minigrad launch -n N [options] script.py ... | -m module ..."
    parser.description, parser.formatter_class = MEANING, argparse.RawDescriptionHelpFormatter  # keeps the lines
    parser.allow_abbrev = False
    add = parser.add_argument
    add("-n", "--ranks", type=_parser.count, required=True, metavar="N", help="how many ranks")
    add("--hosts", default="", metavar="A,B", help="machines to run on: ssh without a password, the same paths on each (default: this one)")
    add("--threads", type=_parser.count, metavar="N", help="BLAS threads of a rank (default: cores of this machine / its ranks)")
    add("--check", action="store_true", help="compare what the ranks are about to do before each collective")
    add("--timeout", type=_parser.positive, metavar="S", help="seconds that a collective may take (default 600)")
    add("--mpiexec", default="", metavar="OPTIONS", help="further options for mpiexec, as one argument")
    add("-m", dest="module", nargs=argparse.REMAINDER, metavar="module ...", help="run a module in place of a script")
    add("script", nargs=argparse.REMAINDER, metavar="script.py ...", help="the program and its arguments")


def run(args: argparse.Namespace) -> int:
    """Run the program; return an exit code."""
    if not (args.script or args.module):
        args.parser.error("say what to run: script.py or -m module")
    if args.script and not Path(args.script[0]).is_file():
        args.parser.error(f"there is no script {args.script[0]}")
    if args.module and not can_be_run(args.module[0]):
        args.parser.error(f"there is no module {args.module[0]} that can be run")
    program = args.script or ["-m", *args.module]
    hosts = [host for host in args.hosts.split(",") if host]
    options = {"threads": args.threads, "check": args.check, "timeout": args.timeout, "options": args.mpiexec.split()}
    return become_mpiexec(program, args.ranks, hosts=hosts, **options)


def can_be_run(module: str) -> bool:
    """Whether there is a module of this name, or a package with a ``__main__``, for this Python in this folder."""
    before = list(sys.path)
    try:
        sys.path.insert(0, "")
        found = find_spec(module)
        return found is not None and (found.submodule_search_locations is None or find_spec(f"{module}.__main__") is not None)
    except (ImportError, ValueError, AttributeError):  # a parent that is no package, an empty name
        return False
    finally:
        sys.path[:] = before


def become_mpiexec(program: Sequence[str], ranks: int, **options: Any) -> int:
    """Replace this process by the ``mpiexec`` that runs a program on several ranks: signals and exit codes are then its own."""
    line, environment = launch_command(program, ranks, **options)
    if find_mpiexec() != Path(sys.executable).parent / "mpiexec":
        print(f"minigrad launch: using {line[0]}, which is not of this environment", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    return os.execve(line[0], line, environment)
