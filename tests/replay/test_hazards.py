"""What may go wrong in a captured step: it is right to the last bit, recorded anew, or refused with a name and a line."""

from __future__ import annotations

import gc
import threading
from typing import Any

import numpy as np
import pytest
from replay.training import BATCHES, Run, assert_equal_runs

import minigrad as mg
from minigrad import nn, optim
from minigrad.nn import functional as F
from minigrad.optim import EMA, clip_grad_norm_, clip_grad_value_
from minigrad.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR
from minigrad.replay import CaptureError, capture

# ------------------------------------------------------------------------------------------------ right to the last bit


def test_dropout_draws_the_same_masks() -> None:
    assert_equal_runs(drop=0.5)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        lambda p: optim.RMSprop(p, lr=1e-3),
        lambda p: optim.NAdam(p, lr=1e-3),
        lambda p: optim.Adam([{"params": p[:2], "lr": 0.1}, {"params": p[2:], "weight_decay": 0.01}]),
    ],
    ids=["nesterov", "rmsprop", "nadam", "groups"],
)
def test_optimizers(optimizer: Any) -> None:
    assert_equal_runs(optimizer=optimizer)


def test_radam_is_recorded_anew_where_it_begins_to_rectify() -> None:
    run = assert_equal_runs(optimizer=lambda p: optim.RAdam(p, lr=1e-2))
    assert run.run.captured == 1


@pytest.mark.parametrize("make", [lambda o: CosineAnnealingLR(o, T_max=10), lambda o: OneCycleLR(o, max_lr=0.1, total_steps=20)])
def test_a_schedule_changes_the_learning_rate_and_momenta(make: Any) -> None:
    def after(run: Run) -> None:
        if not hasattr(run, "schedule"):
            run.schedule = make(run.optimizer)  # type: ignore[attr-defined]
        run.schedule.step()  # type: ignore[attr-defined]

    run = assert_equal_runs(after=after, optimizer=lambda p: optim.SGD(p, lr=0.1, momentum=0.9))
    assert run.run._entries[next(iter(run.run._entries))].recordings == 2, "changing numbers are no reason to record anew"


TWISTS = {
    "penalty on a parameter alone": lambda run, loss, x: loss + 0.01 * (run.model.a.weight * run.model.a.weight).sum(),
    "detach": lambda run, loss, x: loss * (1 / (loss.detach() + 1)),
    "no_grad": lambda run, loss, x: loss + mg.no_grad()(lambda: (run.model(x) ** 2).mean())(),
    "checkpoint": lambda run, loss, x: loss + mg.checkpoint(lambda z: (run.model.b(run.model.a(z).tanh()) ** 2).mean(), x),
    "second derivative": lambda run, loss, x: (
        loss + (mg.grad(run.model.b(run.model.a(x).tanh()).sum(), [run.model.a.weight], create_graph=True)[0] ** 2).mean()
    ),
    "bfloat16": lambda run, loss, x: loss + mg.autocast("bfloat16")(lambda: run.model.b(run.model.a(x)).mean())(),
    "a constant of the step": lambda run, loss, x: loss * mg.tensor(0.5) + mg.zeros(()),
    "where": lambda run, loss, x: mg.where(loss > 0, loss, 2 * loss),
    "two losses": lambda run, loss, x: loss + F.mse_loss(run.model.a(x), mg.ones((12, 6))),
}  # fmt: skip


@pytest.mark.parametrize("name", TWISTS)
def test_what_a_step_may_do(name: str) -> None:
    assert_equal_runs(twist=TWISTS[name], drop=0.2 if name == "checkpoint" else 0.0)


def test_a_hook_that_computes_with_tensors_is_part_of_the_program() -> None:
    results = []
    for captured in (False, True):
        run = Run()
        run.model.a.weight.register_hook(lambda g: g * 0.5)
        run.model.norm.register_forward_hook(lambda module, args, out: out * 1.5)
        results.append((run.losses(captured), run.state()))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "clip", [lambda p: clip_grad_norm_(p, 0.1), lambda p: clip_grad_value_(p, 0.01), lambda p: clip_grad_norm_(p, 1.0, float("inf"))]
)
def test_clipping_and_an_average_within_the_step(clip: Any) -> None:
    results = []
    for captured in (False, True):
        run = Run()
        ema = EMA(run.model.parameters(), decay=0.9)

        def step(x: Any, labels: Any, run: Run = run, ema: EMA = ema) -> mg.Tensor:
            run.optimizer.zero_grad()
            loss = F.cross_entropy(run.model(x), labels)
            loss.backward()
            norm = clip(run.model.parameters())
            run.optimizer.step()
            ema.update()
            return loss if norm is None else loss + norm

        run.step = step  # type: ignore[method-assign]
        results.append((run.losses(captured), run.state(), [e.tobytes() for e in ema.averages]))
    assert results[0] == results[1]


@pytest.mark.parametrize("keep_grads", [False, True])
def test_gradients_add_up_over_captured_steps(keep_grads: bool) -> None:
    """Two captured halves of a batch and an eager step: gradients that no optimizer used within are kept."""
    results = []
    for captured in (False, True):
        run = Run()

        def half(x: Any, labels: Any, run: Run = run) -> mg.Tensor:
            loss = F.cross_entropy(run.model(x), labels) / 2
            loss.backward()
            return loss

        fast = capture(half, keep_grads=keep_grads) if captured else half
        losses = []
        for x, labels in BATCHES:
            run.optimizer.zero_grad()
            losses += [fast(mg.Tensor(x[part]), mg.Tensor(labels[part])).item() for part in (slice(0, 6), slice(6, 12))]
            run.optimizer.step()
        results.append((losses, run.state()))
    assert results[0] == results[1]


def test_gradients_are_dropped_or_kept_as_asked() -> None:
    for keep in (False, True):
        eager, fast = Run(), Run()
        eager.losses(captured=False, steps=5)
        fast.losses(captured=True, steps=5, keep_grads=keep)
        for p, q in zip(eager.model.parameters(), fast.model.parameters(), strict=True):
            assert (q.grad is not None) == keep
            if keep:
                np.testing.assert_array_equal(q.grad.data, p.grad.data)  # type: ignore[union-attr]


def test_returned_tensors_are_the_callers() -> None:
    run = Run()
    step = capture(run.step)
    losses = [step(mg.Tensor(x), mg.Tensor(y)) for x, y in BATCHES]
    assert len({loss.item() for loss in losses}) == len(BATCHES)


def test_a_function_without_backward() -> None:
    model = Run().model.eval()
    fast = capture(lambda x: {"y": model(x), "pair": (x + 1, [x * 2]), "nothing": None})
    for x, _ in BATCHES:
        got = fast(mg.Tensor(x))
        assert got["y"].data.tobytes() == model(mg.Tensor(x)).data.tobytes()
        np.testing.assert_array_equal(got["pair"][1][0].data, x * 2)
        assert got["nothing"] is None
    assert all(call.origin.phase == "forward" for call in fast.program.body)


# -------------------------------------------------------------------------------------------------------- refused, named


SEEN = mg.zeros(())
REFUSED = {
    "item": (lambda run, loss, x: loss * loss.item(), "a value was looked at"),
    "float": (lambda run, loss, x: loss * float(loss), "a value was looked at"),
    "print": (lambda run, loss, x: (str(loss), loss)[1], "a value was looked at"),
    "branch": (lambda run, loss, x: loss * 2 if loss > 0 else loss, "a value was looked at"),
    "numpy": (lambda run, loss, x: loss * loss.detach().numpy(), "a value was looked at"),
    "asarray": (lambda run, loss, x: loss * float(np.asarray(loss.data)), "handed to NumPy"),
    "boolean mask": (lambda run, loss, x: loss + x[x > 0].mean(), "getitem: with a boolean mask the shape"),
    "nonzero": (lambda run, loss, x: loss + len(mg.nonzero(x)[0]), "nonzero: the shape"),
    "seed": (lambda run, loss, x: (mg.manual_seed(3), loss * mg.random.uniform())[1], "the state of a generator"),
    "set in place": (lambda run, loss, x: (SEEN.copy_(loss.detach()), loss)[1], "handed to NumPy"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded_is_named_with_its_line_and_changes_nothing(name: str) -> None:
    twist, named = REFUSED[name]
    run = Run(twist=twist, drop=0.5 if name == "seed" else 0.0)
    fast = capture(run.step)
    x, labels = mg.Tensor(BATCHES[0][0]), mg.Tensor(BATCHES[0][1])
    fast(x, labels)
    before = run.state()
    with pytest.raises(CaptureError, match=rf"{named}.*test_hazards.py:\d+") as caught:
        fast(x, labels)
    assert "return what is to be looked at" in str(caught.value)
    assert run.state() == before
    with mg.no_grad():
        run.model(x)  # eager work goes on


count = iter(range(10**6))
FROZEN = {
    "NumPy's random numbers": lambda run, loss, x: loss * mg.Tensor(np.float32(np.random.random())),  # noqa: NPY002
    "a random factor": lambda run, loss, x: loss * float(np.random.random()),  # noqa: NPY002
    "a counter": lambda run, loss, x: loss * (1 + next(count)),
    "a random mask": lambda run, loss, x: loss + (x * mg.Tensor((np.random.random(x.shape) > 0.5).astype(np.float32))).mean(),  # noqa: NPY002
    "a flag": lambda run, loss, x: loss if next(count) % 2 else loss + x.mean(),
}  # fmt: skip


@pytest.mark.parametrize("name", FROZEN)
def test_what_python_computes_anew_in_each_step_is_found(name: str) -> None:
    run = Run(twist=FROZEN[name])
    fast = capture(run.step)
    batch = [mg.Tensor(a) for a in BATCHES[0]]
    fast(*batch), fast(*batch)
    before = run.state()
    with pytest.raises(CaptureError, match=r"something else when it was captured a second time: at call \d+ .*test_hazards.py:\d+"):
        fast(*batch)
    assert run.state() == before


def test_without_the_check_it_is_frozen() -> None:
    run = Run(twist=FROZEN["a counter"])
    fast = capture(run.step, check=False)
    for _ in range(4):
        fast(*[mg.Tensor(a) for a in BATCHES[0]])
    assert fast.captured == 1


@pytest.mark.parametrize("function", ["-", "+", "*", "/", "@", "<"])
def test_an_array_of_the_step_beside_a_tensor_is_answered_by_the_tensor(function: str) -> None:
    w = mg.Tensor(BATCHES[0][0][:3, :3] + 3, requires_grad=True)

    def step(x: Any) -> Any:
        return (eval(f"array {function} w", {"array": x.data, "w": w}) * 1.0).sum()

    fast = capture(step)
    for seed in range(4):
        x = mg.Tensor(np.random.default_rng(seed).standard_normal((3, 3)).astype(w.dtype))
        assert fast(x).item() == step(x).item()
    assert fast.captured == 1


def test_parameters_changed_by_numpy_within_the_step_are_found() -> None:
    def twist(run: Run, loss: Any, x: Any) -> Any:
        np.multiply(run.model.a.weight.data, 0.9, out=run.model.a.weight.data)
        return loss

    run = Run(twist=twist)
    fast = capture(run.step)
    batch = [mg.Tensor(a) for a in BATCHES[0]]
    fast(*batch), fast(*batch)
    with pytest.raises(CaptureError, match=r"changes .* in Python, which a replay would not do"):
        fast(*batch)


def test_an_argument_whose_gradient_would_be_lost_is_refused() -> None:
    """What came out was a constant: a jacobian of zeros, and a generator that learned nothing through a captured critic."""
    square, x = capture(lambda x: x * x), mg.tensor([1.0, 2.0])
    for derivative in (mg.jacobian, mg.vjp, lambda f, x: mg.jvp(f, x, x), lambda f, x: f(2 * x.detach().requires_grad_())):
        for _ in range(4):
            with pytest.raises(CaptureError, match=r"an argument of a captured step requires a gradient, .* Give x\.detach\(\)"):
                derivative(square, x)
    leaf = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.no_grad():  # there is no gradient to be lost
        assert [square(leaf).tolist() for _ in range(4)] == [[1.0, 4.0]] * 4


def test_other_results_and_arguments_are_refused() -> None:
    fast = capture(lambda x: x.shape)
    fast(mg.ones(3))
    with pytest.raises(CaptureError, match=r"returns Tensors, or tuples, lists and dicts of them, not int"):
        fast(mg.ones(3))
    with pytest.raises(TypeError, match="hashable values"):
        fast([1, 2])
    with pytest.raises(TypeError, match="capture takes a function"):
        capture(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"unknown backend 'fast'; expected 'numpy'"):
        capture(lambda: None, backend="fast")


def test_an_array_kept_from_a_recording_is_refused_later() -> None:
    kept: list[mg.Tensor] = []
    fast = capture(lambda x: (kept.append(x * 2), x + 1)[1])
    fast(mg.ones(3)), fast(mg.ones(3))
    with pytest.raises(CaptureError, match="used after the step"):
        kept[1] + 1


# --------------------------------------------------------------------------------------------- noticed, and recorded anew


def change_eval(run: Run) -> None:
    run.model.eval() if run.count == 5 else run.model.train() if run.count == 7 else None


def change_freeze(run: Run) -> None:
    if run.count == 5:
        run.model.a.weight.requires_grad_(False)


def change_norm(run: Run) -> None:
    if run.count == 5:
        run.model.norm.freeze()


def assign_parameter(run: Run) -> None:
    if run.count == 5:
        run.model.a.weight.data = run.model.a.weight.data * 0.5


def load_model(run: Run) -> None:
    if run.count == 5:
        run.model.load_state_dict({name: (value.detach() * 0.5).astype(value.dtype) for name, value in run.model.state_dict().items()})


def load_optimizer(run: Run) -> None:
    if run.count == 5:
        run.optimizer.load_state_dict(run.optimizer.state_dict())


def add_hook(run: Run) -> None:
    if run.count == 5:
        run.model.a.register_forward_hook(lambda module, args, out: out * 2)


def add_tensor_hook(run: Run) -> None:
    if run.count == 5:
        run.model.a.weight.register_hook(lambda g: g * 2)


def reset_statistics(run: Run) -> None:
    if run.count == 5:
        run.model.norm.reset_running_stats()


def change_drop(run: Run) -> None:
    if run.count == 5:
        run.model.drop.p = 0.3


def eager_between(run: Run) -> None:
    if run.count in (5, 7):
        run.step(mg.Tensor(BATCHES[0][0]), mg.Tensor(BATCHES[0][1]))


CHANGES = [
    change_eval, change_freeze, change_norm, assign_parameter, load_model, load_optimizer, add_hook, add_tensor_hook, reset_statistics,
    change_drop, eager_between,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=[change.__name__ for change in CHANGES])
def test_what_is_changed_outside_is_noticed(change: Any) -> None:
    assert_equal_runs(after=change, drop=0.25, optimizer=lambda p: optim.SGD(p, lr=0.1, momentum=0.5))


def test_a_batch_of_another_length_is_another_program() -> None:
    """A batch of one would be broadcast into memory for twelve."""
    net = nn.Sequential(nn.Linear(8, 3))
    fast = capture(lambda x: net(x))
    for _ in range(4):
        for n in (12, 1, 5):
            x = BATCHES[0][0][:n]
            assert fast(mg.Tensor(x)).data.tobytes() == net(mg.Tensor(x)).data.tobytes()
    assert fast.captured == 3


def test_programs_are_bounded() -> None:
    fast = capture(lambda x: x * 2)
    for _ in range(3):
        for n in range(1, 15):
            np.testing.assert_array_equal(fast(mg.ones(n)).data, np.full(n, 2, np.float32))
    assert fast.captured == 8


def test_what_changes_all_the_time_is_made_eagerly() -> None:
    net = nn.Linear(2, 2)
    fast = capture(lambda x: net(x))
    for _ in range(200):
        net.scale = getattr(net, "scale", 0) + 1
        fast(mg.ones((1, 2)))
    assert next(iter(fast._entries.values())).recordings <= 65


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_observers_see_the_ops() -> None:
    fast = capture(lambda x: x * 2)
    for _ in range(4):
        fast(mg.ones(3))
    with mg.detect_anomaly(), pytest.raises(mg.AnomalyError):
        capture(lambda x: mg.log(x))(mg.tensor([-1.0]))
    with mg.detect_anomaly():
        fast(mg.ones(3))


def test_within_no_grad_it_is_another_program() -> None:
    w = mg.ones(3).requires_grad_()
    fast = capture(lambda x: (x * w).sum())
    for _ in range(4):
        assert fast(mg.ones(3)).item() == 3
        with mg.no_grad():
            assert fast(mg.ones(3)).item() == 3
    assert fast.captured == 2


def test_a_label_outside_the_classes_is_found_in_a_replay() -> None:
    run = Run()
    fast = capture(run.step)
    for x, labels in BATCHES[:4]:
        fast(mg.Tensor(x), mg.Tensor(labels))
    with pytest.raises(IndexError, match="label 7 is outside the 3 classes"):
        fast(mg.Tensor(BATCHES[0][0]), mg.Tensor(np.full(12, 7)))


def test_a_captured_step_in_a_captured_step_is_a_part_of_it() -> None:
    inner = capture(lambda x: x * 2)
    outer = capture(lambda x: inner(x) + 1)
    for _ in range(4):
        assert outer(mg.ones(3)).data.tolist() == [3.0, 3.0, 3.0]
    assert (outer.captured, inner.captured) == (1, 0)


def test_threads_take_turns() -> None:
    w = mg.zeros(4)

    def step(x: Any) -> mg.Tensor:
        y = x
        for _ in range(20):
            y = y + w
        return y

    fast, wrong = capture(step), []

    def work(k: int) -> None:
        for _ in range(200):
            if not (fast(mg.full(4, float(k))).data == k).all():
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_program_keeps_its_memory_alive_and_is_freed() -> None:
    """The replay must hold the arena; what it holds must go with it, without the garbage collector."""
    fast = capture(lambda x: (x * 2 + 1).tanh())
    for _ in range(4):
        fast(mg.ones((50, 50)))
    replay = fast.program.run
    del fast
    gc.collect()
    junk = [np.full((50, 50), 9, np.float32) for _ in range(50)]
    np.testing.assert_array_equal(replay(np.ones((50, 50), np.float32)).data, np.tanh(np.full((50, 50), 3, np.float32)))
    assert junk
