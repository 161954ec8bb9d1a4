"""Tangents: what is carried forward is what two backward passes give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.op import OPS
from minigrad.forward_mode import NOT_LINEAR, is_linear
from minigrad.gradcheck.samples import Sample
from minigrad.gradcheck.samples.problems import differentiable, op_names, samples_of


def by_two_backward_passes(f: Any, xs: list[mg.Tensor], vs: list[mg.Tensor]) -> list[np.ndarray]:
    """J v without a tangent: u -> u^T J is linear in u, and its own derivative, applied to v, is J v."""
    ys = f(*xs)
    us = [mg.zeros(y.shape, dtype=y.dtype).requires_grad_() for y in ys]
    gs = mg.grad(ys, xs, us, create_graph=True, allow_unused=True)
    live = [(g, v) for g, v in zip(gs, vs, strict=True) if g is not None and g.node is not None]
    if not live:
        return [np.zeros(y.shape) for y in ys]
    found = mg.grad([g for g, _ in live], us, [v for _, v in live], allow_unused=True)
    return [np.zeros(y.shape) if t is None else t.data for t, y in zip(found, ys, strict=True)]


def moved(name: str, sample: Sample, seed: int) -> tuple[Any, list[mg.Tensor], list[mg.Tensor]]:
    """The op as a function of its differentiable inputs alone that returns a list of its outputs that have a derivative."""
    op, wrt, rng = OPS[name], differentiable(OPS[name], sample), np.random.default_rng(seed)

    def f(*xs: mg.Tensor) -> list[mg.Tensor]:
        args = list(sample.args)
        for i, x in zip(wrt, xs, strict=True):
            args[i] = x
        ys = op(*args, **sample.params)
        return [y for y in (ys if isinstance(ys, tuple) else (ys,)) if y.node is not None]

    xs = [mg.Tensor(sample.args[i], requires_grad=True) for i in wrt]
    return f, xs, [mg.Tensor(10 * rng.standard_normal(x.shape)) for x in xs]


per_op = pytest.mark.parametrize("name", [name for name in op_names() if True])


@per_op
def test_the_tangent_of_every_op_is_that_of_two_backward_passes(name: str) -> None:
    for seed, sample in enumerate(samples_of(name)):
        f, xs, vs = moved(name, sample, seed)
        ys = f(*xs) if xs else []
        if ys:
            expected = by_two_backward_passes(f, xs, vs)
            _, tangents = mg.jvp(f, xs, vs)
            for t, right, y in zip(tangents, expected, ys, strict=True):
                assert t.dtype == y.dtype
                assert t.shape == y.shape
                np.testing.assert_allclose(
                    t.data, right, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(right).max(initial=0)), err_msg=f"{sample}"
                )


@per_op
def test_tangents_can_be_differentiated(name: str) -> None:
    sample = samples_of(name)[0]
    f, xs, vs = moved(name, sample, 0)
    if not xs or not f(*xs):
        return
    rng = np.random.default_rng(1)
    weights = [rng.standard_normal(y.shape) for y in f(*xs)]

    def slope(*points: mg.Tensor) -> mg.Tensor:  # the derivative along vs of sum(w y): a number
        _, tangents = mg.jvp(f, points, vs, create_graph=True)
        return mg.tensor(0.0, dtype="float64") + sum((t * w).sum() for t, w in zip(tangents, weights, strict=True))

    y = sum((y * w).sum() for y, w in zip(f(*xs), weights, strict=True))
    gs = mg.grad(y, xs, create_graph=True, allow_unused=True)
    total = mg.tensor(0.0, dtype="float64") + sum((g * v).sum() for g, v in zip(gs, vs, strict=True) if g is not None)
    expected = mg.grad(total, xs, allow_unused=True) if total.node is not None else [None] * len(xs)
    slope_now = slope(*xs)
    found = mg.grad(slope_now, xs, allow_unused=True) if slope_now.node is not None else [None] * len(xs)
    for x, g, right in zip(xs, found, expected, strict=True):
        g, right = (np.zeros(x.shape) if part is None else part.data for part in (g, right))
        np.testing.assert_allclose(g, right, rtol=1e-8, atol=1e-8 * max(1.0, np.abs(right).max(initial=0)))


@pytest.mark.parametrize("name", sorted(NOT_LINEAR))
def test_what_is_called_not_linear_has_a_formula_that_looks_linear_and_an_offset(name: str) -> None:
    op = OPS[name]
    looks = [f for f in op.formulas if {*f.saves}.isdisjoint({*f.inputs, *op.outputs})]
    assert looks
    assert not any(is_linear(op, f) for f in op.formulas)
    offsets = []
    for sample in samples_of(name):
        args = [np.zeros_like(a) if n in looks[0].inputs else a for n, a in zip(op.inputs, sample.args, strict=False)]
        offsets.append(np.abs(op(*args, *sample.args[len(args) :], **sample.params)).max())
    assert max(offsets) > 0


X = np.array([1.0, 2.0, -0.5])


def test_a_tangent_of_a_tangent() -> None:
    def slope(x: mg.Tensor) -> mg.Tensor:
        return mg.jvp(lambda t: mg.exp(2.0 * t) * mg.sin(t), x, mg.ones(3, dtype="float64"), create_graph=True)[1]

    _, second = mg.jvp(slope, mg.Tensor(X), mg.ones(3, dtype="float64"))
    np.testing.assert_allclose(second.data, np.exp(2 * X) * (3 * np.sin(X) + 4 * np.cos(X)), rtol=1e-14)


def test_a_users_op_with_a_jump_that_its_formula_does_not_name() -> None:
    @mg.op
    def sawtooth(xp: Any, x: Any) -> Any:
        return x - xp.floor(x)

    sawtooth.vjp(x=lambda g: g)
    _, t = mg.jvp(sawtooth, mg.Tensor(X), mg.Tensor(5 * X))
    np.testing.assert_array_equal(t.data, 5 * X)


def test_what_the_function_takes_from_elsewhere_stands_still() -> None:
    x = mg.Tensor(X, requires_grad=True)
    for create_graph in (False, True):
        _, t = mg.jvp(lambda moved: moved * x, x, mg.ones(3, dtype="float64"), create_graph=create_graph)
        np.testing.assert_array_equal(t.data, X)
        _, t = mg.jvp(lambda a, b: a * b * b, [x, x], [mg.Tensor(X), mg.ones(3, dtype="float64")], create_graph=create_graph)
        np.testing.assert_allclose(t.data, X**3 + 2 * X**2)
        _, (a, b) = mg.vjp(lambda a, b: a * b * b, [x, x], mg.ones(3, dtype="float64"), create_graph=create_graph)
        np.testing.assert_allclose(a.data, X**2)
        np.testing.assert_allclose(b.data, 2 * X**2)


def test_the_tangent_of_a_checkpoint_of_dropout_and_of_a_layer_in_half_precision() -> None:
    x, v = mg.Tensor(X), mg.Tensor(2 * X)

    def block(t: mg.Tensor) -> mg.Tensor:
        return mg.tanh(t * t) * t

    np.testing.assert_array_equal(mg.jvp(lambda t: mg.checkpoint(block, t), x, v)[1].data, mg.jvp(block, x, v)[1].data)
    y, t = mg.jvp(lambda t: mg.nn.functional.dropout(t, 0.5), mg.Tensor(np.ones(1000)), mg.Tensor(3 * np.ones(1000)))
    np.testing.assert_array_equal(t.data, 3 * y.data)
    layer = mg.nn.Linear(3, 2)
    with mg.autocast(dtype="float16"):
        y, t = mg.jvp(layer, mg.Tensor(X.astype("float32")), mg.ones(3, dtype="float32"))
    assert t.dtype == y.dtype == np.dtype("float16")
    np.testing.assert_allclose(t.data, layer.weight.data.sum(1), rtol=1e-2)


def test_a_direction_has_the_shape_of_its_input_and_takes_its_type() -> None:
    with pytest.raises(ValueError, match=r"the tangent of input 1 has shape \(2,\), the input \(3,\)"):
        mg.jvp(lambda a, b: a * b, [mg.Tensor(X), mg.Tensor(X)], [X, X[:2]])
    assert mg.jvp(mg.exp, mg.Tensor(X.astype("float32")), X)[1].dtype == np.float32


def test_a_product_of_matrices_is_done_once_for_the_value_and_once_for_each_factor_that_moves() -> None:
    calls = []

    class Count(mg.core.mode.Observer):
        def on_forward(self, op: Any, *rest: Any) -> None:
            calls.append(op.name)

    a, x = mg.Tensor(np.eye(3)), mg.Tensor(X)
    with mg.core.mode.changed_mode(observers=(Count(),)):
        mg.jvp(mg.matmul, [a, x], [a, x])
    assert calls.count("matmul") == 3
    assert {*calls} <= {"matmul", "add"}
