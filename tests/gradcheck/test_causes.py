"""Mistakes planted in a user's own ops: gradcheck rejects each and says which it is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.gradcheck.check import gradcheck
from minigrad.gradcheck.result import Result

EPS = 1e-5


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def user_norm(axis: int, gradients: Callable[..., Any]) -> Any:
    """A user's copy of batch norm (axis 0) or layer norm (axis 1) with the backward pass ``gradients``."""

    @mg.op
    def user_norm(xp: Any, x: Any, weight: Any, bias: Any) -> Any:
        centred = x - x.mean(axis=axis, keepdims=True)
        return centred / xp.sqrt((centred * centred).mean(axis=axis, keepdims=True) + EPS) * weight + bias

    @user_norm.vjp("x", "weight", "bias")
    def _(g: Any, x: Any, weight: Any) -> Any:
        m = x.shape[axis]
        centred = x - x.mean(axis=axis, keepdims=True)
        var = (centred * centred).mean(axis=axis, keepdims=True)
        return gradients(g, x, weight, m, centred, var, lambda t: t.mean(axis=axis, keepdims=True))

    return user_norm


def norm(change: str) -> Callable[..., Any]:
    """The backward pass of a normalization, with one mistake."""

    def gradients(g: Any, x: Any, weight: Any, m: int, centred: Any, var: Any, mean: Any) -> Any:
        s = (var + (0.0 if change == "no eps" else EPS)) ** -0.5
        xhat, w = centred * s, g if change == "no weight" else g * weight
        through_mean = 0.0 if change == "no mean term" else mean(w)
        through_var = 0.0 if change == "no variance term" else xhat * mean(w * xhat)
        if change == "rstd for rstd**3":
            through_var = centred * mean(w * centred)
        if change == "m - 1":
            through_var = through_var * (m / (m - 1))
        dx = s * (w - through_mean - through_var)
        return dx, (g * (x if change == "raw x" else xhat)).sum(axis=0), g.mean(axis=0) if change == "mean" else g.sum(axis=0)

    return gradients


@mg.op
def user_cross_entropy(xp: Any, x: Any, target: Any, *, mistake: str = "") -> Any:
    p = xp.exp(x - x.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    return -xp.log(p[xp.arange(len(x)), target]).mean()


@user_cross_entropy.vjp("x")
def _(g: Any, x: Any, target: Any, *, mistake: str) -> Any:
    p = mg.softmax(x, axis=1)
    onehot = mg.one_hot(target, num_classes=x.shape[1]).astype(np.float64)
    if mistake == "softmax alone":
        return g * p / x.shape[0]
    if mistake == "no division":
        return g * (p - onehot)
    d = p - onehot
    return g * p * (d - (d * p).sum(axis=1, keepdims=True)) / x.shape[0]


@mg.op
def user_matmul(xp: Any, a: Any, b: Any, *, mistake: str = "") -> Any:
    return a @ b


@user_matmul.vjp("a")
def _(g: Any, b: Any) -> Any:
    return g @ b.swapaxes(-1, -2)


@user_matmul.vjp("b")
def _(g: Any, a: Any, b_shape: Any, *, mistake: str) -> Any:
    full = a.swapaxes(-1, -2) @ g
    return full.mean(axis=0) if mistake == "mean" else full[0]


@mg.op
def user_max_pool(xp: Any, x: Any, *, mistake: str = "") -> Any:
    return xp.maximum(x[..., :-1], x[..., 1:])


@user_max_pool.vjp("x")
def _(g: Any, x: Any, y: Any, *, mistake: str) -> Any:
    left, right = (x[..., :-1] == y) * g, (x[..., 1:] == y) * g
    if mistake == "average":
        left = right = g / 2
    column = 0 * x[..., :1]
    if mistake == "overwritten":
        late = mg.concat([left, column], axis=-1)
        return mg.where(late != 0, late, mg.concat([column, right], axis=-1))
    return mg.concat([left, column], axis=-1) + mg.concat([column, right], axis=-1)


def normalized(axis: int, change: str) -> Result:
    x, weight, bias = rng().standard_normal((5, 4)), rng().uniform(0.5, 2, 4), rng().standard_normal(4)
    return gradcheck(user_norm(axis, norm(change)), [x, weight, bias], name=f"user's norm, {change}")


def entropy(mistake: str) -> Result:
    return gradcheck(lambda x, t: user_cross_entropy(x, t, mistake=mistake), [rng().standard_normal((4, 3)), np.array([0, 2, 1, 2])])


def product(mistake: str) -> Result:
    a, b = rng().standard_normal((3, 2, 4)), rng().standard_normal((4, 2))
    return gradcheck(lambda a, b: user_matmul(a, b, mistake=mistake), [a, b])


def pooling(mistake: str) -> Result:
    return gradcheck(lambda x: user_max_pool(x, mistake=mistake), [rng().standard_normal((2, 1, 6))])


PLANTED = [
    (lambda: normalized(0, "no mean term"), "without the term through the mean (this is batch norm"),
    (lambda: normalized(0, "no variance term"), "without the term through the variance (this is batch norm"),
    (lambda: normalized(0, "m - 1"), "1/(m-1) for 1/m in the term through the variance"),
    (
        lambda: normalized(0, "rstd for rstd**3"),
        "for the normalized values; or it is the right one with rstd for rstd**3 in the gradient for the variance",
    ),
    (lambda: normalized(0, "no eps"), "the right one without eps"),
    (lambda: normalized(0, "raw x"), "x must be normalized first"),
    (lambda: normalized(0, "mean"), "a mean where a sum belongs"),
    (lambda: normalized(1, "no mean term"), "without the term through the mean (this is layer norm"),
    (lambda: normalized(1, "no weight"), "without the factor weight (gamma) (this is layer norm"),
    (lambda: entropy("softmax alone"), "the one at the label was not subtracted"),
    (lambda: entropy("no division"), "without the division by the batch size"),
    (lambda: entropy("softmax twice"), "times the derivative of the softmax once more"),
    (lambda: product("mean"), "the mean over the axes that were broadcast, where the sum belongs"),
    (lambda: product("first"), "that of the first of the products that were broadcast"),
    (lambda: pooling("average"), "that of average pooling"),
    (lambda: pooling("overwritten"), "overwritten where windows overlap"),
]


@pytest.mark.parametrize(("check", "sentence"), PLANTED)
def test_a_planted_mistake_is_named(check: Callable[[], Result], sentence: str) -> None:
    result = check()
    assert result.verdict == "fail"
    assert any(sentence in line for line in result.diagnosis), result.diagnosis
    assert sentence in str(result)


@pytest.mark.parametrize("check", [lambda: normalized(0, ""), lambda: normalized(1, ""), lambda: pooling("")])
def test_without_a_mistake_they_pass(check: Callable[[], Result]) -> None:
    result = check()
    assert result.ok, result
    assert result.diagnosis == []


def one_input(formula: Callable[..., Any]) -> Result:
    @mg.op
    def cube(xp: Any, x: Any) -> Any:
        return x * x * x

    cube.vjp(x=formula)
    return gradcheck(cube, [rng().uniform(0.5, 2, (3, 3))], order=2)


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        (lambda g, x: -g * 3 * x * x, "opposite sign"),
        (lambda g, x: g * x * x, "0.3333333333 times the right one: a mean over 3"),
        (lambda g, x: (g * 3 * x * x).swapaxes(0, 1), "transposed"),
        (lambda g, x: g * 3 * x, "without the factor x"),
        (lambda g, x: g * 3 * x * x * x, "times x, once too often"),
        (lambda g, x: g, "the cotangent itself"),
        (lambda g, x: 0 * g, "zero, or missing"),
        (lambda g, x: (g * 3 * x * x).astype(np.float32).astype(np.float64), "float32"),
        (lambda g, x: g * 3 * x * x + 0.5, "the right one plus the constant 0.5"),
        (lambda g, x: g * 3 * getattr(x, "data", x) ** 2 if not isinstance(x, np.ndarray) else g * 3 * x * x, "as a constant"),
    ],
)
def test_relations_that_need_no_knowledge_of_the_function(formula: Any, sentence: str) -> None:
    result = one_input(formula)
    assert result.verdict == "fail"
    assert any(sentence in line for line in result.diagnosis), result.diagnosis


def test_a_formula_is_repaired() -> None:
    result = one_input(lambda g, x: g * 3 * x + x)
    assert any("right if you change" in line and "g * 3 * x + x -> g * 3 * x * x" in line for line in result.diagnosis), result.diagnosis


def test_a_failure_is_shrunk_to_a_program_that_fails() -> None:
    result = normalized(0, "no mean term")
    program = result.repro()
    assert "np.array([[1.]])" in program, program
    assert "gradcheck(" in program


def test_the_program_runs_and_fails_again(capsys: pytest.CaptureFixture[str]) -> None:
    def wrong(x: Any) -> Any:
        return x * x.detach()

    result = gradcheck(wrong, [rng().standard_normal((4, 3))])
    program = result.repro()
    exec(program, {})
    assert "fail" in capsys.readouterr().out
    assert len(program.splitlines()) < 15, program


def test_a_formula_that_only_passes_its_arguments_on_is_not_repaired() -> None:
    @mg.op
    def cube(xp: Any, x: Any) -> Any:
        return x * x * x

    grade = functools.partial(lambda g, x: g * 3 * x + x)
    cube.vjp(x=lambda g, x: grade(g, x))
    result = gradcheck(cube, [rng().uniform(0.5, 2, 3)])
    assert result.verdict == "fail"
    assert not any("right if you change" in line for line in result.diagnosis), result.diagnosis


@pytest.mark.parametrize(
    ("formula", "cause", "false"),
    [
        (lambda g, x: 3 * x * x, "the same whatever the cotangent is", "enters twice"),
        (lambda g, x: g * 3 * x * x + x, "something is added that is not multiplied", "enters twice"),
        (lambda g, x: g * g * 3 * x * x, "the cotangent enters twice", "is added"),
    ],
)
def test_what_is_done_with_the_cotangent_is_told_apart(formula: Any, cause: str, false: str) -> None:
    result = one_input(formula)
    assert cause in result.diagnosis[0], result.diagnosis
    assert not any(false in line for line in result.diagnosis), result.diagnosis
    assert result.causes[0].input == "x"
