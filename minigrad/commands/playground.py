"""``minigrad playground``: minigrad in a browser, served on this machine or built as a folder for any static host."""

from __future__ import annotations

import argparse
from pathlib import Path

from minigrad.commands import _parser
from minigrad.data.download import cache_folder
from minigrad.playground.building import build
from minigrad.playground.runtime import DEFAULT, PlaygroundError, versions
from minigrad.playground.serving import address, server

ERRORS = (PlaygroundError,)
ERROR_CODE = 1


def add_arguments(parser: _parser.CommandParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--port", type=_port, default=8000, metavar="N", help="where to serve it on this machine; 0 takes any free one (default 8000)")
    add("--build", type=Path, metavar="DIR", help="write the folder, for any static host, and serve nothing")
    others = ", ".join(f"{version} (untested here)" for version in versions() if version != DEFAULT)
    add("--runtime", default=DEFAULT, metavar="V", help=f"the version of Pyodide: {DEFAULT} (default), {others}")
    add("--from", type=Path, dest="given", metavar="DIR", help="a folder with the runtime's files, where they cannot be fetched")


def run(args: argparse.Namespace) -> int:
    """Build, and unless only that was asked for, serve until Ctrl-C; return the exit code."""
    folder = args.build or cache_folder() / "playground" / f"site-{args.runtime}"
    size = build(folder, args.runtime, args.given, lambda line: print(f"fetching {line}", flush=True))
    if args.build:
        print(f"{folder}: {size / 1e6:.1f} MB, for any static host; it asks nobody else for anything")
        return 0
    with server(folder, args.port) as serving:
        print(f"{address(serving)} is minigrad in your browser; Ctrl-C ends it", flush=True)
        serving.serve_forever()
    return 0


def _port(text: str) -> int:
    """A port, or 0."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, from 0 to 65535")
    return int(text)
