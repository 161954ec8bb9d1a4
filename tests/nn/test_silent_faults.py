"""What layers, losses, the trainer's figures and loading must not do silently."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.data import DataLoader, TensorDataset
from minigrad.nn import functional as F
from minigrad.training import Trainer
from minigrad.training.metrics import Tally


class Doubled(nn.BatchNorm1d):
    def forward(self, input: Any) -> Any:
        return super().forward(input) * 2


def test_a_subclass_of_batch_norm_runs_its_own_forward_before_a_relu() -> None:
    x = mg.tensor(np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32))
    layer = Doubled(3)
    right = F.relu(layer(x))
    np.testing.assert_array_equal(nn.Sequential(layer, nn.ReLU())(x).detach().numpy(), right.detach().numpy())


@pytest.mark.torch
def test_tracking_can_be_switched_off_after_construction() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    mine, other = nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    mine.track_running_stats = other.track_running_stats = False
    mine(mg.tensor(x))
    other(torch.from_numpy(x))
    np.testing.assert_array_equal(mine.running_mean.numpy(), 0)
    mine.eval()
    other.eval()
    np.testing.assert_allclose(mine(mg.tensor(x)).detach().numpy(), other(torch.from_numpy(x)).detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize("capture", [False, True])
def test_ignored_labels_are_no_wrong_answers(capture: bool) -> None:
    x = np.tile(np.eye(4, dtype=np.float32) * 10, (4, 1))
    labels = np.array([0, 1, -100, -100] * 2 + [0, 1, 2, 3] + [-100] * 3 + [3])
    model = nn.Linear(4, 4, bias=False)
    model.weight.copy_(np.eye(4))
    trainer = Trainer(model, optim.SGD(model.parameters(), 0.0), F.cross_entropy, capture=capture)
    loader = DataLoader(TensorDataset(x, labels), 4)
    right = F.cross_entropy(model(mg.tensor(x)), mg.tensor(labels)).item()
    assert trainer.evaluate(loader) == pytest.approx({"loss": right, "accuracy": 1.0})
    line = trainer.fit(loader, 3)[-1]
    assert line["train_accuracy"] == 1.0
    assert line["train_loss"] == pytest.approx(right)


def test_the_loss_of_no_answers_is_none() -> None:
    assert math.isnan(Tally().result()["loss"])


def test_targets_of_binary_cross_entropy_are_probabilities() -> None:
    p = mg.tensor([0.5, 0.5])
    for bad in ([0.0, 1.5], [-0.1, 1.0], [math.nan, 1.0]):
        for f in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits):
            with pytest.raises(ValueError, match="targets are probabilities, from 0 to 1"):
                f(p, mg.tensor(bad))
