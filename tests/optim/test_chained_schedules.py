"""Schedules in every order of making, loading and stepping, several on one optimizer, and states that do not belong: beside PyTorch."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.optim import lr_scheduler as ours

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
theirs = torch.optim.lr_scheduler
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

#: schedules whose learning rate is a product, which PyTorch chains
KINDS: dict[str, Any] = {
    "linear": lambda m, o: m.LinearLR(o, start_factor=0.1, total_iters=4), "exponential": lambda m, o: m.ExponentialLR(o, gamma=0.9),
    "step": lambda m, o: m.StepLR(o, step_size=2, gamma=0.5), "milestones": lambda m, o: m.MultiStepLR(o, [1, 4], gamma=0.3),
    "constant": lambda m, o: m.ConstantLR(o, factor=0.5, total_iters=3),
    "multiplicative": lambda m, o: m.MultiplicativeLR(o, lambda t: 1 - 1 / (2 + t)),
}  # fmt: skip


def both(lr: float = 0.1) -> tuple[Any, Any]:
    return optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=lr), torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=lr)


def rate(optimizer: Any) -> float:
    return float(optimizer.param_groups[0]["lr"])


@pytest.mark.parametrize("names", list(permutations(KINDS, 2)), ids="-".join)
def test_two_schedules_of_one_optimizer_chain(names: tuple[str, str]) -> None:
    mine, other = both()
    a, b = ([KINDS[name](module, optimizer) for name in names] for module, optimizer in ((ours, mine), (theirs, other)))
    for _ in range(8):
        assert rate(mine) == pytest.approx(rate(other), rel=1e-12)
        for schedule in (*a, *b):
            schedule.step()


@pytest.mark.parametrize("names", list(permutations(KINDS, 3)), ids="-".join)
def test_a_chain_of_schedules_is_one_for_both(names: tuple[str, ...]) -> None:
    mine, other = both()
    a, b = (module.ChainedScheduler([KINDS[name](module, o) for name in names]) for module, o in ((ours, mine), (theirs, other)))
    for t in range(8):
        assert rate(mine) == pytest.approx(rate(other), rel=1e-12)
        assert a.lr_at(t, 0.1, 0) == pytest.approx(rate(other), rel=1e-12)
        a.step()
        b.step()
    assert a.last_epoch == 8


@pytest.mark.parametrize("order", list(permutations(["optimizer", "chain", "other"])), ids="-".join)
def test_a_chain_is_loaded_in_any_order(order: tuple[str, ...]) -> None:
    def make() -> dict[str, Any]:
        optimizer = both()[0]
        chain = ours.ChainedScheduler([KINDS["linear"](ours, optimizer), KINDS["multiplicative"](ours, optimizer)])
        return {"optimizer": optimizer, "chain": chain, "other": KINDS["step"](ours, optimizer)}

    def go_on(parts: dict[str, Any], steps: int) -> list[float]:
        found = []
        for _ in range(steps):
            parts["chain"].step()
            parts["other"].step()
            found.append(rate(parts["optimizer"]))
        return found

    whole, again = make(), make()
    go_on(whole, 3)
    saved = {name: part.state_dict() for name, part in whole.items()}
    for name in order:
        again[name].load_state_dict(saved[name])
    assert go_on(again, 4) == pytest.approx(go_on(whole, 4), rel=1e-12)


def test_a_chain_in_which_one_refuses_takes_no_step() -> None:
    optimizer = both()[0]
    steps = KINDS["exponential"](ours, optimizer)
    chain = ours.ChainedScheduler([steps, ours.LambdaLR(optimizer, lambda t: 2 - t)])
    for _ in range(2):
        chain.step()
    before = chain.state_dict()
    with pytest.raises(ValueError, match="LambdaLR: lr_lambda must return a number of at least 0, not -1 at step 3"):
        chain.step()
    assert chain.state_dict() == before
    assert (chain.last_epoch, steps.last_epoch) == (2, 2)
    with pytest.raises(ValueError, match=r"the state is of 1 parameter groups|the optimizer has 1"):
        chain.load_state_dict({**before, "schedulers": [before["schedulers"][0], {**before["schedulers"][1], "base_lrs": [1.0, 2.0]}]})
    with pytest.raises(ValueError, match="ChainedScheduler: the state is of 1 schedulers; this one has 2"):
        chain.load_state_dict({**before, "schedulers": before["schedulers"][:1]})
    assert chain.state_dict() == before


def test_a_chain_also_cycles_momentum() -> None:
    alone, optimizer = both()[0], both()[0]
    cycle = ours.OneCycleLR(alone, 0.5, 9)
    chain = ours.ChainedScheduler([ours.OneCycleLR(optimizer, 0.5, 9), KINDS["exponential"](ours, optimizer)])
    for t in range(8):
        assert optimizer.param_groups[0]["momentum"] == alone.param_groups[0]["momentum"]
        assert rate(optimizer) == pytest.approx(rate(alone) * 0.9**t)
        cycle.step()
        chain.step()


def test_a_chain_as_a_part_of_a_sequence() -> None:
    optimizer = both()[0]
    chain = ours.ChainedScheduler([KINDS["exponential"](ours, optimizer), KINDS["step"](ours, optimizer)])
    sequence = ours.SequentialLR(optimizer, [KINDS["constant"](ours, optimizer), chain], [2])
    found = []
    for _ in range(6):
        found.append(rate(optimizer))
        sequence.step()
    assert found == pytest.approx([0.05, 0.05, 0.1, 0.09, 0.1 * 0.81 / 2, 0.1 * 0.9**3 / 2])


def chained() -> dict[str, Any]:
    optimizer = both()[0]
    return {"optimizer": optimizer, "first": KINDS["linear"](ours, optimizer), "second": KINDS["exponential"](ours, optimizer)}


def rates(parts: dict[str, Any], steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        parts["first"].step()
        parts["second"].step()
        found.append(rate(parts["optimizer"]))
    return found


@pytest.mark.parametrize("order", list(permutations(["optimizer", "first", "second"])), ids="-".join)
def test_states_may_be_loaded_in_any_order(order: tuple[str, ...]) -> None:
    whole, again = chained(), chained()
    before = rates(whole, 3)
    saved = {name: part.state_dict() for name, part in whole.items()}
    for name in order:
        again[name].load_state_dict(saved[name])
    assert rate(again["optimizer"]) == before[-1]
    assert rates(again, 4) == pytest.approx(rates(whole, 4), rel=1e-12)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("old", [False, True])
def test_a_schedule_made_after_the_optimizer_was_loaded_has_its_rate_at_once(name: str, old: bool) -> None:
    optimizer, again = both()[0], both()[0]
    schedule = KINDS[name](ours, optimizer)
    for _ in range(3):
        schedule.step()
    again.load_state_dict(optimizer.state_dict())
    state = schedule.state_dict()
    if old:  # as it was written before it held the rates
        del state["lrs"]
    made = KINDS[name](ours, again)
    made.load_state_dict(state)
    assert rate(again) == rate(optimizer)
    made.step()
    schedule.step()
    assert rate(again) == pytest.approx(rate(optimizer), rel=1e-12)


def test_a_rate_that_a_user_sets_is_kept() -> None:
    mine, other = both()
    schedules = KINDS["exponential"](ours, mine), KINDS["exponential"](theirs, other)
    for optimizer, schedule in zip((mine, other), schedules, strict=True):
        optimizer.param_groups[0]["lr"] = 1.0
        schedule.step()
        assert rate(optimizer) == pytest.approx(0.9)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize(
    "values", [[0.9] * 8, [0.1, 0.2, 0.2, 0.3, 0.2, 0.2, 0.2, 0.2], [-1.0, -0.5, -0.5, -0.4, -2, -2, -2, -2], [0.0] * 8]
)
def test_a_plateau_is_one_for_both(values: list[float], threshold_mode: str, mode: str) -> None:
    mine, other = both(1.0)
    options = {"mode": mode, "threshold_mode": threshold_mode, "patience": 1, "threshold": 0.01}
    schedules = ours.ReduceLROnPlateau(mine, **options), theirs.ReduceLROnPlateau(other, **options)
    for value in values:
        for schedule in schedules:
            schedule.step(value)
        assert rate(mine) == pytest.approx(rate(other))


ALL = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "Adafactor", "ASGD", "Rprop"]


def stepped(module: Any, p: Any, kind: str) -> Any:
    optimizer = getattr(module, kind)([p], lr=0.1)
    p.grad = p.detach() * 2
    optimizer.step()
    return optimizer


@pytest.mark.parametrize("name", ALL)
def test_only_the_state_of_the_same_optimizer_is_taken(name: str) -> None:
    optimizer = stepped(optim, mg.tensor([1.0], requires_grad=True), name)
    optimizer.load_state_dict(stepped(torch.optim, torch.ones(1, requires_grad=True), name).state_dict())
    refused = 0
    for kind in ALL:
        other = stepped(optim, mg.tensor([1.0], requires_grad=True), kind)
        if other.defaults.keys() - optimizer.defaults.keys() - {"maximize", "decoupled_weight_decay"}:
            with pytest.raises(ValueError, match="the state is of another optimizer, whose options are"):
                optimizer.load_state_dict(other.state_dict())
            refused += 1
    assert refused >= 3


@pytest.mark.parametrize(("name", "option"), [("SGD", {"momentum": 0.9}), ("RMSprop", {"momentum": 0.9}), ("RMSprop", {"centered": True})])
def test_an_option_switched_on_later(name: str, option: dict[str, Any]) -> None:
    x, y = mg.tensor(np.array([1.0, -2.0]), requires_grad=True), torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    optimizers = getattr(optim, name)([x], lr=0.01), getattr(torch.optim, name)([y], lr=0.01)
    for t in range(6):
        for p, optimizer in zip((x, y), optimizers, strict=True):
            if t == 2:
                optimizer.param_groups[0].update(option)
            if t == 2 and name == "RMSprop" and p is y:  # PyTorch needs its state made by hand
                optimizer.state[y].update(momentum_buffer=torch.zeros_like(y), grad_avg=torch.zeros_like(y))
            optimizer.zero_grad()
            (p**4).sum().backward()
            optimizer.step()
    np.testing.assert_allclose(x.detach().numpy(), y.detach().numpy(), rtol=1e-12)


def test_a_set_has_no_order() -> None:
    with pytest.raises(TypeError, match="params is a set, which has no order"):
        optim.SGD({mg.tensor([1.0], requires_grad=True)})


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_after_a_milestone_a_schedule_begins_at_the_base_rate(kind: str) -> None:
    def rates(m: Any, optimizer: Any) -> list[float]:
        first = m.ConstantLR(optimizer, factor=0.5, total_iters=9)
        both = m.SequentialLR(optimizer, [first, KINDS[kind](m, optimizer)], milestones=[3])
        found = []
        for _ in range(9):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step(), both.step()
        return found

    found = rates(ours, optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=2.0))
    expected = rates(theirs, torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=2.0))
    if kind == "multiplicative":  # PyTorch's goes on from where the first was, with its factor at once
        factor = 1 - 1 / 3
        assert found[3] == 2.0
        np.testing.assert_allclose(found[4], 2.0 * factor)
        np.testing.assert_allclose(expected[3], expected[2] * (1 - 1 / 2))
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-12)
