"""Real ranks by a real mpiexec: two processes, what they compute, and how a job ends when something goes wrong on one of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from minigrad.distributed.launching import find_mpiexec

TESTS = Path(__file__).parents[1]
PROGRAM = str(TESTS / "support" / "mpi_program.py")

pytestmark = [
    pytest.mark.mpi,
    pytest.mark.skipif(
        find_spec("mpi4py") is None or find_mpiexec() is None, reason="no MPI here: pip install mpi4py mpich (the extra mpi)"
    ),
]


def launch(*arguments, options=(), seconds=60):
    """Run minigrad launch on two ranks; the process, and how long it took. It must leave nothing running."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    mark = f"MINIGRAD_TEST={os.getpid()}-{time.monotonic_ns()}"
    environment.update([mark.split("=")])
    line = ["timeout", "-k", "5", str(seconds), sys.executable, "-m", "minigrad", "launch", "-n", "2", *options, *arguments]
    start = time.monotonic()
    done = subprocess.run(line, env=environment, capture_output=True, text=True, cwd=TESTS)
    done.seconds = time.monotonic() - start
    time.sleep(0.2)
    assert not running(mark), f"left running:\n{done.stderr}"
    return done


def running(mark):
    """Processes that were started with this variable in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "environ").read_bytes() and "zombie" not in (entry / "status").read_text():
                found.append((entry / "cmdline").read_bytes())
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


@pytest.mark.parametrize("name", ["derivatives", "collectives"])
@pytest.mark.parametrize("options", [(), ("--check",)], ids=["plain", "check"])
def test_what_two_processes_compute(name, options):
    done = launch(PROGRAM, name, options=options)
    assert done.returncode == 0, done.stderr


CASES = {
    "an exception on one rank": ("raises", (), 13, ["[rank 1] ZeroDivisionError: on rank 1 only", "mpi_program.py"]),
    "an exception on every rank": ("raises_everywhere", (), 13, ["[rank 0] ZeroDivisionError", "[rank 1] ZeroDivisionError"]),
    "an exception in a thread": ("raises_in_a_thread", (), 13, ["[rank 1] ZeroDivisionError"]),
    "sys.exit with a text on one rank": ("exits", (), 1, ["rank 1 gives up"]),
    "a rank that does not come": ("fewer_batches", ("--timeout", "2"), 14,
                                  ["[rank 0] has waited 2 s in all_reduce #4 of float64[3] sum at mpi_program.py:", "fewer batches"]),
    "a rank that is stopped": ("stopped", ("--timeout", "2"), 14, ["[rank 0] has waited 2 s in all_reduce #2"]),
    "a rank that is killed": ("killed", (), 9, []),
    "another collective": ("another_collective", ("--timeout", "2"), 14, ["has waited 2 s in"]),
    "other sizes, compared": ("another_branch", ("--check",), 13, ["DesyncError", "rank 0: all_reduce #1 of float64[3]", "float64[5]"]),
    "another collective, compared": ("another_collective", ("--check",), 13, ["DesyncError", "all_reduce #1", "broadcast #1"]),
    "swapped, compared": ("swapped", ("--check",), 13, ["DesyncError", "rank 0: all_reduce #1 of float64[3] sum at mpi_program.py:"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_failure_ends_the_job_within_seconds(case):
    name, options, code, words = CASES[case]
    done = launch(PROGRAM, name, options=options)
    assert done.returncode == code, done.stderr
    for word in words:
        assert word in done.stderr
    assert done.seconds < 20


def test_other_sizes_without_comparing_end_the_job_too():
    done = launch(PROGRAM, "another_branch", options=("--timeout", "2"))
    assert done.returncode != 0
    assert "runcat" in done.stderr, done.stderr  # "message truncated", in MPI's own words


def test_swapped_without_comparing_is_silent_and_wrong():
    """The hazard that only --check shows; documented."""
    done = launch(PROGRAM, "swapped")
    assert done.returncode == 0
    assert done.stdout.split("\n").count("sum of a: 11.0") == 2


def test_a_script_that_does_not_parse_ends_the_job(tmp_path):
    (tmp_path / "script.py").write_text("print(\n")
    done = launch(str(tmp_path / "script.py"))
    assert done.returncode == 13
    assert "[rank 0] SyntaxError" in done.stderr


def test_arguments_modules_and_folders(tmp_path):
    (tmp_path / "helper.py").write_text("WORD = 'found'\n")
    (tmp_path / "script.py").write_text("import sys, helper\nsys.stdout.write(f'{__name__} {helper.WORD} {sys.argv[1:]}\\n')\n")
    done = launch(str(tmp_path / "script.py"), "-n", "7", "--check")
    assert done.stdout.count("__main__ found ['-n', '7', '--check']") == 2
    assert "usage" in launch("-m", "json.tool", "--help").stdout
