"""Whose memory is it? Everything that may touch values and gradients, in any order, beside PyTorch.

Leaves, hooks that keep what they return, formulas of a user that return their arguments, ``data =``, swapped and shared data, ``copy_``,
``grad =``, optimizers with groups and their options, averages of weights, checkpoints, retained graphs and second derivatives. After each
step all values and gradients must be PyTorch's, and whatever belongs to the user must be as it was. ``MINIGRAD_TORTURE=N`` runs N.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

import minigrad as mg
from minigrad import optim

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.slow, pytest.mark.torch]

RUNS = int(os.environ.get("MINIGRAD_TORTURE", 300))
NUMBERS = st.integers(-8, 8).map(lambda n: n / 4)
ARRAYS = st.lists(NUMBERS, min_size=3, max_size=3).map(lambda values: np.array(values, np.float64))
WHICH = st.integers(0, 5)


@mg.op
def passed_on(xp, x):
    """x"""
    return x + 0


passed_on.vjp(x=lambda g: g)  # what it returns is what it was given

BINARY = {
    "+": (lambda a, b: a + b,) * 2,
    "*": (lambda a, b: a * b,) * 2,
    "/": (lambda a, b: a / (b * b + 1),) * 2,
    "maximum": (mg.maximum, torch.maximum),
}
UNARY = {
    "sin": (mg.sin, torch.sin),
    "exp of tanh": (lambda x: mg.exp(mg.tanh(x)), lambda x: torch.exp(torch.tanh(x))),
    "passed on": (passed_on, lambda x: x + 0),
    "reversed": (lambda x: x[::-1], lambda x: x.flip(0)),
    "twice an element": (lambda x: x[[0, 0, 1]], lambda x: x[[0, 0, 1]]),
    "a sum": (lambda x: x + x.sum(), lambda x: x + x.sum()),
    "checkpoint": (lambda x: mg.checkpoint(lambda t: mg.sin(t) * t, x), lambda x: torch.sin(x) * x),
    "detached": (lambda x: x * x.detach(), lambda x: x * x.detach()),
}
OPTIMIZERS = {
    "SGD": ({"lr": 0.1, "momentum": 0.9}, {}),
    "SGD with Nesterov": ({"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}, {}),
    "Adam": ({"lr": 0.1}, {}),
    "AdamW": ({"lr": 0.1, "amsgrad": True}, {}),
    "RMSprop": ({"lr": 0.1, "centered": True, "momentum": 0.5}, {}),
    "Adagrad": ({"lr": 0.1}, {}),
    "Adafactor": ({"lr": 0.1, "weight_decay": 0.1}, {}),
    "Rprop": ({"lr": 0.1}, {}),
}


class Memory(RuleBasedStateMachine):
    """Two of everything: minigrad's and PyTorch's."""

    def __init__(self) -> None:
        super().__init__()
        self.leaves: list[tuple[Any, Any]] = []
        self.values: list[tuple[Any, Any]] = []
        self.optimizers: list[tuple[Any, Any]] = []
        self.kept: list[tuple[Any, np.ndarray[Any, Any]]] = []  #: the user's own, and what it was
        self.hooked = False
        self.jacobians: dict[int, list[Any]] = {}  #: of values, at the point where they were computed, taken before it was overwritten

    @initialize(arrays=st.lists(ARRAYS, min_size=2, max_size=3))
    def begin(self, arrays: list[Any]) -> None:
        for array in arrays:
            self.leaves.append((mg.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)))
        self.forget()

    def forget(self) -> None:
        """Leave the graphs: what follows starts from the leaves."""
        self.values = list(self.leaves)
        self.hooked, self.jacobians = False, {}

    def before_overwriting(self) -> None:
        """Keep the derivatives of all values, which PyTorch refuses to give afterwards."""
        parameters = [p for _, p in self.leaves]
        for a, b in self.values if not self.hooked else []:
            if id(a) not in self.jacobians and b.grad_fn is not None:
                try:
                    rows = [
                        torch.autograd.grad(b[k], parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
                        for k in range(3)
                    ]
                except RuntimeError:  # it was overwritten before
                    continue
                self.jacobians[id(a)] = [np.stack([row[p].numpy() for row in rows]) for p in range(len(parameters))]

    def value(self, i: int) -> tuple[Any, Any]:
        return self.values[-1 - i % len(self.values)]

    def leaf(self, i: int) -> tuple[Any, Any]:
        return self.leaves[i % len(self.leaves)]

    # ------------------------------------------------------------------------------------------------------- computing

    @rule(name=st.sampled_from(sorted(BINARY)), i=WHICH, j=WHICH)
    def two(self, name: str, i: int, j: int) -> None:
        (a, c), (b, d) = self.value(i), self.value(j)
        ours, theirs = BINARY[name]
        self.values.append((ours(a, b), theirs(c, d)))

    @rule(name=st.sampled_from(sorted(UNARY)), i=WHICH)
    def one(self, name: str, i: int) -> None:
        a, b = self.value(i)
        ours, theirs = UNARY[name]
        self.values.append((ours(a), theirs(b)))

    @rule(i=WHICH, array=ARRAYS)
    def beside_an_array_of_the_user(self, i: int, array: Any) -> None:
        a, b = self.value(i)
        self.kept.append((array, array.copy()))
        self.values.append((a * mg.as_tensor(array), b * torch.tensor(array)))

    # ----------------------------------------------------------------------------------------------------------- hooks

    @rule(i=WHICH, array=ARRAYS)
    def hook_that_keeps_what_it_returns(self, i: int, array: Any) -> None:
        a, b = self.value(i)
        self.hooked = True
        mine = mg.tensor(array)
        self.kept.append((mine.data, array.copy()))
        fixed = torch.tensor(array)
        a.register_hook(lambda g: mine)
        b.register_hook(lambda g: fixed.clone())

    @rule(i=WHICH)
    def hook_that_passes_on(self, i: int) -> None:
        a, b = self.value(i)
        a.register_hook(lambda g: g)
        b.register_hook(lambda g: g)

    # -------------------------------------------------------------------------------------------------------- backward

    @rule(i=WHICH, seed=ARRAYS, retain=st.booleans())
    def backward(self, i: int, seed: Any, retain: bool) -> None:
        a, b = self.value(i)
        mine = mg.tensor(seed)
        self.kept.append((mine.data, seed.copy()))
        right = [seed @ jacobian for jacobian in self.jacobians.get(id(a), [])] if not self.hooked else []
        ours, theirs = lambda: a.backward(mine, retain_graph=retain), lambda: b.backward(torch.tensor(seed), retain_graph=retain)
        if not (self.agree(ours, theirs, right) and retain):
            self.forget()

    @precondition(lambda self: not self.hooked)  # whether a hook is asked again depends on whether a formula uses an output or inputs
    @rule(i=WHICH)
    def second_derivative(self, i: int) -> None:
        a, b = self.value(i)

        def ours() -> None:
            first = mg.grad((a * a).sum(), [p for p, _ in self.leaves], create_graph=True, allow_unused=True)
            sum(((g * g).sum() for g in first if g is not None), start=0 * self.leaves[0][0].sum()).backward()

        def theirs() -> None:
            first = torch.autograd.grad((b * b).sum(), [p for _, p in self.leaves], create_graph=True, allow_unused=True)
            (sum((g * g).sum() for g in first if g is not None) + 0 * self.leaves[0][1].sum()).backward()

        self.agree(ours, theirs)
        self.forget()

    def agree(self, ours: Any, theirs: Any, right: list[Any] | None = None) -> bool:
        """Do it in both. Of what was overwritten either may refuse to give derivatives; minigrad's are then the right ones."""
        refused: list[Any] = []
        before = [(None if a.grad is None else a.grad.data.copy()) for a, _ in self.leaves]
        for do in (theirs, ours):
            try:
                do()
                refused.append(None)
            except RuntimeError as error:
                refused.append(error)
        if refused[1] is not None and refused[0] is None:
            assert "overwritten" in str(refused[1]) or "changed" in str(refused[1]), refused[1]
        if refused[0] is not None and refused[1] is None and right:
            for (a, _), was, expected in zip(self.leaves, before, right, strict=True):
                found = np.zeros(3) if a.grad is None else a.grad.data
                np.testing.assert_allclose(found, expected + (0 if was is None else was), rtol=1e-9, atol=1e-11)
        if refused != [None, None]:  # gradients may be half made: those of before are put back in both
            for (a, b), grad in zip(self.leaves, before, strict=True):
                a.grad = None if grad is None else mg.tensor(grad)
                b.grad = None if grad is None else torch.tensor(grad)
            return False
        return True

    # ---------------------------------------------------------------------------------------------- values of the leaves

    @rule(i=WHICH, array=ARRAYS, how=st.sampled_from(["data", "copy_"]))
    def set_values(self, i: int, array: Any, how: str) -> None:
        a, b = self.leaf(i)
        if how == "data":
            a.data, b.data = array, torch.tensor(array)  # from here on it is the leaf's
            self.forget()
        else:
            self.kept.append((array, array.copy()))
            self.before_overwriting()
            with mg.no_grad():
                a.copy_(mg.as_tensor(array))
            with torch.no_grad():
                b.copy_(torch.tensor(array))

    @rule(i=WHICH, j=WHICH)
    def swap(self, i: int, j: int) -> None:
        (a, c), (b, d) = self.leaf(i), self.leaf(j)
        a.data, b.data = b.data, a.data
        c.data, d.data = d.data, c.data
        self.forget()

    @rule(i=WHICH, array=ARRAYS)
    def set_gradient(self, i: int, array: Any) -> None:
        a, b = self.leaf(i)
        mine = mg.tensor(array)
        a.grad, b.grad = mine, torch.tensor(array)

    @rule(i=WHICH)
    def drop_gradient(self, i: int) -> None:
        a, b = self.leaf(i)
        a.grad = b.grad = None

    # ------------------------------------------------------------------------------------------------------- optimizers

    @precondition(lambda self: len(self.optimizers) < 2)
    @rule(name=st.sampled_from(sorted(OPTIMIZERS)), grouped=st.booleans())
    def make_optimizer(self, name: str, grouped: bool) -> None:
        options, _ = OPTIMIZERS[name]
        made = []
        for library, k in ((optim, 0), (torch.optim, 1)):
            parameters: Any = [pair[k] for pair in self.leaves]
            if grouped:
                parameters = [{"params": parameters[:1], "lr": 0.05}, {"params": parameters[1:]}]
            made.append(getattr(library, name.split()[0])(parameters, **options, **({"foreach": False} if k else {})))
        self.optimizers.append((made[0], made[1]))

    @precondition(lambda self: self.optimizers)
    @rule(i=WHICH)
    def step(self, i: int) -> None:
        self.before_overwriting()
        for optimizer in self.optimizers[i % len(self.optimizers)]:
            optimizer.step()

    @precondition(lambda self: self.optimizers)
    @rule(i=WHICH, to_none=st.booleans())
    def zero_grad(self, i: int, to_none: bool) -> None:
        for optimizer in self.optimizers[i % len(self.optimizers)]:
            optimizer.zero_grad(set_to_none=to_none)

    @precondition(lambda self: self.optimizers)
    @rule(i=WHICH, rate=st.sampled_from([0.01, 0.2]))
    def change_rate(self, i: int, rate: float) -> None:
        for optimizer in self.optimizers[i % len(self.optimizers)]:
            optimizer.param_groups[0]["lr"] = rate

    @precondition(lambda self: self.optimizers)
    @rule(i=WHICH)
    def through_a_state(self, i: int) -> None:
        for optimizer in self.optimizers[i % len(self.optimizers)]:
            optimizer.load_state_dict(optimizer.state_dict())

    # ------------------------------------------------------------------------------------------------------ what must hold

    @invariant()
    def values_and_gradients_are_pytorchs(self) -> None:
        for a, b in self.leaves:
            np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-9, atol=1e-11)
            assert (a.grad is None) == (b.grad is None)
            if a.grad is not None:
                np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-9, atol=1e-11)

    @invariant()
    def what_is_the_users_is_as_it_was(self) -> None:
        for array, was in self.kept:
            np.testing.assert_array_equal(array, was)


def test_any_order_of_what_touches_memory():
    run_state_machine_as_test(
        Memory,
        settings=settings(max_examples=RUNS, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), database=None),
    )
    print(f"{RUNS} runs of up to 25 steps each")
