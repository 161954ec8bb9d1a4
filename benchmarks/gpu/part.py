"""What the parts of benchmarks/gpu have in common: where their results go, and how a part that fails is told."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minigrad._system import kill_group
from minigrad.core.device import backend_of

Result = dict[str, Any]


class Record:
    """Results of one part, written to a file as they come, so that those before a crash are kept.

    Parameters
    ----------
    file
        Where they are written, if anywhere.
    until
        When the part should come to an end, as `time.time` counts.
    """

    def __init__(self, file: Path | None = None, until: float = float("inf")) -> None:
        self.file, self.until = file, until
        self.found: Result = {}

    def __setitem__(self, name: str, value: Any) -> None:
        self.found[name] = value
        if self.file is not None:
            written = self.file.with_suffix(".new")
            written.write_text(json.dumps(self.found, indent=1, default=str))
            written.replace(self.file)

    @property
    def late(self) -> bool:
        """Whether the time of the part is over."""
        return time.time() > self.until

    def attempt(self, name: str, function: Callable[..., Any], *args: Any) -> None:
        """Note what a measurement gives; if it cannot be made, note that and go on."""
        if self.late:
            self[name] = "not measured: out of time"
            return
        try:
            self[name] = function(*args)
        except Exception as error:
            traceback.print_exc()
            self[name] = f"not measured: {in_short(error)}"


def run(command: list[str], seconds: float) -> tuple[int | None, str]:
    """Run a command with all that it starts for at most so long; return its exit status, None if it was stopped, and what it said."""
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        try:
            status: int | None = process.wait(max(seconds, 1))
        except subprocess.TimeoutExpired:
            status = None
        except BaseException:
            kill_group(process)
            raise
        if status is None:
            kill_group(process)
        said.seek(0)
        return status, said.read()


def in_short(error: BaseException) -> str:
    """Name an error, with the first line of its message."""
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"[:300]


def backend() -> Any:
    """The CUDA backend; its ``xp`` is CuPy."""
    return backend_of("cuda")
