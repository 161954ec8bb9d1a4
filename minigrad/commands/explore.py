"""``minigrad explore FILE.py[:NAME]``: run a script, and show how a tensor of it was computed.

The page is for a browser, and needs nothing else. Without a name it shows what leads to where the last backward pass of the script
started.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from minigrad.commands import _parser
from minigrad.core.tensor import Tensor
from minigrad.explore import Trace, TraceError, record, trace_to

ERRORS = (TraceError, OSError)
ERROR_CODE = 1


def add_arguments(parser: _parser.CommandParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("target", metavar="FILE.py[:NAME]", help="the script, and the tensor to show (default: where its last backward pass starts)")
    add("--out", type=_parser.new_file, metavar="FILE", help="the page (default: named after the script, in the working directory)")
    add("--check", type=_parser.count, default=0, metavar="N", help="finite differences of up to N elements of each gradient")
    add("--full", action="store_true", help="keep all elements of large arrays")
    add("--no-source", dest="source", action="store_false", help="leave the script's code out of the page")
    add("--text", action="store_true", help="print the computation as a program, and write no page")


def run(args: argparse.Namespace) -> int:
    """Run the script while it is recorded, and write the page; return the exit code."""
    file, name = _split(args.target)
    if not os.path.isfile(file):
        raise TraceError(f"{file or repr(file)} is a folder; give a script" if os.path.isdir(file) else f"there is no file {file}")
    if args.text and (args.out or args.check):
        args.parser.error(f"--text writes no page, for which {'--out' if args.out else '--check'} is")
    with record(check=args.check, full=args.full, title=os.path.basename(args.target)) as trace:
        output = _output(_variables_of(file), file, name)
        if output is not None:
            trace_to(output)  # a backward pass that this has to run is run while the record can still check it
    chosen = _last_pass(trace, file) if output is None else trace_to(output)
    if args.text:
        print(chosen)
        return 0
    page = chosen.explore(args.out or Path(file).with_suffix(".html").name, source=args.source)
    print(f"{page}: {chosen.summary()}; open it in a browser")
    return 0


def _split(target: str) -> tuple[str, str]:
    """Separate FILE.py:NAME; the colon of a Windows drive is no such colon."""
    file, colon, name = target.rpartition(":")
    return (file, name) if colon and name.isidentifier() and file.endswith(".py") else (target, "")


def _variables_of(file: str) -> dict[str, Any]:
    """Run a script as ``python FILE`` does; return its variables."""
    argv, path, main = sys.argv, list(sys.path), sys.modules["__main__"]
    script = ModuleType("__main__")
    try:
        script.__file__ = file
        sys.argv, sys.path[0:0] = [file], [os.path.dirname(os.path.abspath(file))]
        sys.modules["__main__"] = script
        exec(compile(Path(file).read_bytes(), file, "exec"), script.__dict__)
    except SystemExit as stop:
        code = "" if stop.code is None else repr(stop.code)
        raise TraceError(f"{file} ended by sys.exit({code}) before it could be shown") from None
    except Exception as error:
        raise TraceError(_in_one_line(error, file)) from None
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"] = argv, path, main
    return script.__dict__


def _in_one_line(error: Exception, file: str) -> str:
    """Say which line of a script failed, and how."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    line = frames[-1].lineno if frames else getattr(error, "lineno", None)
    message = " ".join(" ".join([str(error), *(f"({note})" for note in getattr(error, "__notes__", ()))]).split())
    return f"{file}{f':{line}' if line else ''} failed: {type(error).__name__}: {message}"


def _output(variables: dict[str, Any], file: str, name: str) -> Tensor | None:
    """Return the tensor that was asked for; None where no name was given."""
    if not name:
        return None
    if name not in variables:
        tensors = sorted(key for key, value in variables.items() if isinstance(value, Tensor) and not key.startswith("_"))
        raise TraceError(f"{file} has no variable {name}; " + (f"its tensors are {', '.join(tensors)}" if tensors else "it has no tensors"))
    output = variables[name]
    if not isinstance(output, Tensor):
        raise TraceError(f"{name} in {file} is a {type(output).__name__}, not a tensor")
    return output


def _last_pass(trace: Trace, file: str) -> Trace:
    if not trace.document["passes"]:
        raise TraceError(f"{file} runs no backward pass: say which tensor to show, as {file}:loss")
    return trace.last_pass()
