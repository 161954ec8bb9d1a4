"""Backward passes that people write by hand in NumPy, each wrong in one way: the first sentence says which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg

X = np.random.default_rng(0).standard_normal((5, 3))
ROWS = np.array([0, 2, 2, 4, 2, 0])


def softsign(x: Any) -> Any:
    return x / (1 + np.abs(x))


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def normalize(x: Any) -> Any:
    return (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)


def normalize_over_rows(g: Any, x: Any) -> Any:
    rstd = 1 / np.sqrt(x.var(0) + 1e-5)
    xhat = (x - x.mean(0)) * rstd
    return rstd * (g - g.mean(1, keepdims=True) - xhat * (g * xhat).mean(1, keepdims=True))


def take(x: Any) -> Any:
    return x[ROWS]


def overwriting(g: Any, x: Any) -> Any:
    out = np.zeros_like(x)
    out[ROWS] = g
    return out


def adding_once(g: Any, x: Any) -> Any:
    out = np.zeros_like(x)
    out[ROWS] += g
    return out


def softmax_over_columns(g: Any, x: Any) -> Any:
    p = softmax(x)
    return p * (g - (g * p).sum(axis=0, keepdims=True))


MISTAKES = {
    "softsign without its square": (softsign, lambda g, x: g / (1 + np.abs(x)), "to the power 0.5: is a square missing?"),
    "a square too many": (np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2) ** 2, "to the power 2: is a square too many?"),
    "exp upside down": (np.exp, lambda g, x: g * np.exp(-x), "to the power -1"),
    "softmax over the batch": (softmax, softmax_over_columns, "the sum over axis 0 and not over 1"),
    "log-softmax over the batch": (
        lambda x: np.log(softmax(x)),
        lambda g, x: g - softmax(x) * g.sum(axis=0, keepdims=True),
        "the sum over axis 0 and not over 1",
    ),
    "a mean over the channels": (lambda x: x - x.mean(0), lambda g, x: g - g.mean(1, keepdims=True), "its mean over axis 1"),
    "means of batch norm over the channels": (normalize, normalize_over_rows, "its means over axis 1"),
    "z[i] = g": (take, overwriting, "it must be added, by np.add.at"),
    "z[i] += g": (take, adding_once, "it must be added, by np.add.at"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_first_sentence_names_it(mistake: str) -> None:
    function, backward, sentence = MISTAKES[mistake]
    result = mg.gradcheck(function, [X], vjp=backward)
    assert not result.ok
    assert sentence in result.diagnosis[0]


def right_take(g: Any, x: Any) -> Any:
    out = np.zeros_like(x)
    np.add.at(out, ROWS, g)
    return out


RIGHT: list[tuple[Callable[..., Any], Callable[..., Any]]] = [
    (softsign, lambda g, x: g / (1 + np.abs(x)) ** 2),
    (take, right_take),
]


@pytest.mark.parametrize(("function", "backward"), RIGHT)
def test_the_right_one_passes(function: Any, backward: Any) -> None:
    assert mg.gradcheck(function, [X], vjp=backward).ok


@pytest.mark.parametrize(
    "function",
    [
        lambda x: mg.tanh(x) * mg.exp(x).detach() + x,
        lambda x: mg.sin(x) * mg.Tensor(np.cos(x.data)) + x,
        lambda x: mg.sin(x) * float((x.data**2).mean()) + x,
    ],
    ids=["detach", "numpy", "float"],
)
def test_a_graph_that_is_not_the_whole_computation(function: Any) -> None:
    result = mg.gradcheck(function, [X])
    assert not result.ok
    assert [cause.id for cause in result.causes][-1] == "detached"
    assert "a value that depends on the inputs was detached" in result.diagnosis[-1]


def test_at_a_jump_nothing_is_said_to_be_detached() -> None:
    result = mg.gradcheck(lambda x: mg.floor(x) * mg.exp(x) + x, [np.array([1.0, 0.3])])
    assert "detached" not in [cause.id for cause in result.causes]
