"""Gradients are checked during a training run, which goes on as if nothing had been."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.core.op import Op
from minigrad.data import DataLoader, TensorDataset
from minigrad.nn import functional as F
from minigrad.training import Trainer

rng = np.random.default_rng(0)
X, LABELS = rng.standard_normal((12, 4)).astype(np.float32), np.arange(12) % 3


class Wrong(nn.Module):
    """sin, with a gradient that is off by one in a thousand."""

    def forward(self, x: Any) -> Any:
        def sine(xp: Any, x: Any) -> Any:
            return xp.sin(x)

        op: Any = Op(sine)
        op.vjp(x=lambda g, x: 1.001 * g * mg.cos(x))
        return op(x)


def trained(middle: nn.Module, **options: Any) -> tuple[nn.Module, Any]:
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), middle, nn.Linear(5, 3))
    trainer = Trainer(model, optim.SGD(model.parameters(), lr=0.1), F.cross_entropy)
    check = mg.gradcheck.DuringTraining(model, F.cross_entropy, mg.Tensor(X[:6]), mg.Tensor(LABELS[:6]), **options) if options else None
    trainer.fit(DataLoader(TensorDataset(X, LABELS), 6, shuffle=True), epochs=2, on_epoch=check)
    return model, check


def test_training_goes_on_as_without_it() -> None:
    with_check, check = trained(nn.Tanh(), every=1)
    without, _ = trained(nn.Tanh())
    assert len(check.results) == 2
    assert all(result.verdict == "pass" for result in check.results), check.results
    assert {"model.0.weight", "model.1.weight", "model.3.bias"} <= {row.input for row in check.results[0].rows}
    for (name, a), b in zip(with_check.state_dict().items(), without.state_dict().values(), strict=True):
        np.testing.assert_array_equal(np.asarray(a.data), np.asarray(b.data), err_msg=name)


def test_not_every_epoch() -> None:
    _, check = trained(nn.Tanh(), every=2)
    assert len(check.results) == 1


def test_a_wrong_layer_ends_it() -> None:
    with pytest.raises(AssertionError, match="the loss in training: fail"):
        trained(Wrong(), every=1)


def test_numbers_from_one_on() -> None:
    with pytest.raises(ValueError, match="from 1 on, not 0 and 1"):
        mg.gradcheck.DuringTraining(nn.Tanh(), F.cross_entropy, mg.Tensor(X), mg.Tensor(LABELS), every=0)
