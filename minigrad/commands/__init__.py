"""The command ``minigrad``. Each of its commands is a file here, with its arguments and a function `run` (see `_parser.Command`).

Exit codes: 0 for success, 1 if something went wrong, 2 for a command that was not understood, 130 after Ctrl-C; gradcheck,
learn and launch have codes of their own. What went wrong is said in one sentence on standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from minigrad._printable import printable
from minigrad.commands._parser import Command, CommandParser, Parser

INTERRUPTED = 130
LONGEST_NAME = 200  #: characters of a file's name that are shown

#: name of each command, which is the name of its file, and what it does, in the order of the help
COMMANDS = {
    "train": "train a model and leave everything in a run folder",
    "predict": "what a trained model says about a file",
    "export": "write a trained model as an ONNX file",
    "launch": "run a program on several processes or machines",
    "explore": "run a script, and step through what it computed",
    "explain": "what an op computes, its gradients, and their derivation as it runs",
    "info": "versions, BLAS and threads, devices, and why CUDA is not there",
    "learn": "exercises, checked as you save them, with hints for the mistake you made",
    "playground": "minigrad in a browser, on this machine or any static host",
    "lab": "what is said about batch norm, run, measured and judged",
    "gradcheck": "check the derivatives of every op and layer",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    try:
        args = make_parser().parse_args(argv)
        command: Command = args.parser.load()
        try:
            return command.run(args)
        except Exception as error:
            sentence = _about_a_file(error) or (str(error) if isinstance(error, command.ERRORS) else None)
            if sentence is None:
                raise
            print(printable(f"{args.parser.prog}: {sentence}"), file=sys.stderr)
            return command.ERROR_CODE
    except SystemExit as stop:
        return int(stop.code or 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # nobody reads what is printed any more, as in minigrad ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _about_a_file(error: Exception) -> str | None:
    """Say what is wrong with a file that somebody named, whatever the command is; None if the error is about something else."""
    from minigrad.writing import CheckpointError

    if isinstance(error, OSError) and error.filename is not None:
        name = str(error.filename)
        return f"{error.strerror}: {name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + '...'}"
    return str(error) if isinstance(error, CheckpointError) else None


def make_parser() -> Parser:
    """Declare the commands. Each declares its arguments when it is chosen."""
    from minigrad import __version__

    parser = Parser("minigrad", description="A from-scratch autograd micro-framework.")
    parser.add_argument("--version", action="version", version=f"minigrad {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=CommandParser)
    for name, does in COMMANDS.items():
        commands.add_parser(name, command=name, help=does)
    return parser
