"""What every rank of ``minigrad launch`` runs: the group and its guard first, so that even a script that does not parse ends the job."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from minigrad.distributed.start import end, init


def main(program: list[str]) -> None:
    """Run ``script.py argument ...`` or ``-m module argument ...`` as if Python had been started with it."""
    init()
    try:
        if program[0] == "-m":
            sys.argv = program[1:]
            sys.path.insert(0, "")
            runpy.run_module(program[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = program
            sys.path.insert(0, str(Path(program[0]).resolve().parent))
            runpy.run_path(program[0], run_name="__main__")
    except SystemExit as stop:
        end(exit_code(stop.code))


def exit_code(value: object) -> int:
    """Return the exit code of ``sys.exit(value)``, after printing the value if it is no number."""
    if value is None or isinstance(value, int):
        return value or 0
    print(value, file=sys.stderr)
    return 1


if __name__ == "__main__":
    main(sys.argv[1:])
