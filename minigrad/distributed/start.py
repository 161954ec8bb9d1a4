"""init: the group that this process belongs to."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from minigrad.core.device import as_device, set_default_device
from minigrad.distributed.group import Alone, Group
from minigrad.distributed.launching import INSTALL, LaunchError, check_launcher, started_ranks
from minigrad.distributed.mpi import MpiGroup
from minigrad.distributed.nccl import NcclGroup

if TYPE_CHECKING:
    from minigrad.distributed.guard import Guard

TIMEOUT = 600.0  #: seconds that a collective may take, unless MINIGRAD_TIMEOUT says otherwise

_world: Group | None = None
_guard: Guard | None = None


def init(device: str = "cpu") -> Group:
    """Return the group of all ranks of this job: one rank where the program was started by itself.

    Called again, it returns the same group. Under a launcher (``minigrad launch``, mpiexec, srun) the first call also makes sure
    that an exception on one rank, or a rank that does not come to a collective, ends the job (`minigrad.distributed.guard`).
    ``MINIGRAD_CHECK=1`` compares what ranks are about to do before each collective; ``MINIGRAD_TIMEOUT`` is how many seconds one
    may take.

    Parameters
    ----------
    device
        ``"cpu"``; or ``"cuda"``, which gives each rank of a machine a GPU of its own, makes that the default device, and sends arrays
        through NCCL. That has run on a GPU with one rank; with several only on a stand-in with NCCL's rules.

    Raises
    ------
    LaunchError
        If there was a launcher and mpi4py is missing, or belongs to another MPI than the launcher.
    """
    global _world
    if _world is None:
        _world = Alone() if started_ranks() is None else _join()
        if device != "cpu" and isinstance(_world, MpiGroup):
            _world = _with_gpu(_world)
    return _world


def _with_gpu(host: MpiGroup) -> Group:
    from minigrad.backends.cuda_nccl import connect

    place = as_device(f"cuda:{host.rank_on_machine()}")
    set_default_device(place)
    communicator, stream = connect(host.size, host.rank, place.index, lambda name: host.exchange(name)[0])
    return NcclGroup(communicator, host, stream)


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

    check_launcher(MPI.COMM_WORLD.size, MPI.Get_library_version())
    group = MpiGroup(check=os.environ.get("MINIGRAD_CHECK") == "1")
    _guard = Guard(group, float(os.environ.get("MINIGRAD_TIMEOUT") or TIMEOUT))
    _guard.install()
    return group
