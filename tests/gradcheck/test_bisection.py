"""A composite whose gradient is wrong: the op that is to blame is named with its line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.op import Op

X = np.random.default_rng(0).standard_normal((3, 4))


def wrong_cube(factor: float) -> Any:
    def cube(xp: Any, x: Any) -> Any:
        return x**3

    op = Op(cube)
    op.vjp(x=lambda g, x: factor * g * x * x)
    return op


def of_node(f: Any) -> list[Any]:
    return [cause for cause in mg.gradcheck(f, [X]).causes if cause.id == "node"]


@pytest.mark.parametrize("depth", [1, 4])
def test_the_op_that_is_wrong_is_found_among_others(depth: int) -> None:
    cube = wrong_cube(2)

    def f(x: Any) -> Any:
        y = mg.tanh(x)
        y = cube(y)  # here
        for _ in range(depth):
            y = mg.sin(y)
        return y

    (cause,) = of_node(f)
    assert f"goes wrong in cube, for its input x, {__file__}:" in cause.text
    assert "y = cube(y)  # here" in cause.line
    assert f"of {depth + 2} nodes the {depth} behind it are right" in cause.text


def test_of_two_it_is_the_one_that_the_backward_pass_meets_first() -> None:
    first, second = wrong_cube(2), wrong_cube(4)

    def f(x: Any) -> Any:
        y = first(x)
        return second(y)  # met first

    (cause,) = of_node(f)
    assert "return second(y)  # met first" in cause.line
    assert "it is the last of 2 nodes" in cause.text


def test_a_right_composite_and_a_single_op_have_none() -> None:
    assert not of_node(lambda x: mg.sin(wrong_cube(3)(x)))
    assert not of_node(wrong_cube(2))


def test_a_value_that_left_the_graph_blames_no_op() -> None:
    assert not of_node(lambda x: x * mg.tanh(x).detach())
