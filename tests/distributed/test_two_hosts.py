"""Two hosts on one machine: namespaces for network and shared memory, joined by a link, so that MPI takes the wire. As root, slow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from minigrad.distributed.launching import find_mpiexec

TESTS = Path(__file__).parents[1]
MISSING = [tool for tool in ("ip", "unshare") if shutil.which(tool) is None]
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.mpi,
    pytest.mark.skipif(find_spec("mpi4py") is None or find_mpiexec() is None, reason="no MPI here: install the extra mpi (mpi4py, mpich)"),
    pytest.mark.skipif(not ROOT or bool(MISSING), reason="takes root, and ip and unshare, to make two hosts of one machine"),
]


def on_two_hosts(name, cut="never"):
    paths = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    environment = {**os.environ, "PYTHON": sys.executable, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": paths}
    line = [str(TESTS / "support" / "two_hosts.sh"), cut, str(TESTS / "support" / "mpi_program.py"), name, cut]
    start = time.monotonic()
    done = subprocess.run(line, env=environment, capture_output=True, text=True, cwd=TESTS, timeout=120)
    if done.returncode == 77:
        pytest.skip("namespaces cannot be made here")
    return done, time.monotonic() - start


@pytest.mark.parametrize("name", ["derivatives", "collectives", "training"])
def test_the_numbers_are_those_of_one_host(name):
    done, _ = on_two_hosts(name)
    assert done.returncode == 0, done.stderr


def test_a_cut_link_ends_the_job(tmp_path):
    done, seconds = on_two_hosts("endless", cut=str(tmp_path / "cut"))
    assert done.returncode == 14, done.stderr
    assert "has waited 4 s in all_reduce" in done.stderr
    assert "messages before" in done.stdout
    assert seconds < 30
