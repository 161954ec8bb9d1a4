"""The history as JSON with units: whole at every moment, continued by a resumed training."""

from __future__ import annotations

import json

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.data import DataLoader, TensorDataset
from minigrad.nn import functional as F
from minigrad.saving import CheckpointError
from minigrad.training import UNITS, JsonLines, Trainer


def made(folder):
    mg.manual_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 3)).astype(np.float32), rng.integers(0, 2, 40)
    model = nn.Linear(3, 2)
    loader = DataLoader(TensorDataset(x, y), 8, shuffle=True)
    return Trainer(model, optim.SGD(model.parameters(), 0.1), F.cross_entropy, folder=folder), loader


def read(path):
    first, *lines = map(json.loads, path.read_text().splitlines())
    return first["units"], lines


@pytest.mark.parametrize("length", [{"epochs": 3}, {"steps": 12, "every": 5}])
def test_each_number_of_a_history_has_its_unit(length, tmp_path):
    trainer, loader = made(None)
    history = trainer.fit(loader, validation=loader, on_epoch=JsonLines(tmp_path / "log.jsonl"), **length)
    units, lines = read(tmp_path / "log.jsonl")
    assert lines == history
    assert set(units) == set(history[0])
    assert all(units[name] == UNITS[name] for name in units)


def test_a_resumed_training_goes_on_in_the_file(tmp_path):
    whole, loader = made(None)
    whole.fit(loader, 4, on_epoch=JsonLines(tmp_path / "whole.jsonl"))
    first, loader = made(tmp_path)
    first.fit(loader, 2, on_epoch=JsonLines(tmp_path / "log.jsonl"))
    log = JsonLines(tmp_path / "log.jsonl")
    log({"epoch": 3, "train_loss": 9.0})  # written, and then the power failed before the checkpoint
    second, loader = made(tmp_path)
    second.resume(tmp_path / "last.ckpt", loader)
    second.fit(loader, 4, on_epoch=JsonLines(tmp_path / "log.jsonl"))
    assert (tmp_path / "log.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_units_of_ones_own(tmp_path):
    log = JsonLines(tmp_path / "log.jsonl", {"train_loss": "square metres"})
    log({"epoch": 1, "train_loss": 2.0, "mood": 1.0})
    assert read(tmp_path / "log.jsonl")[0] == {"epoch": UNITS["epoch"], "train_loss": "square metres", "mood": None}


def test_numbers_of_a_callback_may_be_numpys_and_tensors(tmp_path):
    log, weight = JsonLines(tmp_path / "log.jsonl"), mg.tensor([1.0, 2.0])
    log({"epoch": 1, "norm": np.float32(1.5), "right": np.int64(3), "sure": np.bool_(True), "loss": mg.tensor(0.5), "weight": weight})
    weight.copy_(mg.tensor([3.0, 4.0]))
    log({"epoch": 2, "weight": weight})
    first, second = read(tmp_path / "log.jsonl")[1]
    assert first == {"epoch": 1, "norm": 1.5, "right": 3, "sure": True, "loss": 0.5, "weight": [1.0, 2.0]}
    assert second == {"epoch": 2, "weight": [3.0, 4.0]}
    before = (tmp_path / "log.jsonl").read_bytes()
    with pytest.raises(TypeError, match="JsonLines: a line of the history holds a object; expected numbers, texts"):
        log({"epoch": 3, "extra": object()})
    assert (tmp_path / "log.jsonl").read_bytes() == before


@pytest.mark.parametrize("content", ["", "hello\n", '{"epoch": 1}\n', '{"units": 3}\n', '{"units": {}}\n{"loss": 1}\n', "[" * 100_000])
def test_a_file_of_another_kind_is_left_as_it_is(content, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(content)
    with pytest.raises(CheckpointError, match="holds no history with units; choose another file"):
        JsonLines(path)
    assert path.read_text() == content


def test_a_folder_that_is_not_there_is_told_before_the_training(tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no folder .*none to write log\.jsonl into"):
        JsonLines(tmp_path / "none" / "log.jsonl")
