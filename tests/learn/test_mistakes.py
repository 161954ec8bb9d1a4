"""Rules: each names its mistake with input, axis and line, and none names anything where the gradient is right."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

import minigrad as mg
from minigrad.core.op import Op
from minigrad.learn.mistakes import RULES, recognise, words

rng = np.random.default_rng(0)
X, W = rng.standard_normal((5, 3)), rng.standard_normal(3)


def checked(forward, inputs, order=1, **formulas):
    op = Op(forward)
    op.vjp(**formulas)
    with np.errstate(all="ignore"):
        return mg.gradcheck(op, inputs, order=order)


def centre(xp, x):
    return x - x.mean(axis=0)


def cube(xp, x):
    return x**3


def test_a_right_gradient_shows_no_mistake():
    result = checked(centre, [X], x=lambda g, x: g - g.mean(axis=0))
    assert result.ok
    assert recognise(result) == []


@pytest.mark.parametrize(
    ("forward", "formula", "id", "axis"),
    [
        (cube, lambda g, x: 3 * x * x, "cotangent_ignored", ()),
        (cube, lambda g, x: g + 3 * x * x, "g_added", ()),
        (cube, lambda g, x: g * g * 3 * x * x, "g_twice", ()),
        (cube, lambda g, x: g * 0, "nothing_returned", ()),
        (cube, lambda g, x: -g * 3 * x * x, "sign", ()),
        (cube, lambda g, x: g * 4 * x * x, "factor", ()),
        (cube, lambda g, x: g * 3 * x * x * x, "times_input", ()),
        (cube, lambda g, x: g * 3 * x * mg.abs(x), "where_sign", ()),
        (cube, lambda g, x: g * x**3, "value", ()),
        (cube, lambda g, x: g, "cotangent_passed_on", ()),
        (cube, lambda g, x: g * 3 * x, "factor_power", ()),
        (cube, lambda g, x: g / (x - x), "not_finite", ()),
        (centre, lambda g, x: g, "path_through_mean", (0,)),
        (centre, lambda g, x: g - g.mean(axis=1, keepdims=True), "wrong_axis", (0,)),
        (centre, lambda g, x: g - g.mean(), "wrong_axis", (0,)),
        (centre, lambda g, x: g - g.sum(axis=0), "sum_for_mean", (0,)),
        (centre, lambda g, x: g + g.mean(axis=0), "sign_of_a_term", (0,)),
        (centre, lambda g, x: -g.mean(axis=0) + 0 * g, "direct_path", (0,)),
    ],
)
def test_a_mistake_is_named_with_input_and_axis(forward, formula, id, axis):
    found = recognise(checked(forward, [X], x=formula))
    assert (found[0].id, found[0].axis) == (id, axis), found
    assert found[0].input == "x"
    assert found[0].seen


@given(st.floats(0.01, 100).filter(lambda f: all(abs(f / n - 1) > 1e-3 and abs(f * n - 1) > 1e-3 for n in (1, 3, 5, 15))))
def test_any_factor_is_seen_with_its_value(factor):
    found = recognise(checked(cube, [X], x=lambda g, x: g * 3 * x * x * factor))
    assert [m.id for m in found] == ["factor"]
    assert f"{factor:.6g} times" in found[0].seen


@pytest.mark.parametrize(("factor", "id"), [(5, "sum_for_mean"), (1 / 5, "mean_for_sum"), (15, "sum_for_mean")])
def test_a_factor_that_counts_elements_is_a_reduction_of_the_wrong_kind(factor, id):
    assert recognise(checked(cube, [X], x=lambda g, x: g * 3 * x * x * factor))[0].id == id


def test_a_constant_that_is_none_is_found_with_its_line(tmp_path):
    path = tmp_path / "formula.py"
    path.write_text("def formula(g, x):\n    y = x.detach() if hasattr(x, 'detach') else x\n    z = y * 3\n    return g * z * x\n")
    names = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    found = recognise(checked(cube, [X], order=2, x=names["formula"]), str(path))
    assert [(m.id, m.line) for m in found] == [("detached", 3)]


def test_the_order_of_two_results_is_seen_by_shape_and_by_value():
    def product(xp, a, b):
        return a * b

    by_value = Op(product)
    by_value.vjp("a", "b")(lambda g, a, b: (g * a, g * b))
    found = recognise(mg.gradcheck(by_value, [X, X[::-1].copy()]))
    assert {(m.id, m.input) for m in found} == {("swapped", "a"), ("swapped", "b")}

    def matmul(xp, a, b):
        return a @ b

    by_shape = Op(matmul)
    by_shape.vjp("a", "b")(lambda g, a, b: (a.T @ g, g @ b.T))
    assert recognise(mg.gradcheck(by_shape, [X, rng.standard_normal((3, 4))]))[0].id == "swapped"


def test_every_rule_says_what_it_looks_at_and_every_mistake_has_words():
    assert all(rule.__doc__ for rule in RULES)
    assert all(len(levels) == 3 and all(levels) for levels in words().values())


def test_a_formula_that_fails_for_a_cotangent_of_its_own_is_looked_at_all_the_same():
    def formula(g, x):
        if not np.asarray(g).all():
            raise ValueError("g has zeros")
        return g - g.mean(axis=1, keepdims=True)

    result = checked(centre, [X], x=formula)
    assert not result.ok
    assert isinstance(recognise(result), list)
