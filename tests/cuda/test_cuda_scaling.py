"""A gradient scaler on the pretended GPU: PyTorch's rules and the CPU's numbers, without waiting, eagerly and captured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from support.strict import LEDGER, no_sync
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad import nn, optim
from minigrad.nn import functional as F

SHAPES = ((3, 5), (7,), (1,))
#: which gradient is not finite at each step
BAD: list[float | None] = [np.inf, None, -np.inf, None, None, None, np.nan, np.inf, None, None, None, None, None]
OPTIONS = {"init_scale": 24.0, "growth_factor": 3.0, "backoff_factor": 0.25, "growth_interval": 2}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "Adam": {"lr": 0.1, "weight_decay": 0.01},
    "AdamW": {"lr": 0.1},
    "SGD": {"lr": 0.1, "momentum": 0.9, "dampening": 0.3},
    "Lion": {"lr": 0.1},  # has no kernel
}


@pytest.fixture(autouse=True)
def gpu() -> Iterator[Any]:
    with pretended_gpu() as backend:
        LEDGER.clear()
        yield backend


def gradients(step: int) -> list[np.ndarray]:
    """Those of one step, before they are scaled."""
    found = [np.random.default_rng(10 * step + k).standard_normal(shape).astype(np.float32) for k, shape in enumerate(SHAPES)]
    if BAD[step] is not None:
        found[step % 2].reshape(-1)[-1] = BAD[step]
    return found


def trained(name: str, device: str) -> tuple[list[float], list[np.ndarray], list[int]]:
    """Scales after each step, parameters, and counts of steps."""
    params = [mg.Tensor(np.ones(shape, np.float32)).to(device).requires_grad_() for shape in SHAPES]
    optimizer = getattr(optim, name)(params, **OPTIMIZERS[name])
    scaler = mg.GradScaler(**OPTIONS)
    scales = []
    for step in range(len(BAD)):
        for p, g in zip(params, gradients(step), strict=True):
            p.grad = mg.Tensor(g * np.float32(scaler.get_scale())).to(device)
        with no_sync() if name != "Lion" and device == "cuda" else nullcontext():
            scaler.step(optimizer)
            scaler.update()
        scales.append(scaler.get_scale())
    return scales, [p.detach().to("cpu").numpy() for p in params], [s["step"] for s in optimizer.state.values()]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_and_scales_are_those_of_the_cpu(name: str) -> None:
    scales, params, counts = trained(name, "cpu")
    there_scales, there_params, there_counts = trained(name, "cuda")
    assert there_scales == scales
    assert there_counts == counts == [sum(bad is None for bad in BAD)] * 3
    for a, b in zip(there_params, params, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("name", ["Adam", "SGD"])
def test_steps_and_scales_are_those_of_pytorch(name: str, device: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    params = [torch.ones(shape, requires_grad=True) for shape in SHAPES]
    optimizer = getattr(torch.optim, name)(params, **OPTIMIZERS[name])
    scaler = torch.amp.GradScaler("cpu", **OPTIONS)
    scales = []
    for step in range(len(BAD)):
        factor = float(scaler.scale(torch.ones(1)))
        for p, g in zip(params, gradients(step), strict=True):
            p.grad = torch.from_numpy(g * np.float32(factor))
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    ours_scales, ours_params, _ = trained(name, device)
    assert ours_scales == scales
    for a, b in zip(ours_params, params, strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_scale_never_becomes_infinite(device: str) -> None:
    p = mg.Tensor(np.ones(2, np.float32)).to(device).requires_grad_()
    scaler = mg.GradScaler(init_scale=2.0**127, growth_interval=1)
    p.grad = mg.Tensor(np.ones(2, np.float32)).to(device)
    scaler.step(optim.SGD([p], lr=0.1))
    scaler.update()
    assert scaler.get_scale() == 2.0**127


def test_one_of_two_optimizers_may_be_left_out() -> None:
    first, second = (mg.Tensor(np.ones(2, np.float32)).to("cuda").requires_grad_() for _ in range(2))
    scaler = mg.GradScaler(init_scale=8.0)
    first.grad, second.grad = (mg.Tensor(np.array([8.0, bad], np.float32)).to("cuda") for bad in (16.0, np.inf))
    for p in (first, second):
        scaler.step(optim.SGD([p], lr=1.0))
    scaler.update()
    np.testing.assert_array_equal(first.detach().to("cpu").numpy(), [0.0, -1.0])
    np.testing.assert_array_equal(second.detach().to("cpu").numpy(), [1.0, 1.0])
    assert scaler.get_scale() == 4.0


def test_gradients_that_are_views_are_divided_too() -> None:
    p = mg.Tensor(np.ones((2, 3), np.float32)).to("cuda").requires_grad_()
    p.grad = mg.Tensor(np.arange(6, dtype=np.float32).reshape(3, 2)).to("cuda").T
    scaler = mg.GradScaler(init_scale=2.0)
    scaler.unscale_(optim.SGD([p], lr=1.0))
    np.testing.assert_array_equal(p.grad.to("cpu").numpy(), np.arange(6).reshape(3, 2).T / 2)


def test_a_state_goes_from_the_gpu_to_the_cpu_and_back() -> None:
    scaler = mg.GradScaler(init_scale=8.0)
    loss = mg.Tensor(np.float32(2.0))
    assert scaler.scale(loss.to("cuda")).item() == 16.0
    scaler.load_state_dict({**scaler.state_dict(), "scale": 32.0, "_growth_tracker": 5})
    assert scaler.scale(loss.to("cuda")).item() == 64.0
    assert scaler.scale(loss).item() == 64.0
    assert (scaler.state_dict()["scale"], scaler.state_dict()["_growth_tracker"]) == (32.0, 5)


# ----------------------------------------------------------------------------------------------------- training steps


def stepper(init_scale: float, make: Callable[..., Any], enabled: bool = True) -> tuple[nn.Module, Any, mg.GradScaler, Callable[..., Any]]:
    mg.manual_seed(11)
    net = nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.25), nn.Linear(8, 3)).to("cuda")
    optimizer = make(net.parameters())
    scaler = mg.GradScaler(init_scale=init_scale, growth_interval=3, enabled=enabled)

    def step(x: mg.Tensor, labels: mg.Tensor) -> mg.Tensor:
        optimizer.zero_grad()
        with mg.autocast("float16"):
            loss = F.cross_entropy(net(x), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss

    return net, optimizer, scaler, step


def batches(steps: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [(rng.standard_normal((6, 12)).astype(np.float32), rng.integers(0, 3, 6)) for _ in range(steps)]


def test_a_step_in_float16_takes_six_launches_more_and_never_waits() -> None:
    counts = []
    for enabled in (False, True):
        _, _, _, step = stepper(256.0, lambda p: optim.Adam(p, lr=1e-2), enabled)
        data = [tuple(mg.Tensor(a).to("cuda") for a in pair) for pair in batches(3)]
        for x, labels in data:
            LEDGER.clear()
            with no_sync():
                step(x, labels)
        assert not LEDGER.transfers
        counts.append(list(LEDGER.launches))
    plain, scaled = counts
    more = ["mg_scale_update", "mg_step_numbers", "mg_unscale", "mul", "mul", "zeros"]  # the loss and its cotangent times the scale
    assert sorted(scaled) == sorted([*plain, *more])


@pytest.mark.slow
@pytest.mark.parametrize("make", [lambda p: optim.Adam(p, lr=1e-2), lambda p: optim.SGD(p, lr=0.1, momentum=0.9)], ids=["adam", "sgd"])
def test_captured_equals_eager_while_steps_are_left_out(make: Callable[..., Any]) -> None:
    """The scale begins where float16 overflows, falls until it does not, and rises again."""
    results = []
    for captured in (False, True):
        net, optimizer, scaler, step = stepper(2.0**20, make)
        run = mg.cuda.capture(step) if captured else lambda x, y, step=step: step(*[mg.Tensor(a).to("cuda") for a in (x, y)])
        losses, scales = [], []
        for k, (x, labels) in enumerate(batches(16)):
            optimizer.param_groups[0]["lr"] = 0.02 / (1 + k)
            losses.append(run(x, labels))
            scales.append(scaler.get_scale())
        state = {key: value.to("cpu").numpy() for key, value in net.state_dict().items()}
        results.append(([loss.item() for loss in losses], scales, [s["step"] for s in optimizer.state.values()], state))
        if captured:
            assert run.captured == 1
    (losses, scales, counts, state), (got_losses, got_scales, got_counts, got_state) = results
    assert scales[-1] < 2.0**20
    assert any(b > a for a, b in pairwise(scales)), "the scale has risen, too"
    assert 0 < counts[0] < 16
    assert (got_losses, got_scales, got_counts) == (losses, scales, counts)
    for key, value in state.items():
        np.testing.assert_array_equal(got_state[key], value, err_msg=key)


@pytest.mark.slow
def test_a_captured_step_with_a_scaler_is_one_launch_and_does_not_wait() -> None:
    _, _, _, step = stepper(256.0, lambda p: optim.Adam(p, lr=1e-2))
    fast = mg.cuda.capture(step)
    for x, labels in batches(2):
        fast(x, labels)
    LEDGER.clear()
    with no_sync():
        fast(*batches(1)[0])
    assert LEDGER.launches.count("graph") == 1
    assert len(LEDGER.launches) == 2, "the graph, and a copy of the loss"


@pytest.mark.slow
def test_steps_between_captured_ones_and_a_loaded_state_count() -> None:
    _, optimizer, scaler, step = stepper(2.0**20, lambda p: optim.Adam(p, lr=1e-2))
    fast = mg.cuda.capture(step)
    made = 0
    for k, (x, labels) in enumerate(batches(8)):
        before = scaler.get_scale()
        if k == 4:
            scaler.load_state_dict({**scaler.state_dict(), "scale": 2.0**20})
            before = 2.0**20
        if k % 3 == 2:
            step(*[mg.Tensor(a).to("cuda") for a in (x, labels)])
        else:
            fast(x, labels)
        made += scaler.get_scale() >= before
        assert all(s["step"] == made for s in optimizer.state.values())
    assert 0 < made < 8


@pytest.mark.slow
def test_a_step_that_cannot_be_captured_leaves_the_scaler_as_it_was() -> None:
    _, _, scaler, step = stepper(256.0, optim.Lion)  # which waits
    fast = mg.cuda.capture(step)
    (x, labels), *_ = batches(1)
    fast(x, labels)
    with pytest.raises(mg.cuda.CaptureError, match="looked at"):
        fast(x, labels)
    step(*[mg.Tensor(a).to("cuda") for a in (x, labels)])
    assert scaler.state_dict()["_growth_tracker"] == 2


def test_a_scaler_that_first_comes_up_while_recording_is_refused() -> None:
    p = mg.Tensor(np.ones(2, np.float32)).to("cuda").requires_grad_()
    scaler = [mg.GradScaler(enabled=False), mg.GradScaler()]
    used = iter([0, 1])

    def step(x: mg.Tensor) -> None:
        scaler[next(used)].scale((x * p).sum()).backward()

    fast = mg.cuda.capture(step)
    fast(np.ones(2, np.float32))
    with pytest.raises(mg.cuda.CaptureError, match="for the first time while a step is captured"):
        fast(np.ones(2, np.float32))
