"""``minigrad info``: what runs here."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from minigrad import _system
from minigrad.backends.cuda import cuda_status
from minigrad.commands._parser import CommandParser
from minigrad.distributed.launching import INSTALL, find_mpiexec

ERRORS = ()  #: nothing that is known can go wrong
ERROR_CODE = 1
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
OPTIONAL = {
    "matplotlib": "plot",
    "tensorboardX": "tensorboard",
    "numba": "fast",
    "mpi4py": "mpi",
    "mpich": "mpi",
    "cupy-cuda13x": "cuda",
    "cupy-cuda12x": "cuda12",
    "torch": "bench",
}


def add_arguments(parser: CommandParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print what runs here; return the exit code."""
    found = collect()
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)
    return 0


def collect() -> dict[str, Any]:
    """Return versions, BLAS and its threads, and devices."""
    from minigrad import __version__

    status = cuda_status()
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "minigrad": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: _version(name) for name in ("numpy", "safetensors", "rich", *OPTIONAL)},
        "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
        "blas_kernels": blas_kernels(),
        "cores": _system.usable_cores(),
        "threads": {name: os.environ.get(name) for name in THREAD_VARIABLES},
        "mpi": mpi(),
        "cuda": {"available": status.available, "reason": status.reason},
        "default_device": os.environ.get("MINIGRAD_DEVICE", "cpu"),
    }


def show(found: dict[str, Any]) -> None:
    """Print what `collect` found, as a table."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_row("minigrad", found["minigrad"])
    table.add_row("Python", f"{found['python']} on {found['system']}")
    for name, version in found["packages"].items():
        if name in OPTIONAL and version is None:
            table.add_row(name, f"not installed (extra: {OPTIONAL[name]})")
        else:
            table.add_row(name, version or "not installed")
    threads = ", ".join(f"{name}={value}" for name, value in found["threads"].items() if value) or f"not limited: up to {found['cores']}"
    kernels = f" with its kernels for {found['blas_kernels']}" if found["blas_kernels"] else ""
    pinned = f" (OPENBLAS_CORETYPE={os.environ['OPENBLAS_CORETYPE']} is set)" if "OPENBLAS_CORETYPE" in os.environ else ""
    table.add_row("BLAS", f"{found['blas']}{kernels}{pinned}; threads: {threads}")
    table.add_row("cpu", f"available; {found['cores']} cores")
    table.add_row("MPI", found["mpi"])
    cuda = found["cuda"]
    table.add_row("cuda", f"{'available;' if cuda['available'] else 'not available:'} {cuda['reason']}")
    table.add_row("default device", found["default_device"])
    Console(soft_wrap=True).print(table, markup=False, highlight=False)


def mpi() -> str:
    """Say in one sentence which MPI minigrad launch would use, or what is missing."""
    mpiexec = find_mpiexec()
    try:
        import mpi4py

        mpi4py.rc.initialize = False  # only asked for its name; MPI is not started
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # the wheel says so by a RuntimeError where it finds no MPI library
        return f"not available: {error}; {INSTALL}"
    library = MPI.Get_library_version().splitlines()[0].replace("\t", " ").strip()
    started_by = f"started by {mpiexec}" if mpiexec is not None else f"no mpiexec; {INSTALL}"
    return f"{library} through mpi4py {mpi4py.__version__}, {started_by}"


def blas_kernels() -> str | None:
    """Name of the processor whose kernels NumPy's own OpenBLAS runs; None where NumPy has another BLAS.

    It is found out when NumPy is loaded, unless the environment variable OPENBLAS_CORETYPE says it, and can make matrix
    products twice as quick or slow.
    """
    for library in (Path(np.__file__).parents[1] / "numpy.libs").glob("*openblas*"):
        name = getattr(ctypes.CDLL(str(library)), "scipy_openblas_get_corename64_", None)
        if name is not None:
            name.restype = ctypes.c_char_p
            return str(name().decode())
    return None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
