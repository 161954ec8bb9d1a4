"""A small training that is run eagerly and captured, and what must be equal between the two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import nn, optim, random
from minigrad.nn import functional as F
from minigrad.replay import capture

BATCHES = [
    (np.random.default_rng(k).standard_normal((12, 8)).astype(np.float32), np.random.default_rng(k).integers(0, 3, 12)) for k in range(10)
]


class Net(nn.Module):
    """Linear, batch norm, dropout, linear."""

    def __init__(self, drop: float = 0.0) -> None:
        super().__init__()
        self.a, self.norm, self.b, self.drop = nn.Linear(8, 6), nn.BatchNorm1d(6), nn.Linear(6, 3), nn.Dropout(drop)

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return self.b(self.drop(self.norm(self.a(x)).tanh()))


class Run:
    """A model in training.

    Parameters
    ----------
    drop, optimizer
        Of the model, and how it is trained.
    twist
        ``twist(run, loss, x)`` returns the loss to go back from: what a test does within the step.
    after
        ``after(run)`` is called after each step, outside of it.
    """

    def __init__(
        self,
        drop: float = 0.0,
        optimizer: Callable[[Any], optim.Optimizer] = lambda p: optim.AdamW(p, lr=1e-2),
        twist: Callable[..., Any] = lambda run, loss, x: loss,
        after: Callable[[Run], Any] = lambda run: None,
    ) -> None:
        random.manual_seed(1)
        self.model = Net(drop)
        self.optimizer = optimizer(list(self.model.parameters()))
        self.twist, self.after = twist, after
        self.count = 0

    def step(self, x: Any, labels: Any) -> mg.Tensor:
        self.optimizer.zero_grad()
        loss = self.twist(self, F.cross_entropy(self.model(x), labels), x)
        loss.backward()
        self.optimizer.step()
        return loss

    def losses(self, captured: bool, steps: int = len(BATCHES), **options: Any) -> list[float]:
        self.run = capture(self.step, **options) if captured else self.step
        found = []
        for x, labels in BATCHES[:steps]:
            found.append(self.run(mg.Tensor(x), mg.Tensor(labels)).item())
            self.count += 1
            self.after(self)
        return found

    def state(self) -> list[bytes]:
        tensors = [*self.model.parameters(), *self.model.buffers()]
        moments = [v.data for s in self.optimizer.state.values() for v in s.values() if isinstance(v, mg.Tensor)]
        return [t.data.tobytes() for t in tensors] + [m.tobytes() for m in moments] + [repr(random.get_state()).encode()]


def assert_equal_runs(**options: Any) -> Run:
    """Train eagerly and captured; losses, parameters, buffers, moments and random numbers must be equal to the last bit."""
    eager, fast = Run(**options), None
    expected = eager.losses(captured=False)
    state = eager.state()
    fast = Run(**options)
    assert fast.losses(captured=True) == expected
    assert fast.state() == state
    return fast
