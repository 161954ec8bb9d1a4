"""What ends a job when something goes wrong on one rank, so that the others do not wait for ever.

==========================================  =========  =========================================================
what happened                               exit code  who notices
==========================================  =========  =========================================================
an exception on a rank, in any thread       13         the hooks that `install` sets
a rank waited too long in a collective      14         the watchdog, a thread that looks at what is waited for
``sys.exit(n)`` on a rank, n not 0          n          the program that ``minigrad launch`` runs
Ctrl-C                                      130        all ranks, after the same step of the trainer
a rank was killed by signal n               n          mpiexec
==========================================  =========  =========================================================
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from types import TracebackType
from typing import NoReturn

import numpy as np

from minigrad.distributed.group import place_of
from minigrad.distributed.mpi import MpiGroup

EXCEPTION, WAITED, INTERRUPTED = 13, 14, 130
PATIENCE = 2.0  #: seconds that a rank gives the others to end for the same reason
HEARD = 0.5  #: seconds that what a rank wrote is given to reach the terminal through mpiexec, which forwards nothing once it ends the job
LAST = 3.0  #: seconds after which a rank leaves by itself, where MPI cannot end the job because a link is gone


class Guard:
    """Ends the job of a group.

    Parameters
    ----------
    group
        The group of all ranks.
    seconds
        How long a collective may take.
    """

    def __init__(self, group: MpiGroup, seconds: float) -> None:
        self.group, self.seconds = group, seconds
        self._comm = group.comm.Dup()  # messages of its own: those of the program may be out of step
        self._main = threading.get_ident()

    def install(self) -> None:
        """Watch over exceptions and over the time that collectives take."""
        sys.excepthook = self._excepthook
        threading.excepthook = lambda args: self._excepthook(args.exc_type, args.exc_value, args.exc_traceback)
        threading.Thread(target=self._watch, daemon=True, name="minigrad-watchdog").start()

    def end(self, code: int, text: str = "") -> NoReturn:
        """End the job: quietly if all ranks come here with the same code, by force otherwise."""
        if text:
            sys.stderr.write("".join(f"[rank {self.group.rank}] {line}\n" for line in text.splitlines()))
        sys.stdout.flush()
        sys.stderr.flush()
        if self._all_end(code):
            self._leave(code)
        self.abort(code)

    def abort(self, code: int) -> NoReturn:
        """End the job by force, whatever the others do."""
        late = threading.Timer(LAST, os._exit, (code,))
        late.daemon = True
        late.start()
        time.sleep(HEARD)
        self.group.comm.Abort(code)
        os._exit(code)

    def _all_end(self, code: int) -> bool:
        """Tell whether all ranks end with this code, within `PATIENCE`."""
        codes, largest = np.array([code, -code]), np.empty(2, int)
        from mpi4py import MPI

        request = self._comm.Iallreduce(codes, largest, MPI.MAX)
        deadline = time.monotonic() + PATIENCE
        while not request.Test():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return bool(largest[0] == -largest[1])

    def _leave(self, code: int) -> NoReturn:
        """End a job that all ranks end with this code. Rank 0 gives it, without MPI's own words about it; the others wait to be ended.

        If each left by itself, mpiexec would kill the others as soon as it saw the first go, and take its own signal for their code.
        """
        if self.group.rank:
            time.sleep(HEARD + LAST)
            os._exit(code)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
        self.abort(code)

    def _excepthook(self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self.end(INTERRUPTED, "interrupted")
        text = "".join(traceback.format_exception(kind, error, trace))
        if threading.get_ident() != self._main:  # which may be in a collective
            sys.stderr.write("".join(f"[rank {self.group.rank}] {line}\n" for line in text.splitlines()))
            sys.stderr.flush()
            self.abort(EXCEPTION)
        self.end(EXCEPTION, text)

    def _watch(self) -> None:
        progress = self.group.progress
        while True:
            time.sleep(min(1.0, self.seconds / 4))
            since = progress.since
            if since is not None and time.monotonic() - since > self.seconds:
                frame = sys._current_frames().get(progress.thread)
                sys.stderr.write(
                    f"[rank {self.group.rank}] has waited {self.seconds:g} s in {progress.call} at {place_of(frame)}; other ranks did "
                    "not come: do they take another branch, have they fewer batches, are they gone? minigrad launch --check tells\n"
                )
                sys.stderr.flush()
                self.abort(WAITED)
