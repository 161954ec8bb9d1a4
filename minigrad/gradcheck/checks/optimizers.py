"""The gradients that optimizers get: what ``backward`` leaves in ``.grad``, seen by where the optimizer goes with it.

A small model takes a few steps with the gradients of ``backward``, and the same model, with the same optimizer, steps with numerical
gradients put in their place. The parameters must arrive at the same point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.tensor import Tensor, wrap
from minigrad.gradcheck.numerics.differentiation import slopes
from minigrad.gradcheck.numerics.row import FAIL, PASS, Row

STEPS = 3
TOLERANCE = 1e-9  #: relative distance of the parameters

#: class in minigrad.optim -> its arguments
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    "Adam": {"lr": 0.05},
    "AdamW": {"lr": 0.05, "weight_decay": 0.1},
    "RMSprop": {"lr": 0.02},
    "Adagrad": {"lr": 0.1},
    "Adadelta": {"lr": 1.0},
    "Adamax": {"lr": 0.05},
    "NAdam": {"lr": 0.05},
    "RAdam": {"lr": 0.05},
    "Adafactor": {"lr": 0.05},
    "ASGD": {"lr": 0.1},
}


def optimizer_rows(name: str, seed: int) -> list[Row]:
    """Check that an optimizer goes the same way with both kinds of gradients."""
    by_backward, by_numbers = _train(name, seed, _backward), _train(name, seed, _numerical)
    rows = []
    for key, expected in by_numbers.items():
        error = float(np.abs(by_backward[key] - expected).max() / np.abs(expected).max())
        verdict = PASS if error <= TOLERANCE else FAIL
        message = "" if verdict == PASS else f"after {STEPS} steps the parameter is elsewhere than with numerical gradients"
        rows.append(Row("steps", 1, key, expected.shape, verdict, error, message=message))
    return rows


def _train(name: str, seed: int, differentiate: Callable[[Any, Callable[[], Tensor]], None]) -> dict[str, Any]:
    from minigrad import nn, optim

    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    for parameter in model.parameters():
        parameter.copy_(rng.standard_normal(parameter.shape))
    x, target = Tensor(rng.standard_normal((5, 3))), Tensor(rng.standard_normal((5, 2)))
    optimizer = getattr(optim, name)(model.parameters(), **OPTIMIZERS[name])
    for _ in range(STEPS):
        optimizer.zero_grad()
        differentiate(model, lambda: nn.functional.mse_loss(model(x), target))
        optimizer.step()
    return {key: np.array(parameter.data) for key, parameter in model.named_parameters()}


def _backward(model: Any, loss: Callable[[], Tensor]) -> None:
    loss().backward()


def _numerical(model: Any, loss: Callable[[], Tensor]) -> None:
    for parameter in model.parameters():
        original = parameter.data

        def value(point: Any, parameter: Any = parameter) -> Any:
            parameter.data = point
            return np.asarray(loss().data).reshape(1)

        found = slopes(value, original, method="differences")
        parameter.data = original
        parameter.grad = wrap(found.slope.reshape(original.shape), None)
