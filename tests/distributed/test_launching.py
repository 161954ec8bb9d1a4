"""Starting a program on several ranks: which launcher, which MPI, how many threads, and what the command line says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from minigrad.commands import main
from minigrad.distributed import Alone, LaunchError, init, launching
from minigrad.distributed.launching import check_launcher, launch_command, started_ranks

MPICH = "MPICH Version:      5.0.2\nMPICH Release date: ..."


@pytest.mark.parametrize(
    ("variables", "ranks", "launcher"),
    [
        ({"PMI_SIZE": "2"}, 2, "mpiexec of MPICH or Intel MPI (PMI_SIZE=2)"),
        ({"OMPI_COMM_WORLD_SIZE": "4"}, 4, "mpirun of Open MPI (OMPI_COMM_WORLD_SIZE=4)"),
        ({"SLURM_NTASKS": "3", "SLURM_STEP_ID": "0"}, 3, "srun (SLURM_NTASKS=3)"),
        ({"MINIGRAD_RANKS": "2", "PMI_SIZE": "1"}, 2, "minigrad launch (MINIGRAD_RANKS=2)"),
    ],
)
def test_launchers_are_known_by_what_they_tell(variables, ranks, launcher):
    assert started_ranks(variables) == (ranks, launcher)
    check_launcher(ranks, MPICH, variables)
    with pytest.raises(LaunchError) as caught:
        check_launcher(ranks + 1, MPICH, variables)
    assert str(caught.value).startswith(f"{launcher} started {ranks} ranks, but MPICH Version:      5.0.2 sees {ranks + 1}")
    assert "minigrad launch -n N" in str(caught.value)


@pytest.mark.parametrize("variables", [{}, {"SLURM_NTASKS": "3"}, {"PMI_SIZE": ""}, {"PMI_SIZE": "many"}])
def test_without_a_launcher_there_is_one_rank(variables):
    assert started_ranks(variables) is None
    check_launcher(1, MPICH, variables)


def test_init_without_a_launcher_is_a_group_of_one(monkeypatch):
    for name in launching.SIZES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys.modules["minigrad.distributed.start"], "_world", None)
    group = init()
    assert isinstance(group, Alone)
    assert init() is group


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """An environment with mpi4py and an mpiexec, whether or not this one has them."""
    monkeypatch.setattr(launching, "find_mpiexec", lambda: tmp_path / "mpiexec")
    monkeypatch.setattr(launching, "find_spec", lambda name: object())
    monkeypatch.setattr(launching.os, "cpu_count", lambda: 8)


def test_the_command(installed, tmp_path):
    line, environment = launch_command(["train.py", "-x"], 2, environment={"HOME": "/"})
    assert line == [str(tmp_path / "mpiexec"), "-n", "2", sys.executable, "-m", "minigrad.distributed.worker", "train.py", "-x"]
    assert environment["OPENBLAS_NUM_THREADS"] == environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == "4"
    assert environment["MINIGRAD_RANKS"] == "2"
    assert not {"MINIGRAD_CHECK", "MINIGRAD_TIMEOUT"} & set(environment)


def test_the_command_for_several_machines_and_with_options(installed):
    line, environment = launch_command(["-m", "m"], 5, hosts=["a", "b"], check=True, timeout=3, options=["-v"], environment={})
    assert line[2:8] == ["5", "-hosts", "a,b", "-ppn", "3", "-v"]
    assert environment["MINIGRAD_CHECK"] == "1"
    assert environment["MINIGRAD_TIMEOUT"] == "3"
    assert environment["OPENBLAS_NUM_THREADS"] == "2"  # three of the ranks are on this machine


def test_threads_that_the_user_chose_are_kept_unless_the_command_says_others(installed):
    assert launch_command(["s"], 2, environment={"OMP_NUM_THREADS": "7"})[1]["OMP_NUM_THREADS"] == "7"
    assert launch_command(["s"], 2, threads=3, environment={"OMP_NUM_THREADS": "7"})[1]["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize("missing", ["mpiexec", "mpi4py"])
def test_what_is_missing_is_said_with_the_extra(installed, monkeypatch, missing, capsys, tmp_path):
    if missing == "mpiexec":
        monkeypatch.setattr(launching, "find_mpiexec", lambda: None)
    else:
        monkeypatch.setattr(launching, "find_spec", lambda name: None)
    (tmp_path / "s.py").write_text("")
    assert main(["launch", "-n", "2", str(tmp_path / "s.py")]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"minigrad launch: there is no {missing} in this environment")
    assert "'.[mpi]'" in said


def test_training_on_several_ranks_needs_an_mpi(installed, monkeypatch, capsys):
    monkeypatch.setattr(launching, "find_mpiexec", lambda: None)
    for name in launching.SIZES:
        monkeypatch.delenv(name, raising=False)
    assert main(["train", "digits", "--ranks", "2"]) == 1
    assert capsys.readouterr().err.startswith("minigrad train: there is no mpiexec in this environment")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-n", "2"], "say what to run"),
        (["-n", "2", "-m"], "say what to run"),
        (["-n", "0", "s.py"], "'0' is not a positive integer"),
        (["-n", "2", "nowhere.py"], "there is no script nowhere.py"),
        (["s.py"], "required: -n/--ranks"),
        (["-n", "2", "--timeout", "-1", "s.py"], "not a positive number"),
        (["-n", "2", "--rank", "3", "s.py"], "unrecognized arguments"),
    ],
)
def test_a_command_that_is_not_understood(arguments, words, capsys):
    assert main(["launch", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_launcher_without_mpi4py_is_one_sentence():
    """mpiexec of some other environment starts a Python that has no mpi4py."""
    code = "import sys; sys.modules['mpi4py'] = None; from minigrad import distributed; distributed.init()"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PMI_SIZE": "2", "PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True
    )
    assert "LaunchError: a launcher started this process, and mpi4py cannot be used" in done.stderr


def test_info_says_which_mpi_there_is(capsys):
    assert main(["info"]) == 0
    shown = capsys.readouterr().out
    assert "mpi4py" in shown
    assert "started by" in shown or "not available" in shown


def test_more_ranks_than_a_machine_can_hold_are_refused_before_any_begins(monkeypatch):
    monkeypatch.setattr(launching, "usable_cores", lambda: 2)
    with pytest.raises(LaunchError, match="1000000 ranks on one machine are more than it can hold: at most 64"):
        launch_command(["s"], 1_000_000, environment={})
