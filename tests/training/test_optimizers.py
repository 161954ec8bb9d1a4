"""Every optimizer of the command trains, says what it takes, and goes on after an interruption with the same bytes."""

from __future__ import annotations

import inspect
import json
import signal

import numpy as np
import pytest

from minigrad import commands, nn, optim
from minigrad.saving import load_state
from minigrad.training.optimizers import NOT_ALONE, OPTIMIZERS, make_optimizer, usual
from minigrad.training.progress import Bar
from minigrad.training.tasks import complete


def train(folder, name, *more):
    settings = {"momentum": "0.8", "weight_decay": "0.01"}
    given = [word for key in usual(name) if key != "lr" for word in (f"--{key.replace('_', '-')}", settings[key])]
    words = ["train", "spirals", "--epochs", "3", "--batch-size", "64", "--optimizer", name, *given, "--out", str(folder), *more]
    return commands.main(words)


def test_each_optimizer_is_a_choice_or_has_a_reason():
    classes = [getattr(optim, name) for name in optim.__all__]
    own = {c.__name__.lower() for c in classes if inspect.isclass(c) and issubclass(c, optim.Optimizer) and c is not optim.Optimizer}
    assert set(OPTIMIZERS) | set(NOT_ALONE) == own
    assert not set(OPTIMIZERS) & set(NOT_ALONE)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_settings_reach_the_optimizer(name):
    given = dict.fromkeys(usual(name), 0.3)
    (group,) = make_optimizer({"optimizer": name, **given}, nn.Linear(2, 2)).param_groups
    assert {key: group[key] for key in given} == given


def test_a_rate_found_with_one_optimizer_is_not_given_to_another():
    assert complete("text", {})["lr"] == complete("text", {"optimizer": "adam"})["lr"] == 0.004
    assert complete("text", {"optimizer": "sgd"})["lr"] == 0.1
    assert complete("text", {"optimizer": "sgd", "lr": 0.5})["lr"] == 0.5


@pytest.mark.parametrize("capture", ["numpy", "c"])
@pytest.mark.parametrize(
    "name", [name if name in {"sgd", "adam"} else pytest.param(name, marks=pytest.mark.thorough) for name in OPTIMIZERS]
)
def test_a_stopped_run_ends_in_the_bytes_of_one_that_was_not(name, capture, tmp_path, monkeypatch, capsys):
    assert train(tmp_path / "whole", name, "--capture", capture) == 0
    assert "steps are" in capsys.readouterr().out  # captured, or not, and then why
    steps, show = iter(range(1000)), Bar.step

    def step(self, *args):
        if next(steps) == 24:  # of 18 an epoch
            signal.raise_signal(signal.SIGINT)
        return show(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Bar, "step", step)
        assert train(tmp_path / "stopped", name, "--capture", capture) == 130
    assert 18 < load_state(tmp_path / "stopped" / "last.ckpt")["plain"]["step"] < 36
    assert commands.main(["train", "--resume", str(tmp_path / "stopped")]) == 0
    for file in ("weights.safetensors", "last.ckpt", "metrics.jsonl", "config.json"):
        assert (tmp_path / "stopped" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file
    losses = [json.loads(line)["train_loss"] for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0] < np.log(3) * 1.5
    config = json.loads((tmp_path / "whole" / "config.json").read_text())
    assert {key: config[key] for key in usual(name) if key != "lr"} == {
        key: value for key, value in {"momentum": 0.8, "weight_decay": 0.01}.items() if key in usual(name)
    }
