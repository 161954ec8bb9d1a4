"""docs/distributed.md: its programs run, and do what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from minigrad import data, distributed, nn, optim
from minigrad.distributed import Alone, spmd, synchronize
from minigrad.distributed.launching import find_mpiexec
from minigrad.nn import functional as F

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "distributed.md").read_text()
PROGRAM, LOOP, STACKED, THREADS, SHARDED = re.findall(r"```python\n(.*?)```", PAGE, re.S)


def run(command, folder):
    (folder / "train.py").write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *command, "train.py"], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_program_on_one_rank(tmp_path):
    shown = run([], tmp_path)
    assert shown.startswith("on 1 ranks: loss ")
    assert float(shown.split()[-1].rstrip("%")) > 90


@pytest.mark.mpi
@pytest.mark.skipif(find_spec("mpi4py") is None or find_mpiexec() is None, reason="no MPI here: install the extra mpi (mpi4py, mpich)")
def test_the_program_on_two_ranks_gives_the_same(tmp_path):
    one, two = run([], tmp_path), run(["-m", "minigrad", "launch", "-n", "2", "--check"], tmp_path)
    assert two.startswith("on 2 ranks")
    loss = [float(text.split()[4].rstrip(",")) for text in (one, two)]
    assert loss[1] == pytest.approx(loss[0], rel=1e-2)


def test_the_loop_by_hand():
    def train(group):
        model = synchronize(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU()).double(), group)
        for p in model.parameters():
            p.data[...] = np.random.default_rng(p.size).normal(size=p.shape)
        rows = np.random.default_rng(0)
        dataset = data.TensorDataset(rows.normal(size=(22, 4)), rows.integers(0, 3, 22))
        scope = {"F": F, "distributed": distributed, "group": group, "model": model, "optimizer": optim.SGD(model.parameters(), lr=0.1)}
        exec(LOOP, {**scope, "loader": data.DataLoader(dataset, 20, shard=group)})
        return np.concatenate([p.data.reshape(-1) for p in model.parameters()])

    for found in spmd(3, train):
        np.testing.assert_allclose(found, train(Alone()), rtol=1e-13)


def test_ranks_along_an_axis_and_as_threads(capsys):
    scope = {}
    exec(STACKED, scope)
    np.testing.assert_array_equal(scope["y"].data, [[11, 11], [22, 22]])
    np.testing.assert_array_equal(scope["x"].grad.data, np.full((2, 2), 6.0))
    exec(THREADS, scope)
    assert capsys.readouterr().out.count("array([6.])") == 3


def test_the_sharded_step_is_the_whole_one():
    exec(SHARDED, scope := {})

    def train(group):
        values, momentum = np.arange(6.0), np.zeros(6 // group.size)
        for k in range(3):
            gradients = np.cos(np.arange(6.0) + k) * (1.0 if group.size == 1 else 0.5)
            scope["sharded_step"](values, gradients, momentum, group)
        return values

    for found in spmd(2, train):
        np.testing.assert_allclose(found, train(Alone()), rtol=1e-14)
