"""A training step and a save that end in the middle: no memory at any call that makes an array, Ctrl-C at any line.

Whatever the moment, what was there before is there still or what was to come is there whole; nothing stays switched on or off; and the
next step is as if nothing had happened.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.backends import XP
from minigrad.core.mode import RECORDING, mode
from minigrad.nn import functional as F

pytestmark = pytest.mark.slow

PACKAGE = str(Path(mg.__file__).parent)
X = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
LABELS = np.array([0, 1, 2, 0, 1, 2])


class Step:
    """A small net with batch norm and dropout, and Adam with clipping."""

    def __init__(self) -> None:
        mg.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.2), nn.Linear(5, 3))
        self.optimizer = optim.AdamW(self.model.parameters(), lr=0.1)
        self.whole()

    def forward_and_backward(self) -> None:
        self.optimizer.zero_grad()
        F.cross_entropy(self.model(mg.tensor(X)), mg.tensor(LABELS)).backward()
        optim.clip_grad_norm_(self.model.parameters(), 1.0)

    def whole(self) -> None:
        self.forward_and_backward()
        self.optimizer.step()

    def state(self) -> dict[str, np.ndarray]:
        return {name: value.data.copy() for name, value in self.model.state_dict().items()}


@contextmanager
def no_memory_at(n: int) -> Iterator[list[int]]:
    """The n-th call of NumPy's functions by an op raises MemoryError; gives a list with the number of calls so far."""
    calls = [0]

    class Namespace:
        def __getattr__(self, name: str) -> Any:
            value = getattr(np, name)
            if not callable(value) or isinstance(value, type):
                return value

            def call(*args: Any, **options: Any) -> Any:
                calls[0] += 1
                if calls[0] == n:
                    raise MemoryError(f"no memory for the result of {name}")
                return value(*args, **options)

            return call

    kept = {kind: module for kind, module in XP.items() if module is np}
    XP.update(dict.fromkeys(kept, Namespace()))
    try:
        yield calls
    finally:
        XP.update(kept)


@cache
def guarded(file: str) -> set[int]:
    """Lines before which no signal is looked at: those that leave a ``with``, and the first of a ``finally`` or ``except``.

    Signals are looked at when a function begins and when a call has ended, which is still within the block.
    """
    found = set()
    for node in ast.walk(ast.parse(Path(file).read_text())):
        if isinstance(node, ast.With):
            found.add(node.lineno)
        if isinstance(node, ast.Try):
            found.update(block[0].lineno for block in (node.finalbody, *(handler.body for handler in node.handlers)) if block)
            found.update(handler.lineno for handler in node.handlers)
    return found


class Interrupt:
    """Raises KeyboardInterrupt at the n-th line, or beginning of a function, that runs in minigrad."""

    def __init__(self, n: int) -> None:
        self.n, self.moments = n, 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(PACKAGE):
            return None
        if event == "call" or (event == "line" and frame.f_lineno not in guarded(file)):
            self.moments += 1
            if self.moments == self.n:
                raise KeyboardInterrupt
        return self


@contextmanager
def interrupted_at(n: int) -> Iterator[Interrupt]:
    before, tracer = sys.gettrace(), Interrupt(n)
    sys.settrace(tracer)
    try:
        yield tracer
    finally:
        sys.settrace(before)


def as_before(step: Step, before: dict[str, np.ndarray], after: dict[str, np.ndarray], weights_may_differ: bool) -> None:
    """Nothing is switched on or off; weights are those of before, unless the step itself was under way; statistics old or new."""
    assert mode.get() is RECORDING
    assert all(module.training for module in step.model.modules())
    for name, value in step.state().items():
        assert np.isfinite(value).all(), name
        if "running" in name or "num_batches" in name:
            assert np.array_equal(value, before[name]) or np.array_equal(value, after[name]), f"{name} is neither old nor new"
        elif not weights_may_differ:
            np.testing.assert_array_equal(value, before[name], err_msg=name)


def goes_on(step: Step) -> None:
    """Another step runs, and trains."""
    before = step.state()
    step.whole()
    assert any(not np.array_equal(value, before[name]) for name, value in step.state().items())


def every_moment(stop_at: Callable[[int], Any], error: type[BaseException], part: str) -> int:
    """Stop a step at its first moment, its second and so on, until it runs to its end; return how many there were."""
    for n in range(1, 100_000):
        step = Step()
        before = step.state()
        done = Step()
        done.forward_and_backward()
        after = done.state()
        try:
            with stop_at(n):
                getattr(step, part)()
        except error:
            as_before(step, before, after, weights_may_differ=part == "whole")
            if n % 10 == 1:
                goes_on(step)
            continue
        return n - 1
    raise AssertionError("it never ends")


@pytest.mark.parametrize("part", ["forward_and_backward", "whole"])
def test_no_memory_at_any_call(part):
    count = every_moment(no_memory_at, MemoryError, part)
    print(f"{part}: no memory at each of {count} calls")
    assert count > 20


@pytest.mark.parametrize("part", ["forward_and_backward", "whole"])
def test_ctrl_c_at_any_line(part):
    count = every_moment(interrupted_at, KeyboardInterrupt, part)
    print(f"{part}: Ctrl-C at each of {count} lines")
    assert count > 100


def test_a_save_that_is_interrupted_at_any_line(tmp_path):
    path, old, new = tmp_path / "file", {"x": np.zeros(3)}, {"x": np.ones(3)}
    mg.save(old, path)
    mg.save(new, tmp_path / "new")
    whole = {path.read_bytes(), (tmp_path / "new").read_bytes()}
    for n in range(1, 10_000):
        mg.save(old, path)
        try:
            with interrupted_at(n):
                mg.save(new, path)
        except KeyboardInterrupt:
            assert path.read_bytes() in whole
            continue
        break
    print(f"a save: Ctrl-C at each of {n - 1} lines")
    assert n > 20
    mg.save(new, path)
    assert {p.name for p in tmp_path.iterdir()} == {"file", "new"}, "what an interrupted save left behind is gone after the next"
