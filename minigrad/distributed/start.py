"""init: the group that this process belongs to."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from minigrad.distributed.group import Alone, Group
from minigrad.distributed.launching import INSTALL, LaunchError, check_launcher, started_ranks

if TYPE_CHECKING:
    from minigrad.distributed.guard import Guard

TIMEOUT = 600.0  #: seconds that a collective may take, unless MINIGRAD_TIMEOUT says otherwise

_world: Group | None = None
_guard: Guard | None = None


def init() -> Group:
    """Return the group of all ranks of this job: one rank where the program was started by itself.

    Called again, it returns the same group. Under a launcher (``minigrad launch``, mpiexec, srun) the first call also makes sure that an
    exception on one rank, or a rank that does not come to a collective, ends the job (`minigrad.distributed.guard`).
    ``MINIGRAD_CHECK=1`` compares what ranks are about to do before each collective; ``MINIGRAD_TIMEOUT`` is how many seconds one may take.

    Raises
    ------
    LaunchError
        If there was a launcher and mpi4py is missing, or belongs to another MPI than the launcher.
    """
    global _world
    if _world is None:
        _world = Alone() if started_ranks() is None else _join()
    return _world


def end(code: int) -> NoReturn:
    """Exit with a code, and take the other ranks along if it is not 0: quietly if they end alike."""
    if code and _guard is not None:
        _guard.end(code)
    sys.exit(code)


def _join() -> Group:
    global _guard
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # the wheel says so by a RuntimeError where it finds no MPI library
        raise LaunchError(f"a launcher started this process, and mpi4py cannot be used ({error}); {INSTALL}") from None
    from minigrad.distributed.guard import Guard
    from minigrad.distributed.mpi import MpiGroup

    check_launcher(MPI.COMM_WORLD.size, MPI.Get_library_version())
    group = MpiGroup(check=os.environ.get("MINIGRAD_CHECK") == "1")
    _guard = Guard(group, float(os.environ.get("MINIGRAD_TIMEOUT") or TIMEOUT))
    _guard.install()
    return group
