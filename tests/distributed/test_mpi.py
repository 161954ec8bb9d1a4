"""Real ranks by a real mpiexec: two processes, what they compute, and how a job ends when something goes wrong on one of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
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
    """Run minigrad launch on two ranks."""
    return minigrad("launch", "-n", "2", *options, *arguments, seconds=seconds)


def minigrad(*arguments, seconds=60, during=None):
    """Run a command; return the process and how long it took. It must leave nothing running. ``during`` is called with the process."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    mark = f"MINIGRAD_TEST={os.getpid()}-{time.monotonic_ns()}"
    environment.update([mark.split("=")])
    line = ["timeout", "-k", "5", str(seconds), sys.executable, "-m", "minigrad", *arguments]
    start = time.monotonic()
    process = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=TESTS)
    if during is not None:
        during(process)
    done = subprocess.CompletedProcess(line, 0, *process.communicate())
    done.returncode, done.seconds = process.returncode, time.monotonic() - start
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


@pytest.mark.parametrize("name", ["derivatives", "collectives", "training"])
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


def test_one_rank_is_interrupted_and_both_stop_after_the_same_step():
    done = launch(PROGRAM, "interrupted")
    assert done.returncode == 130, done.stderr
    steps = [line for line in done.stdout.split("\n") if line]
    assert len(steps) == 2
    assert len(set(steps)) == 1


def test_other_sizes_without_comparing_end_the_job_too():
    done = launch(PROGRAM, "another_branch", options=("--timeout", "2"))
    assert done.returncode != 0
    assert "runcat" in done.stderr or not done.stderr  # "message truncated"; where MPI itself ends the job, its words may be lost


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


# ------------------------------------------------------------------------------------------------------- the command train


def losses(folder):
    return [json.loads(line)["train_loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_train_on_two_ranks_and_continue_on_one(tmp_path):
    two, one = tmp_path / "two", tmp_path / "one"
    shared = ("--model", "mlp", "--epochs", "2", "--validation", "0.2")
    done = minigrad("train", "digits", *shared, "--ranks", "2", "--out", str(two), "--json", str(two.with_suffix(".json")))
    assert done.returncode == 0, done.stderr
    assert "cpu on 2 ranks" in done.stdout
    assert done.stdout.count("test accuracy") == 1, "rank 0 alone prints"
    assert minigrad("train", "digits", *shared, "--out", str(one), "--json", str(one.with_suffix(".json"))).returncode == 0
    assert losses(two) == pytest.approx(losses(one), rel=1e-3)
    assert sorted(p.name for p in two.iterdir()) == sorted(p.name for p in one.iterdir())
    assert "ranks" not in (two / "config.json").read_text()
    of_two, of_one = (json.loads(run.with_suffix(".json").read_text()) for run in (two, one))
    assert of_two["samples_per_second"] * of_two["seconds"] == pytest.approx(of_one["samples_per_second"] * of_one["seconds"])


def test_ctrl_c_stops_both_ranks_with_a_checkpoint_that_one_process_continues(tmp_path):
    run = tmp_path / "run"

    def interrupt(process):
        deadline = time.monotonic() + 50
        while not (run / "metrics.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)  # timeout hands it on to mpiexec, and that to the ranks

    arguments = ("--model", "mlp", "--epochs", "1000", "--ranks", "2", "--checkpoint-every", "20")
    for _ in range(3):
        done = minigrad("train", "digits", *arguments, "--out", str(run), during=interrupt)
        if "pmip_cb.c" not in done.stderr:  # rarely MPICH's own helper fails an assertion when ranks end while it hands the signal on
            break
        shutil.rmtree(run)
    assert done.returncode == 130, done.stderr
    assert "stopped; minigrad train --resume" in done.stdout.replace("\n", " ")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "epochs": len(losses(run)) + 1}))
    assert minigrad("train", "--resume", str(run)).returncode == 0


def test_a_known_error_on_rank_0_is_one_sentence_and_ends_both(tmp_path):
    done = minigrad("train", "mnist", "--data", str(tmp_path), "--ranks", "2", "--out", str(tmp_path / "run"))
    assert done.returncode == 1
    assert done.stderr.startswith("minigrad train: there is no train-images")
    assert "Traceback" not in done.stderr
