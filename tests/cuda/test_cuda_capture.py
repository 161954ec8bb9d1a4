"""Captured steps equal eager ones, and what cannot be captured is an error that names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from support.strict import LEDGER, no_sync
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad import nn, ops, optim
from minigrad.cuda.staging import Staging
from minigrad.nn import functional as F

pytestmark = pytest.mark.slow  # whole training steps in the emulator: CI runs them with the other tests of CUDA


@pytest.fixture(autouse=True)
def gpu() -> Iterator[Any]:
    with pretended_gpu() as backend:
        LEDGER.clear()
        yield backend


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.25), nn.Linear(8, 3))


def stepper(optimizer: Callable[..., Any]) -> tuple[nn.Module, Any, Callable[..., Any]]:
    mg.manual_seed(11)
    net = model().to("cuda")
    opt = optimizer(net.parameters())

    def step(x: mg.Tensor, labels: mg.Tensor) -> mg.Tensor:
        opt.zero_grad()
        loss = F.cross_entropy(net(x), labels)
        loss.backward()
        opt.step()
        return loss

    return net, opt, step


def batches(steps: int, sizes: tuple[int, ...] = (6,)) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [(rng.standard_normal((n, 12)).astype(np.float32), rng.integers(0, 3, n)) for n in sizes * (steps // len(sizes))]


OPTIMIZERS = [lambda p: optim.Adam(p, lr=1e-2), lambda p: optim.SGD(p, lr=0.1, momentum=0.9)]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["adam", "sgd"])
@pytest.mark.parametrize("sizes", [(6,), (6, 6, 4)], ids=["one shape", "two shapes"])
def test_captured_equals_eager(optimizer: Callable[..., Any], sizes: tuple[int, ...]) -> None:
    """Losses, parameters, running statistics, state of optimizer and generator, while the learning rate changes."""
    results = []
    for captured in (False, True):
        net, opt, step = stepper(optimizer)
        run = mg.cuda.capture(step) if captured else lambda x, y, step=step: step(*[mg.Tensor(a).to("cuda") for a in (x, y)])
        losses = []
        for k, (x, labels) in enumerate(batches(12, sizes)):
            opt.param_groups[0]["lr"] = 0.02 / (1 + k)
            losses.append(run(x, labels))
        state = {key: value.to("cpu").numpy() for key, value in net.state_dict().items()}
        scalars = [s["step"] for s in opt.state.values()]
        results.append(([loss.item() for loss in losses], state, scalars, mg.random.get_state()))
        if captured:
            assert run.captured == len(set(sizes))
    (losses, state, scalars, random), (got_losses, got_state, got_scalars, got_random) = results
    np.testing.assert_array_equal(got_losses, losses)
    for key, value in state.items():
        np.testing.assert_array_equal(got_state[key], value, err_msg=key)
    assert (got_scalars, got_random) == (scalars, random)


def test_a_replay_is_one_launch_and_the_host_does_not_wait() -> None:
    _, _, step = stepper(OPTIMIZERS[0])
    fast = mg.cuda.capture(step)
    for x, labels in batches(3):
        fast(x, labels)
    LEDGER.clear()
    with no_sync():
        fast(*batches(1)[0])
    assert LEDGER.launches.count("graph") == 1
    assert len(LEDGER.launches) == 2, "the graph, and a copy of the loss"


def test_the_memory_of_a_graph_is_its_own() -> None:
    """A loss that was returned before is not overwritten by a later replay."""
    _, _, step = stepper(OPTIMIZERS[0])
    fast = mg.cuda.capture(step)
    losses = [fast(x, labels) for x, labels in batches(6)]
    assert len({loss.item() for loss in losses}) == 6


def test_pinned_memory_is_given_back_when_the_copies_from_it_have_passed(gpu: Any) -> None:
    staging = Staging(gpu.xp)
    place = gpu.xp.empty(3, dtype="float32")
    for _ in range(6):
        staging.send(place, np.ones(3, np.float32))
    events = [event for ring in staging._rings.values() for _, event in ring]
    assert len(events) == 4
    assert not any(event.waited for event in events)
    del staging
    assert all(event.waited for event in events)


@pytest.mark.parametrize("join", [ops.concat, ops.stack])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_many_arrays_are_joined_in_a_captured_step(join: Callable[..., Any], axis: int) -> None:
    fast = mg.cuda.capture(lambda x: join([x * float(k) for k in range(20)], axis=axis))
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    results = [fast(x + k).numpy() for k in range(3)]
    assert fast.captured == 1
    joined = np.concatenate if join is ops.concat else np.stack
    for k, got in enumerate(results):
        np.testing.assert_array_equal(got, joined([(x + k) * np.float32(j) for j in range(20)], axis=axis))


REFUSED = {
    "item": (lambda loss: loss.item(), "looked at"),
    "bool": (lambda loss: bool(loss > 0), "looked at"),
    "mask": (lambda loss: loss.reshape(1)[loss.reshape(1) > 0], "getitem"),
    "numpy": (lambda loss: loss.detach().numpy(), "looked at"),
    "transfer": (lambda loss: mg.Tensor(np.ones(3, np.float32)).to("cuda"), "transfer"),
    "synchronize": (lambda loss: mg.cuda.synchronize(), "synchronize"),
    "result of another kind": (lambda loss: np.ones(3), "returns Tensors"),
}


def detached(net: nn.Module) -> list[mg.Tensor]:
    return [p.detach().to("cpu") for p in net.parameters()]


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_captured_is_an_error_that_names_it(what: str) -> None:
    mistake, named = REFUSED[what]
    net, opt, step = stepper(OPTIMIZERS[0])
    fast = mg.cuda.capture(lambda x, labels: mistake(step(x, labels)))
    (x, labels), *_ = batches(1)
    fast(x, labels)
    before = [s["step"] for s in opt.state.values()], mg.random.get_state(), [p.numpy().copy() for p in detached(net)]
    with pytest.raises(mg.cuda.CaptureError, match=named):
        fast(x, labels)
    assert ([s["step"] for s in opt.state.values()], mg.random.get_state()) == before[:2]
    for p, old in zip(detached(net), before[2], strict=True):
        np.testing.assert_array_equal(p.numpy(), old)
    step(*[mg.Tensor(a).to("cuda") for a in (x, labels)])  # eager work goes on


def test_another_dtype_is_another_graph() -> None:
    fast = mg.cuda.capture(lambda x: x * 2)
    for _ in range(3):
        for dtype in (np.float32, np.float64):
            got = fast(np.ones(3, dtype)).to("cpu").numpy()
            assert got.dtype == dtype
            np.testing.assert_array_equal(got, np.full(3, 2, dtype))
    assert fast.captured == 2


def test_a_label_outside_the_classes_is_reported_with_its_position_when_the_loss_is_looked_at() -> None:
    _, _, step = stepper(OPTIMIZERS[0])
    fast = mg.cuda.capture(step)
    (x, labels), *_ = batches(1)
    for _ in range(3):
        fast(x, labels).item()
    wrong = labels.copy()
    wrong[4] = 7
    with no_sync():
        loss = fast(x, wrong)
    with pytest.raises(IndexError, match=r"label 7 at position 4 is outside the 3 classes"):
        loss.item()


def attention() -> nn.Module:
    return nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 2, stride=2), nn.GELU(), nn.Flatten()
    )


def depthwise() -> nn.Module:
    return nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 1))


def residual() -> nn.Module:
    """With the last layers of such networks."""
    return nn.Sequential(nn.Conv2d(2, 3, 3, stride=2), nn.BatchNorm2d(3), nn.ReLU(), nn.AdaptiveAvgPool2d((1, 2)), nn.AvgPool2d((1, 2)))


def three_axes() -> nn.Module:
    return nn.Sequential(nn.Conv3d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.layer = kind(3, 4, batch_first=True)

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return self.layer(x)[0]


OTHERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "attention": (attention, (2, 5, 8)),
    "convolution": (convolutional, (3, 1, 8, 8)),
    "depthwise convolution": (depthwise, (2, 4, 6, 6)),
    "adaptive pooling": (residual, (2, 2, 9, 8)),
    "convolution over three axes": (three_axes, (2, 1, 3, 3, 3)),
    "lstm": (lambda: Recurrent(nn.LSTM), (2, 5, 3)),
    "gru": (lambda: Recurrent(nn.GRU), (2, 5, 3)),
    "rnn": (lambda: Recurrent(nn.RNN), (2, 10, 3)),
}


@pytest.mark.parametrize(("make", "shape"), OTHERS.values(), ids=list(OTHERS))
def test_other_networks_can_be_captured(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    """None of their ops calls a library through CuPy, waits, or sends something."""
    mg.manual_seed(1)
    net = make().to("cuda")
    optimizer = optim.AdamW(net.parameters(), lr=1e-3)

    def step(x: mg.Tensor) -> mg.Tensor:
        optimizer.zero_grad()
        y = net(x)
        loss = (y * y).mean()
        loss.backward()
        optimizer.step()
        return loss

    fast = mg.cuda.capture(step)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    losses = [fast(x).item() for _ in range(4)]
    assert fast.captured == 1
    assert len(set(losses)) == 4
