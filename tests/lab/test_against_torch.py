"""Experiments beside PyTorch: the same start and the same batches give the same numbers."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.lab import load
from minigrad.lab.nets import digits
from minigrad.nn import functional as F

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def test_the_keras_example_takes_the_same_five_steps():
    x, y = digits().x[:160].astype(np.float64), digits().y[:160]
    mg.manual_seed(0)
    ours = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10)).to(dtype=np.float64)
    theirs = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.BatchNorm1d(64), torch.nn.ReLU(), torch.nn.Linear(64, 10)).double()
    theirs.load_state_dict({name: torch.tensor(value.data.copy()) for name, value in ours.state_dict().items()})
    a, b = optim.Adam(ours.parameters(), 1e-3), torch.optim.Adam(theirs.parameters(), 1e-3)
    for k in range(5):
        part = slice(32 * k, 32 * k + 32)
        p = F.cross_entropy(ours(mg.tensor(x[part])), mg.tensor(y[part]))
        q = torch.nn.functional.cross_entropy(theirs(torch.tensor(x[part])), torch.tensor(y[part]))
        assert abs(p.item() - q.item()) <= 1e-10
        for optimizer, loss in ((a, p), (b, q)):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    state = ours.state_dict()
    for name, value in theirs.state_dict().items():
        if name != "0.bias":  # under batch norm: Adam divides its rounding noise by its own size
            np.testing.assert_allclose(state[name].data, value.numpy(), rtol=0, atol=1e-10, err_msg=name)


def test_the_identity_is_learned_alike():
    """The experiment ``identity``, with its settings, in both."""
    s = load("identity").settings
    rng = np.random.default_rng(0)
    x = rng.normal(rng.normal(0, 3, 8), np.exp(rng.normal(0, 1, 8)), (s["batch"], 8))
    ours, theirs = nn.BatchNorm1d(8, dtype=np.float64), torch.nn.BatchNorm1d(8, dtype=torch.float64)
    a, b = optim.SGD(ours.parameters(), s["lr"]), torch.optim.SGD(theirs.parameters(), s["lr"])
    for _ in range(s["steps"]):
        p = (ours(mg.tensor(x)) - mg.tensor(x)).square().mean(axis=0).sum()
        q = (theirs(torch.tensor(x)) - torch.tensor(x)).square().mean(dim=0).sum()
        for optimizer, loss in ((a, p), (b, q)):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert q.item() < 1e-8
    assert p.item() < 1e-8
    np.testing.assert_allclose(ours.weight.data, theirs.weight.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(ours.bias.data, theirs.bias.detach().numpy(), atol=1e-12)
