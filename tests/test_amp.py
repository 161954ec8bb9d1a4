"""Mixed precision: which ops run in which precision, master weights in float32, and the gradient scaler."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad import nn, ops, optim
from minigrad.amp import HIGH, LOW, rounded_to_bfloat16
from minigrad.core.op import OPS
from minigrad.nn import functional as F


def tensor(*shape: int, seed: int = 0) -> mg.Tensor:
    return mg.Tensor(np.random.default_rng(seed).standard_normal(shape).astype(np.float32), requires_grad=True)


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))


def test_the_lists_name_ops_that_exist() -> None:
    assert set(OPS) >= LOW | HIGH
    assert not LOW & HIGH


def test_products_are_lowered_and_sums_are_not() -> None:
    x, w = tensor(4, 8), tensor(3, 8, seed=1)
    with mg.autocast("float16"):
        y = ops.linear(x, w)
        assert y.dtype == np.float16
        assert (x @ w.T).dtype == np.float16
        assert ops.softmax(y).dtype == y.sum().dtype == ops.exp(y).dtype == np.float32
        assert ops.relu(y).dtype == np.float16
        assert nn.LayerNorm(3)(y).dtype == np.float32
        with mg.autocast(enabled=False):
            assert ops.linear(x, w).dtype == np.float32
    assert ops.linear(x, w).dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == w.grad.dtype == np.float32


def test_other_dtypes_are_left_alone() -> None:
    x = mg.Tensor(np.ones((2, 2)))
    with mg.autocast("float16"):
        assert (x @ x).dtype == np.float64


def test_an_unknown_precision() -> None:
    with pytest.raises(ValueError, match=r"'float8'.*'float16' or 'bfloat16'"), mg.autocast("float8"):
        pass


def test_bfloat16_rounds_like_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    random = np.random.default_rng(0).standard_normal(1000) * 10.0 ** np.arange(-5, 5).repeat(100)
    x = np.concatenate([random, [0, -0.0, np.inf, 1 + 2**-8, 1 + 3 * 2**-8]]).astype(np.float32)
    expected = torch.tensor(x).bfloat16().float().numpy()
    np.testing.assert_array_equal(rounded_to_bfloat16(mg.Tensor(x)).numpy(), expected)


def test_bfloat16_products_are_those_of_rounded_inputs() -> None:
    x, w = tensor(4, 8), tensor(3, 8, seed=1)
    with mg.autocast("bfloat16"):
        y = ops.linear(x, w)
    rx, rw = (rounded_to_bfloat16(t).detach().numpy() for t in (x, w))
    np.testing.assert_array_equal(y.detach().numpy(), rx @ rw.T)
    assert np.abs(y.detach().numpy() - x.detach().numpy() @ w.detach().numpy().T).max() > 0
    y.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), np.ones((4, 3), np.float32).T @ rx)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_training_with_master_weights(dtype: str, device: str) -> None:
    """The loss goes where it goes in float32, but for rounding; parameters and statistics stay float32."""
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((32, 8)).astype(np.float32), rng.integers(0, 3, 32)
    losses: dict[bool, list[float]] = {}
    with pretended_gpu() if device == "cuda" else nullcontext():
        for low in (False, True):
            mg.manual_seed(0)
            model = network().to(device)
            optimizer, scaler = optim.Adam(model.parameters(), lr=0.01), mg.GradScaler(init_scale=1024.0, enabled=low)
            losses[low] = []
            for _ in range(8):
                optimizer.zero_grad()
                with mg.autocast(dtype, enabled=low):
                    loss = F.cross_entropy(model(mg.Tensor(x).to(device)), mg.Tensor(labels).to(device))
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
                losses[low].append(loss.item())
            assert all(p.dtype == p.grad.dtype == np.float32 for p in model.parameters())
            assert model.state_dict()["1.running_mean"].dtype == np.float32
    np.testing.assert_allclose(losses[True], losses[False], rtol=0.02)
    assert losses[True] != losses[False] or (device, dtype) == ("cuda", "bfloat16")  # the stand-in for cuBLAS does not round
    assert losses[True][-1] < losses[True][0]


# --------------------------------------------------------------------------------------------------- the scaler


def parameter(gradient: Any) -> mg.Tensor:
    p = mg.Tensor(np.ones(2, np.float32), requires_grad=True)
    p.grad = mg.Tensor(np.array(gradient, np.float32))
    return p


def test_gradients_that_are_not_finite_leave_the_step_out_and_lower_the_scale() -> None:
    p = parameter([np.inf, 1.0])
    optimizer, scaler = optim.SGD([p], lr=1.0), mg.GradScaler(init_scale=8.0)
    scaler.step(optimizer)
    scaler.update()
    np.testing.assert_array_equal(p.numpy() if p.node is None else p.detach().numpy(), [1.0, 1.0])
    assert scaler.get_scale() == 4.0
    p.grad = mg.Tensor(np.array([4.0, 8.0], np.float32))
    scaler.step(optimizer)
    scaler.update()
    np.testing.assert_array_equal(p.detach().numpy(), [0.0, -1.0])
    assert scaler.get_scale() == 4.0


def test_the_scale_grows_after_good_steps() -> None:
    scaler = mg.GradScaler(init_scale=2.0, growth_interval=2)
    for expected in (2.0, 4.0, 4.0, 8.0):
        p = parameter([1.0, 1.0])
        scaler.step(optim.SGD([p], lr=0.1))
        scaler.update()
        assert scaler.get_scale() == expected


def test_unscale_before_clipping_happens_once() -> None:
    p = parameter([4.0, 8.0])
    optimizer, scaler = optim.SGD([p], lr=1.0), mg.GradScaler(init_scale=4.0)
    scaler.unscale_(optimizer)
    np.testing.assert_array_equal(p.grad.numpy(), [1.0, 2.0])
    with pytest.raises(RuntimeError, match="called twice"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    np.testing.assert_array_equal(p.detach().numpy(), [0.0, -1.0])


def test_state_and_mistakes() -> None:
    scaler = mg.GradScaler(init_scale=32.0, growth_interval=7)
    other = mg.GradScaler()
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()
    with pytest.raises(RuntimeError, match="before step"):
        scaler.update()
    with pytest.raises(ValueError, match="growth_factor"):
        mg.GradScaler(growth_factor=0.5)
    idle = mg.GradScaler(enabled=False)
    loss = mg.Tensor([2.0])
    assert idle.scale(loss) is loss
    assert idle.get_scale() == 1.0


def test_state_dict_is_that_of_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    theirs = torch.amp.GradScaler("cpu", init_scale=64.0)
    theirs.scale(torch.ones(1))
    ours = mg.GradScaler()
    ours.load_state_dict(theirs.state_dict())
    assert ours.state_dict() == theirs.state_dict()
