"""Files of earlier versions: runs resume, weights load, optimizers go on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import commands as cli, nn, optim
from minigrad.nn import functional as F
from minigrad.saving import load_state

OLD = Path(__file__).parent / "fixtures"


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def test_a_run_stopped_in_an_epoch_resumes_to_where_it_would_have_ended(tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(OLD / "run_stopped", run)
    assert cli.main(["train", "--resume", str(run)]) == 0, capsys.readouterr().err
    lines = [[json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()] for folder in (run, OLD / "run_finished")]
    assert [line["epoch"] for line in lines[0]] == [1, 2, 3]
    for now, then in zip(*lines, strict=True):
        assert now == pytest.approx(then, rel=1e-4)  # BLAS may sum in another order


def test_a_finished_run_predicts(tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(OLD / "run_finished", run)
    (tmp_path / "points.txt").write_text("0.1 0.2\n-0.5 0.3\n")
    assert cli.main(["predict", str(run), str(tmp_path / "points.txt")]) == 0, capsys.readouterr().err


def test_weights_and_an_optimizer_go_on(model):
    expected = np.load(OLD / "expected.npz")
    model.load_state_dict(mg.load(OLD / "weights.safetensors"))
    groups = [{"params": model[0].parameters(), "lr": 0.5}, {"params": [*model[1].parameters(), *model[3].parameters()]}]
    optimizer = optim.AdamW(groups, lr=0.5)
    optimizer.load_state_dict(load_state(OLD / "optimizer.state")["optimizer"])
    losses = []
    for _ in range(3):
        loss = F.cross_entropy(model(mg.tensor(expected["x"])), mg.tensor(expected["t"]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses == pytest.approx(expected["losses"].tolist(), rel=1e-5)
    # as in training: in evaluation the bias before batch norm shows, whose gradient is noise that AdamW blows up
    np.testing.assert_allclose(model(mg.tensor(expected["x"])).detach().numpy(), expected["logits"], rtol=1e-4, atol=1e-6)
