"""A check in a process of its own: what a learner's code may do to the machine by accident is bounded.

The process has a group of its own, a temporary folder to work in, an empty HOME, no input, and limits: of time everywhere, of
memory and of the size of files where the system keeps them (Linux; macOS and Windows bound time only), and it starts no other
process. When a check takes too long the whole group is ended. This guards progress and machine against accidents. It is no
sandbox: code that means harm can do what its user can.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import site
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

import minigrad
from minigrad._system import kill_group
from minigrad.learn.exercise import Exercise
from minigrad.learn.report import FAILED, UNCHECKED, Report

LIMIT = 10.0  #: seconds for a check
STARTING = 60.0  #: seconds in which Python must have started and imported minigrad
MEMORY = 2 * 2**30  #: bytes of address space
KEPT = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "WINDIR", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV")


class Worker:
    """A process that grades. It can be asked again as long as it answers in time.

    Use it as a context, or `close` it.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="minigrad-worker-", ignore_cleanup_errors=True)
        root = Path(self._folder.name)
        for name in ("home", "work"):
            (root / name).mkdir()
        self._process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-P", "-m", "minigrad.learn.child", str(MEMORY)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
            cwd=root / "work", env=_environment(root), start_new_session=True,
        )  # fmt: skip
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_collect, args=(self._process.stdout, self._lines), daemon=True).start()
        self._ready = self._closed = False

    def check(self, exercise: Exercise, text: str, limit: float = LIMIT) -> Report:
        """Return what the grader says about a text, or in one sentence why it said nothing."""
        try:
            if not self._ready:
                self._ready = bool(self._lines.get(timeout=STARTING))
            if not self._ready:
                return Report(exercise.id, UNCHECKED, facts="the process that checks did not start")
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps({"path": str(exercise.path), "text": text, "limit": limit}) + "\n")
            self._process.stdin.flush()
            line = self._lines.get(timeout=limit)
        except queue.Empty:
            self.close()
            return self._stopped(exercise, f"your code did not return within {limit:g} s: is a loop endless?")
        except OSError:
            line = ""
        if not line:
            self.close()
            return self._stopped(exercise, f"your code ended the process that checks it{_why(self._process.returncode)}")
        return Report.from_json(json.loads(line))

    @property
    def alive(self) -> bool:
        """Whether it can be asked again."""
        return not self._closed and self._process.poll() is None

    def close(self) -> None:
        """End the process and all that it started, and remove its folder."""
        if self._closed:  # by now the number of the process may be another's
            return
        self._closed = True
        kill_group(self._process)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):  # what was still to be written has no reader
                    stream.close()
        self._folder.cleanup()

    def _stopped(self, exercise: Exercise, facts: str) -> Report:
        ids = tuple(criterion.id for criterion in exercise.criteria)
        return Report(exercise.id, FAILED, failed="runs", sentence="the check comes to an end", facts=facts, untried=ids)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def check(exercise: Exercise, text: str, limit: float = LIMIT) -> Report:
    """Grade a text in a process of its own."""
    with Worker() as worker:
        return worker.check(exercise, text, limit)


def _environment(root: Path) -> dict[str, str]:
    """The variables that a check sees: what Python needs to find the same packages, and a home that is empty."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    paths = [str(Path(minigrad.__file__).parents[1]), *filter(None, kept.get("PYTHONPATH", "").split(os.pathsep))]
    home, threads = str(root / "home"), dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return kept | threads | {
        "HOME": home, "USERPROFILE": home, "TMPDIR": str(root / "work"), "TEMP": str(root / "work"), "TMP": str(root / "work"),
        "PYTHONPATH": os.pathsep.join(paths), "PYTHONUSERBASE": site.getuserbase(), "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
    }  # fmt: skip


def _collect(stream: IO[str] | None, lines: queue.Queue[str]) -> None:
    """Hand on what the process answers, and an empty line when it has ended."""
    assert stream is not None
    try:
        for line in stream:
            lines.put(line)
    except ValueError:  # closed while it was being read
        pass
    lines.put("")


def _why(code: int | None) -> str:
    if code is None or code == 0:
        return ""
    if code < 0:
        return f" ({signal.Signals(-code).name})" if -code in set(signal.Signals) else f" (signal {-code})"
    return f" (exit code {code})"
