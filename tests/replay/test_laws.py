"""Law 12: a captured step gives the bits of the eager one, for every op, layer and optimizer, or is refused in a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, random
from minigrad.gradcheck.checks.optimizers import OPTIMIZERS
from minigrad.gradcheck.samples.layers import TABLE
from minigrad.gradcheck.samples.problems import samples_of
from minigrad.nn import functional as F
from minigrad.replay import CaptureError, capture

OPS = {name: op for name, op in mg.OPS.items() if op.__module__.startswith("minigrad.")}
CALLS = 4  #: eager, recorded, recorded again, replayed

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def assert_same_bits(got: Any, expected: Any, what: str = "") -> None:
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    assert got.tobytes() == expected.tobytes(), f"{what}: {got!r} is not {expected!r}"


def forward_and_gradients(op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> list[mg.Tensor]:
    """Outputs of an op, and the gradient of a weighted sum of them for each input that has one."""
    live = [mg.Tensor(a.data).requires_grad_() if isinstance(a, mg.Tensor) and a.dtype.kind == "f" else a for a in args]
    out = op(*live, **params)
    outs = list(out) if isinstance(out, tuple) else [out]
    rng = np.random.default_rng(0)
    ys = [o for o in outs if o.requires_grad]
    xs = [a for a in live if isinstance(a, mg.Tensor) and a.requires_grad]
    if ys and xs:
        found = mg.grad(ys, xs, [rng.standard_normal(y.shape).astype(y.dtype) for y in ys], allow_unused=True)
        outs += [g for g in found if g is not None]
    return [o.detach() for o in outs]


@pytest.mark.parametrize("kernels", [True, pytest.param(False, marks=pytest.mark.thorough)], ids=["kernels", "formulas"])
@pytest.mark.parametrize("name", OPS)
def test_an_op_replays_with_its_bits(name: str, kernels: bool) -> None:
    """Every sample of every op, forward and gradient, with the op's kernels and without."""
    from minigrad.core.mode import changed_mode

    for sample in samples_of(name):
        fast = capture(lambda *args, params=sample.params: forward_and_gradients(OPS[name], args, params))
        args = [mg.Tensor(a.copy()) if isinstance(a, np.ndarray) else a for a in sample.args]
        with changed_mode(plain=not kernels):
            expected = forward_and_gradients(OPS[name], tuple(args), sample.params)
            for _ in range(CALLS):
                for got, value in zip(fast(*args), expected, strict=True):
                    assert_same_bits(got.data, value.data, repr(sample))


@pytest.mark.parametrize("k", range(len(TABLE)), ids=[f"{cls.__name__}-{k}" for k, (cls, *_) in enumerate(TABLE)])
def test_a_layer_replays_with_its_bits(k: int) -> None:
    """Outputs, gradients, buffers and the state of the random numbers, over several steps."""
    cls, setup, settings, draw = TABLE[k]
    rng = np.random.default_rng(3)
    batches = [draw(rng) for _ in range(CALLS + 1)]
    results = []
    for captured in (False, True):
        random.manual_seed(5)
        options = {name: value for name, value in settings.items() if name != "training"}
        layer = cls(*setup, **options).double().train(settings.get("training", True))

        def step(*args: Any, layer: Any = layer) -> list[mg.Tensor]:
            layer.zero_grad()
            xs = [mg.Tensor(a.data).requires_grad_() if a.dtype.kind == "f" else a for a in args]
            out = layer(*xs)
            outs = [o for o in (out if isinstance(out, tuple) else (out,)) if isinstance(o, mg.Tensor)]
            sum((o * o).sum() for o in outs).backward()
            grads = [t.grad for t in [*xs, *layer.parameters()] if t.requires_grad and t.grad is not None]
            return [*outs, *grads]

        run = capture(step) if captured else step
        steps = [[t.data.copy() for t in run(*[mg.Tensor(a) for a in batch])] for batch in batches]
        results.append((steps, [b.data.copy() for b in layer.buffers()], random.get_state()))
    (steps, buffers, state), (got_steps, got_buffers, got_state) = results
    for got, expected in zip(got_steps, steps, strict=True):
        for a, b in zip(got, expected, strict=True):
            assert_same_bits(a, b)
    for a, b in zip(got_buffers, buffers, strict=True):
        assert_same_bits(a, b)
    assert got_state == state


REFUSED = {"LBFGS"}  #: a line search looks at the loss
CASES = [(name, options) for name, options in OPTIMIZERS.items()]
CASES += [
    ("Lion", {"lr": 0.01}), ("Muon", {"lr": 0.01}), ("Rprop", {"lr": 0.01}), ("ASGD", {"lr": 0.1, "t0": 3}),
    ("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.1}),
    ("SGD", {"lr": 0.1, "maximize": True}), ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.5}), ("NAdam", {"lr": 0.05, "decoupled_weight_decay": True}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.01}), ("Adafactor", {"lr": 0.4, "weight_decay": 0.01, "eps": (1e-3, 0.1)}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), CASES, ids=[f"{name}-{k}" for k, (name, _) in enumerate(CASES)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_optimizer_replays_with_its_bits(name: str, options: dict[str, Any], dtype: str) -> None:
    """Parameters and state, with a learning rate that changes from step to step, beyond where RAdam starts to rectify."""
    rng = np.random.default_rng(0)
    data = [(rng.standard_normal((6, 4)).astype(dtype), rng.standard_normal((6, 2)).astype(dtype)) for _ in range(9)]
    results = []
    for captured in (False, True):
        random.manual_seed(1)
        model = nn.Sequential(nn.Linear(4, 5, bias=False), nn.Tanh(), nn.Linear(5, 2, bias=False)).to(dtype=dtype)
        optimizer = getattr(optim, name)(model.parameters(), **options)

        def step(x: Any, y: Any, model: Any = model, optimizer: Any = optimizer) -> mg.Tensor:
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        run = capture(step) if captured else step
        losses = []
        for k, (x, y) in enumerate(data):
            optimizer.param_groups[0]["lr"] = options["lr"] / (1 + k)
            losses.append(run(mg.Tensor(x), mg.Tensor(y)).data.copy())
        state = [{n: v.data.copy() if isinstance(v, mg.Tensor) else v for n, v in s.items()} for s in optimizer.state.values()]
        results.append((losses, [p.data.copy() for p in model.parameters()], state))
    (losses, params, state), (got_losses, got_params, got_state) = results
    for a, b in zip([*got_losses, *got_params], [*losses, *params], strict=True):
        assert_same_bits(a, b)
    for a, b in zip(got_state, state, strict=True):
        for key, value in b.items():
            if isinstance(value, np.ndarray):
                assert_same_bits(a[key], value, key)
            else:
                assert a[key] == value


def test_every_optimizer_is_tried_or_refused() -> None:
    known = {name for name, value in vars(optim).items() if isinstance(value, type) and issubclass(value, optim.Optimizer)} - {"Optimizer"}
    assert known == {name for name, _ in CASES} | REFUSED


def test_a_line_search_is_refused_in_a_sentence() -> None:
    model = nn.Linear(3, 1)
    optimizer = optim.LBFGS(model.parameters())

    def closure() -> mg.Tensor:
        optimizer.zero_grad()
        loss = (model(mg.ones((2, 3))) ** 2).mean()
        loss.backward()
        return loss

    fast = capture(lambda: optimizer.step(closure))
    fast()
    with pytest.raises(CaptureError, match=r"a value was looked at \(test_laws.py:\d+\)"):
        fast()
