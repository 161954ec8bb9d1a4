"""What optimizers and schedules refuse: in one sentence that says what to do, and with nothing changed."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.optim import lr_scheduler


def leaf(*shape: int) -> mg.Tensor:
    return mg.Tensor(np.ones(shape), requires_grad=True)


MODEL = nn.Sequential(nn.Linear(2, 2))
X, Y = leaf(2), leaf(2)


def used_up() -> Any:
    parameters = MODEL.parameters()
    list(parameters)
    return parameters


class Listed(nn.Module):
    """A model whose layers are in a plain list, where they are not found."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Linear(2, 2)]


def adam() -> optim.Adam:
    return optim.Adam(MODEL.parameters())


def state(**changes: Any) -> dict[str, Any]:
    return {**adam().state_dict(), **changes}


BAD_OPTIMIZERS = [
    (lambda: optim.SGD(used_up()), r"SGD: .* generator can be gone through once.*: pass list\(model.parameters\(\)\)"),
    (lambda: optim.SGD(map(abs, ())), r"SGD .* no parameters.*gone through once"),
    (lambda: optim.SGD(Listed().parameters()), "SGD was given no parameters; are the layers of the model in a plain list"),
    (lambda: optim.SGD([{"params": used_up()}]), "SGD: .* gone through once"),
    (lambda: optim.SGD(MODEL), r"SGD: params .* not the Sequential itself: pass model.parameters\(\)"),
    (lambda: optim.SGD(nn.Linear(2, 2)), r"SGD: params .* not the Linear itself: pass model.parameters\(\)"),
    (lambda: optim.SGD([{"params": MODEL}]), r"SGD: .* not the Sequential itself: pass model.parameters\(\)"),
    (lambda: optim.SGD([MODEL]), r"SGD optimizes tensors; number 0 is of type Sequential: pass model.parameters\(\)"),
    (lambda: optim.SGD(MODEL.named_parameters()), r"number 0 is of type tuple: pass model.parameters\(\)"),
    (lambda: optim.SGD(MODEL.parameters), r"not one method: pass model.parameters\(\)"),
    (lambda: optim.SGD({"params": [X]}), r"SGD: .* not one dict: a group goes into a list, \[\{'params': ...\}\]"),
    (lambda: optim.SGD([{"params": [X]}, Y]), "SGD: params must be all tensors or all groups; number 1 is of type Tensor"),
    (lambda: optim.SGD([X, {"params": [Y]}]), "SGD: params must be all tensors or all groups; number 1 is of type dict"),
    (lambda: optim.SGD([{"lr": 1.0}]), "SGD: a parameter group has its tensors under 'params'; this one has only 'lr'"),
    (lambda: optim.SGD([X]).add_param_group([Y]), "SGD: a parameter group is a dict with tensors under 'params', not a list"),
    (lambda: optim.SGD([{"params": [X], 5: 1, "rate": 1}]), "SGD: unknown option 5 in a parameter group; it has lr, momentum"),
    (lambda: optim.SGD([{"params": [X], "lr": -1}]), "SGD: lr must be a number of at least 0, not -1"),
    (lambda: optim.Adam([{"params": [X], "betas": 0.9}]), "Adam: betas must be two numbers"),
    *[
        (lambda b=betas: optim.Adam([X], betas=b), r"Adam: betas must be two numbers .*such as \(0.9, 0.999\), not ")
        for betas in (0.9, (0.9,), (0.9, 0.9, 0.9), ("a", "b"), None, (0.9, 1.0), (float("nan"), 0.9))
    ],
    (lambda: optim.Muon([leaf(2, 2)]).add_param_group({"params": [X]}), r"Muon is for matrices; .*\(2,\)"),
    (lambda: optim.LBFGS([X]).add_param_group({"params": [Y]}), "LBFGS takes one group"),
    (lambda: adam().load_state_dict(MODEL.state_dict()), "Adam: .*'0.weight', '0.bias'; a model's is loaded with model.load_state_dict"),
    (lambda: adam().load_state_dict({}), r"Adam: load_state_dict takes what .*\(\) returned, .* not a dict with nothing in it"),
    (lambda: adam().load_state_dict(adam()), r"Adam: load_state_dict takes what optimizer.state_dict\(\) returned, .* not an? Adam"),
    (lambda: adam().load_state_dict(None), "not a NoneType"),
    (lambda: adam().load_state_dict(state(param_groups=[{}])), "Adam: 'param_groups' of a state must be a list of dicts with 'params'"),
    (lambda: adam().load_state_dict(state(param_groups=[5])), "Adam: 'param_groups' of a state must be"),
    (lambda: adam().load_state_dict(state(param_groups=5)), "Adam: 'param_groups' of a state must be"),
    (lambda: adam().load_state_dict(state(state=5)), "Adam: 'state' of a state must be a dict"),
    (lambda: adam().load_state_dict(state(state={0: 5})), "Adam: 'state' of a state must be a dict"),
    (lambda: adam().load_state_dict(state(state={"a": {}})), "Adam: 'state' of a state must be a dict"),
    (lambda: MODEL.load_state_dict(adam().state_dict()), "is an optimizer's, not a Sequential's: .*optimizer.load_state_dict"),
    (lambda: MODEL.load_state_dict(adam().state_dict(), strict=False), "is an optimizer's"),
    (lambda: optim.EMA(MODEL), r"EMA: .* not the Sequential itself: pass model.parameters\(\)"),
    (lambda: optim.EMA(used_up()), "EMA: .* gone through once"),
    (lambda: optim.EMA([5]), "EMA averages tensors; number 0 is of type int"),
    (lambda: optim.EMA([X], "a"), "EMA: decay must be from 0 to 1, not 'a'"),
    (lambda: optim.EMA([X]).load_state_dict(MODEL.state_dict()), r"EMA: .* what EMA.state_dict\(\) returned"),
    (lambda: optim.clip_grad_norm_(used_up(), 1.0), "clip_grad_norm_: .* gone through once"),
    (lambda: optim.clip_grad_norm_([5], 1.0), "clip_grad_norm_ clips the gradients of tensors; number 0 is of type int"),
    (lambda: optim.clip_grad_norm_([X], -1.0), "clip_grad_norm_: max_norm must be"),
    (lambda: optim.clip_grad_value_(5, 1.0), "clip_grad_value_: .* not one int"),
]


@pytest.mark.parametrize(("call", "message"), BAD_OPTIMIZERS, ids=range(len(BAD_OPTIMIZERS)))
def test_optimizers_say_what_they_want(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_betas_may_be_a_list() -> None:
    optim.Adam([X], betas=[0.9, 0.99])


@pytest.mark.parametrize(
    "group",
    [[Y], {"lr": 1.0}, {"params": [Y], "rate": 1}, {"params": [Y], "lr": -1}, {"params": [Y, X]}, {"params": [5]}],
)
def test_a_refused_group_is_not_there(group: Any) -> None:
    optimizer = optim.SGD([X], lr=0.5)
    before = repr(optimizer)
    with pytest.raises((ValueError, TypeError)):
        optimizer.add_param_group(group)
    assert repr(optimizer) == before
    assert len(optimizer.param_groups) == 1


# ------------------------------------------------------------------------------------------------------------ schedules


def one_step(s: optim.SGD) -> lr_scheduler.StepLR:
    return lr_scheduler.StepLR(s, 1)


BAD_SCHEDULES = [
    ("StepLR", (1, -1), "gamma must be a number of at least 0, not -1"),
    ("StepLR", (1, "a"), "gamma must be a number of at least 0, not 'a'"),
    ("StepLR", (True,), "step_size must be a positive integer, not True"),
    ("MultiStepLR", (5,), "milestones must be integers of at least 0 in a list, not 5"),
    ("MultiStepLR", ([-1],), r"milestones must be integers of at least 0 in a list, not \[-1\]"),
    ("MultiStepLR", (["a"],), r"milestones must be integers of at least 0 in a list, not \['a'\]"),
    ("MultiStepLR", ([1], -1), "gamma must be"),
    ("ExponentialLR", (-1,), "gamma must be"),
    ("ExponentialLR", (float("nan"),), "gamma must be"),
    ("ConstantLR", (-1,), "factor must be"),
    ("ConstantLR", (1.0, -5), "total_iters must be a positive integer, not -5"),
    ("LinearLR", ("a",), "factors must be from 0"),
    ("PolynomialLR", (5, -1), "power must be"),
    ("CosineAnnealingLR", (5, -1), "eta_min must be"),
    ("CosineAnnealingLR", (5, "a"), "eta_min must be"),
    ("CosineAnnealingWarmRestarts", (5, 1, -1), "eta_min must be"),
    ("SequentialLR", ([5], []), "schedulers must be a list of schedules; number 0 is of type int"),
    ("SequentialLR", (5, []), "schedulers must be a list of schedules, not int"),
    ("SequentialLR", (lambda s: [one_step(s), one_step(s)], ["a"]), "milestones must be integers"),
    ("SequentialLR", (lambda s: [one_step(s), one_step(s), one_step(s)], [5, 2]), r"milestones must go up, not \[5, 2\]"),
    ("LambdaLR", (5,), "lr_lambda must be a function of the step, or a list of one for each group, not 5"),
    ("LambdaLR", ([5],), "lr_lambda must be a function"),
    ("LambdaLR", ((lambda t: -1),), "lr_lambda must return a number of at least 0, not -1 at step 0"),
    ("LambdaLR", ((lambda t: None),), "lr_lambda must return a number of at least 0, not None"),
    ("OneCycleLR", (-1, 5), "max_lr must be"),
    ("OneCycleLR", ("a", 5), "max_lr must be"),
    ("OneCycleLR", ([1, 2], 5), "2 values of max_lr for 1 parameter groups"),
    ("OneCycleLR", {"max_lr": 1, "total_steps": 5, "div_factor": 0}, "div_factor must be above 0, not 0"),
    ("OneCycleLR", {"max_lr": 1, "total_steps": 5, "final_div_factor": -1}, "final_div_factor must be a number of at least 0"),
    ("OneCycleLR", {"max_lr": 1, "total_steps": 5, "base_momentum": -1}, "base_momentum must be"),
    ("OneCycleLR", {"max_lr": 1, "epochs": 1.5, "steps_per_epoch": 2}, "total_steps must be a positive integer, not 3.0"),
    ("OneCycleLR", {"max_lr": 1, "total_steps": 5, "pct_start": "a"}, "pct_start must be from 0 to 1, not 'a'"),
    ("MultiplicativeLR", (5,), "lr_lambda must be a function of the step, or a list of one for each group, not 5"),
    ("MultiplicativeLR", ([abs, abs],), "2 functions for 1 parameter groups"),
    ("CyclicLR", (-1, 5), "base_lr must be"),
    ("CyclicLR", (1, [1, 2]), "2 values of max_lr for 1 parameter groups"),
    ("CyclicLR", (1, 2, 0), "step_size_up must be a positive integer, not 0"),
    ("CyclicLR", (1, 2, 3, 1.5), "step_size_down must be a positive integer, not 1.5"),
    ("CyclicLR", {"base_lr": 1, "max_lr": 2, "mode": "square"}, "mode must be one of 'triangular', .*, not 'square' and 'cycle'"),
    ("CyclicLR", {"base_lr": 1, "max_lr": 2, "scale_mode": "a"}, "mode must be .* scale_mode 'cycle' or 'iterations', not .* and 'a'"),
    ("CyclicLR", {"base_lr": 1, "max_lr": 2, "scale_fn": 5}, "scale_fn must be a function of a number, not 5"),
    ("CyclicLR", {"base_lr": 1, "max_lr": 2, "gamma": -1}, "gamma must be"),
    ("CyclicLR", {"base_lr": 1, "max_lr": 2, "base_momentum": [0.1, 0.2]}, "2 values of base_momentum for 1 parameter groups"),
    ("ReduceLROnPlateau", {"factor": -1}, "factor must be"),
    ("ReduceLROnPlateau", {"factor": "a"}, "factor must be"),
    ("ReduceLROnPlateau", {"patience": -1}, "patience must be"),
    ("ReduceLROnPlateau", {"patience": "a"}, "patience must be"),
    ("ReduceLROnPlateau", {"cooldown": -1}, "cooldown must be"),
    ("ReduceLROnPlateau", {"threshold": -1}, "threshold must be"),
    ("ReduceLROnPlateau", {"min_lr": -1}, "min_lr must be"),
    ("ReduceLROnPlateau", {"min_lr": [0, 0]}, "2 values of min_lr for 1 parameter groups"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), BAD_SCHEDULES, ids=[f"{n} {i}" for i, (n, _, _) in enumerate(BAD_SCHEDULES)])
def test_schedules_refuse_nonsense_and_change_nothing(name: str, arguments: Any, message: str) -> None:
    optimizer = optim.SGD([X], lr=0.5, momentum=0.5)
    if isinstance(arguments, tuple) and name == "SequentialLR" and callable(arguments[0]):
        arguments = (arguments[0](optimizer), *arguments[1:])
    before = copy.copy(optimizer.param_groups[0])
    positional, named = ((), arguments) if isinstance(arguments, dict) else (arguments, {})
    with pytest.raises((ValueError, TypeError), match=f"^{name}: {message}"):
        getattr(lr_scheduler, name)(optimizer, *positional, **named)
    assert optimizer.param_groups[0] == before


@pytest.mark.parametrize("name", ["LambdaLR", "SequentialLR", "OneCycleLR", "ReduceLROnPlateau", "CyclicLR"])
def test_a_schedule_is_of_an_optimizer(name: str) -> None:
    arguments = {"LambdaLR": (abs,), "SequentialLR": ([], []), "OneCycleLR": (1.0, 5), "CyclicLR": (0.1, 1.0)}.get(name, ())
    with pytest.raises(TypeError, match=f"{name} schedules an optimizer, not a Tensor"):
        getattr(lr_scheduler, name)(X, *arguments)


def test_a_chain_is_of_schedules_of_one_optimizer() -> None:
    optimizer = optim.SGD([X])
    plateau, other = lr_scheduler.ReduceLROnPlateau(optimizer), one_step(optim.SGD([Y]))
    refused = [
        ([], "schedulers is empty"),
        (5, "schedulers must be a list of schedules, not int"),
        ([5], "number 0 is of type int"),
        ([one_step(optimizer), plateau], "a step of ReduceLROnPlateau takes a metric; step it by itself"),
        ([one_step(optimizer), other], "all schedulers must be of one optimizer"),
    ]
    for schedulers, message in refused:
        with pytest.raises((ValueError, TypeError), match=f"^ChainedScheduler: .*{message}|^ChainedScheduler: {message}"):
            lr_scheduler.ChainedScheduler(schedulers)


def test_a_cycle_of_momentum_needs_one() -> None:
    with pytest.raises(ValueError, match="CyclicLR: the optimizer has no momentum to cycle; pass cycle_momentum=False"):
        lr_scheduler.CyclicLR(optim.Adagrad([X]), 0.1, 1.0)


def test_a_refused_step_of_a_schedule_changes_nothing() -> None:
    optimizer = optim.SGD([{"params": [X]}, {"params": [Y]}], lr=1.0)
    schedule = lr_scheduler.LambdaLR(optimizer, [lambda t: t + 1, lambda t: 1 - 2 * t])
    with pytest.raises(ValueError, match="lr_lambda must return a number of at least 0, not -1 at step 1"):
        schedule.step()
    assert (schedule.last_epoch, schedule.get_last_lr()) == (0, [1, 1])
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer)
    with pytest.raises(TypeError, match=r"ReduceLROnPlateau.step takes the metric, a number, not 'a'"):
        plateau.step("a")
    assert plateau.last_epoch == 0


def test_a_group_that_came_after_the_schedule() -> None:
    optimizer = optim.SGD([X])
    schedule = lr_scheduler.StepLR(optimizer, 1)
    optimizer.add_param_group({"params": [Y]})
    with pytest.raises(ValueError, match=r"StepLR was made for 1 parameter groups, and .* has 2 now: make it after add_param_group"):
        schedule.step()


@pytest.mark.parametrize("wrong", [{}, {"last_epoch": 5}, {"last_epoch": 5, "base_lrs": [1.0, 2.0]}, MODEL.state_dict(), None, 5])
@pytest.mark.parametrize("name", ["ReduceLROnPlateau", "CosineAnnealingLR"])
def test_a_state_of_something_else_is_refused_by_a_schedule(name: str, wrong: Any) -> None:
    schedule = getattr(lr_scheduler, name)(optim.SGD([X]), **({"T_max": 5} if name == "CosineAnnealingLR" else {}))
    before = schedule.state_dict()
    with pytest.raises((ValueError, TypeError), match=f"^{name}: "):
        schedule.load_state_dict(wrong)
    assert schedule.state_dict() == before


# ------------------------------------------------------------------------------------------- parameters that hold no array


@pytest.mark.parametrize("wrong", [mg.Tensor(np.zeros(2)), [0.0, 0.0], None, 5.0], ids=["Tensor", "list", "None", "float"])
@pytest.mark.parametrize("stepped", [False, True])
@pytest.mark.parametrize("name", ["Adam", "LBFGS"])
def test_a_parameter_that_holds_no_array_is_named(name: str, stepped: bool, wrong: Any) -> None:
    first, second = leaf(2), leaf(2)
    groups = [[first, second]] if name == "LBFGS" else [[first], [leaf(3), second]]
    optimizer = getattr(optim, name)([{"params": group} for group in groups])

    def closure() -> Any:
        for p in (first, second):
            p.grad = mg.Tensor(np.ones(2))
        return mg.tensor(1.0)

    if stepped:
        optimizer.step(closure)
    closure()
    before = first.data.copy()
    second.data = wrong
    where = "parameter number 1 of group " + ("0" if name == "LBFGS" else "1")
    kind = type(wrong).__name__
    with pytest.raises(TypeError, match=rf"{name}: {where} holds a {kind} in place of an array: .*p\.copy_\(value\)"):
        optimizer.step(closure if name == "LBFGS" else None)
    np.testing.assert_array_equal(first.data, before)
