"""``minigrad explain OP``: what an op computes, its gradients as written, and their derivation, line by line, as it runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.text import Text

from minigrad._printable import printable
from minigrad.commands import _parser
from minigrad.writing import write_atomically

ERRORS = (LookupError, OSError)
ERROR_CODE = 1


def add_arguments(parser: _parser.CommandParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("op", metavar="OP", help="the name of an op, as exp or batch_norm")
    add("--line", type=_parser.count, metavar="N", help="show line N of the derivation alone")
    add("--plain", action="store_true", help="without colours, as is done where there is no terminal")
    add("--html", type=_parser.new_file, metavar="FILE", help="write a page with formulas")


def run(args: argparse.Namespace) -> int:
    """Explain the op; return the exit code, which is 1 if a line of the derivation does not hold."""
    from minigrad.explanations import explain

    if args.html and args.line:
        args.parser.error("--line shows a line here; leave out --html")
    explanation = explain(args.op)
    text = str(explanation) if args.line is None else explanation.line(args.line)
    if args.html:
        write_atomically(Path(args.html), explanation.html().encode())
        print(f"{args.html}: open it in a browser")
    elif args.plain:
        print(printable(text))
    else:
        console = Console(highlight=False)
        for line in printable(text).splitlines():
            style = "bold" if line.startswith("#") else "red" if "  WRONG " in line else ""
            console.print(Text(line, style), soft_wrap=True)
    return 0 if explanation.holds else 1
