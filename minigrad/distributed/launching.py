"""How a program is started on several ranks: by the ``mpiexec`` that belongs to this Python, with cores divided among the ranks."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from minigrad._system import usable_cores

#: what launchers tell a rank about the number of all ranks; that of ``minigrad launch`` is the one that no MPI can hide
SIZES = {
    "MINIGRAD_RANKS": "minigrad launch",
    "PMI_SIZE": "mpiexec of MPICH or Intel MPI",
    "OMPI_COMM_WORLD_SIZE": "mpirun of Open MPI",
    "MV2_COMM_WORLD_SIZE": "mpirun of MVAPICH",
    "SLURM_NTASKS": "srun",
}
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
INSTALL = "install the extra mpi, in a clone: pip install -e '.[mpi]' (mpi4py, and MPICH as a wheel: nothing to compile)"


RANKS_OF_A_CORE = 32  #: at most: each is a process of some 50 MB


class LaunchError(RuntimeError):
    """A program cannot be started on several ranks, or was started by a launcher of another MPI."""


def started_ranks(environment: Mapping[str, str] = os.environ) -> tuple[int, str] | None:
    """Return how many ranks the launcher of this process says there are, and which launcher that is; None without one."""
    for name, launcher in SIZES.items():
        if name == "SLURM_NTASKS" and "SLURM_STEP_ID" not in environment:
            continue  # in a batch script, but not started by srun
        if environment.get(name, "").isdecimal():
            return int(environment[name]), f"{launcher} ({name}={environment[name]})"
    return None


def check_launcher(size: int, library: str, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to go on where MPI sees another number of ranks than the launcher started: every rank would train alone."""
    started = started_ranks(environment)
    if started is not None and started[0] != size:
        seen, ranks = library.splitlines()[0].strip(), "rank" if started[0] == 1 else "ranks"
        raise LaunchError(
            f"{started[1]} started {started[0]} {ranks}, but {seen} sees {size}: they belong to different MPIs. Start the program by "
            "minigrad launch -n N, which uses the mpiexec of this environment"
        )


def find_mpiexec() -> Path | None:
    """Return the ``mpiexec`` of this environment, or another one that is on the path."""
    own = Path(sys.executable).parent / "mpiexec"
    found = shutil.which("mpiexec")
    return own if own.is_file() else Path(found) if found is not None else None


def launch_command(
    program: Sequence[str],
    ranks: int,
    *,
    hosts: Sequence[str] = (),
    threads: int | None = None,
    check: bool = False,
    timeout: float | None = None,
    options: Sequence[str] = (),
    environment: Mapping[str, str] = os.environ,
) -> tuple[list[str], dict[str, str]]:
    """Return the command that runs a program on several ranks, and its environment.

    Parameters
    ----------
    program
        ``["script.py", "argument", ...]`` or ``["-m", "module", "argument", ...]``.
    ranks
        How many.
    hosts
        Machines to divide them among, which can be reached by ssh without a password and have the same paths; this one by default.
    threads
        BLAS threads of each rank; by default the cores of this machine divided among its ranks, where the environment does not say.
    check
        Compare what the ranks are about to do before each collective.
    timeout
        Seconds that a collective may take.
    options
        For ``mpiexec``.

    Raises
    ------
    LaunchError
        If mpi4py or an ``mpiexec`` is missing, or a machine would have more than 32 ranks for each core.
    """
    here, most = -(-ranks // max(len(hosts), 1)), RANKS_OF_A_CORE * usable_cores()
    if here > most:
        raise LaunchError(f"{here} ranks on one machine are more than it can hold: at most {most}, {RANKS_OF_A_CORE} for each core here")
    mpiexec = find_mpiexec()
    if mpiexec is None or find_spec("mpi4py") is None:
        raise LaunchError(f"there is no {'mpiexec' if mpiexec is None else 'mpi4py'} in this environment; {INSTALL}")
    variables = {"MINIGRAD_RANKS": str(ranks), **({"MINIGRAD_CHECK": "1"} if check else {})}
    if timeout is not None:
        variables["MINIGRAD_TIMEOUT"] = str(timeout)
    for name in THREADS:
        if threads is not None or name not in environment:
            variables[name] = str(threads or max(1, (os.cpu_count() or 1) // here))
    placed = ["-hosts", ",".join(hosts), "-ppn", str(here)] if hosts else []
    line = [str(mpiexec), "-n", str(ranks), *placed, *options, sys.executable, "-m", "minigrad.distributed.worker", *program]
    return line, {**environment, **variables}
