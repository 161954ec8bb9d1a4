"""Elementwise ops where finite differences cannot go: ties, kinks, edges of the domain, types, special values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor

INF, NAN = math.inf, math.nan


def gradients(f: Callable[..., Any], *args: Any) -> list[Any]:
    """The gradients of sum(f(*args)) with respect to args, as arrays of float64."""
    tensors = [Tensor(np.array(a, dtype=np.float64), requires_grad=True) for a in args]
    return [g.data for g in mg.grad(f(*tensors).sum(), tensors)]


def derivatives(f: Callable[[Any], Any], at: float, order: int) -> list[float]:
    """The value of f at a point and its derivatives up to ``order``."""
    x = Tensor(np.array(at), requires_grad=True)
    y = f(x)
    found = [y.item()]
    for _ in range(order):
        (y,) = mg.grad(y, [x], create_graph=True) if y.requires_grad else (Tensor(np.array(0.0)),)
        found.append(y.item())
    return found


# ------------------------------------------------------------------------------------------------- operators and types


BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


@pytest.mark.parametrize("symbol", BINARY)
def test_operators_take_tensors_arrays_and_numbers_on_either_side(symbol: str) -> None:
    f = BINARY[symbol]
    a, b = np.array([1.5, 2.5, 2.0]), np.array([2.0, 0.5, 2.0])
    for left, right in [(Tensor(a), Tensor(b)), (Tensor(a), b), (a, Tensor(b))]:
        result = f(left, right)
        assert isinstance(result, Tensor)
        np.testing.assert_array_equal(result.data, f(a, b))
    np.testing.assert_array_equal(f(Tensor(a), 2.0).data, f(a, 2.0))
    np.testing.assert_array_equal(f(2.0, Tensor(a)).data, f(2.0, a))


def test_unary_operators() -> None:
    x = Tensor(np.array([-1.5, 2.5]))
    for result, expected in [(-x, [1.5, -2.5]), (+x, [-1.5, 2.5]), (abs(x), [1.5, 2.5])]:
        np.testing.assert_array_equal(result.data, expected)
    np.testing.assert_array_equal((~(x > 0)).data, [True, False])


def test_logic_of_truth_values() -> None:
    a, b = Tensor(np.array([True, True, False])), Tensor(np.array([True, False, False]))
    np.testing.assert_array_equal((a & b).data, [True, False, False])
    np.testing.assert_array_equal((a | b).data, [True, True, False])
    np.testing.assert_array_equal((a ^ b).data, [False, True, False])
    with pytest.raises(TypeError):
        Tensor(np.array([1.0])) & a


def test_comparisons_have_no_gradient() -> None:
    x = Tensor(np.array([1.0]), requires_grad=True)
    assert not any(y.requires_grad for y in (x > 0, x == x, mg.isnan(x), ~(x > 0), mg.logical_and(x, x)))


ANY_FLOAT = [
    mg.abs, mg.sqrt, mg.square, mg.reciprocal, mg.exp, mg.exp2, mg.expm1, mg.log, mg.log1p, mg.log2, mg.log10, mg.sin, mg.cos, mg.tan,
    mg.atan, mg.sinh, mg.cosh, mg.tanh, mg.asinh, mg.asin, mg.acos, mg.atanh, mg.sigmoid, mg.erf, mg.erfc, mg.floor, mg.round, mg.sign,
    lambda x: x + 2.0, lambda x: 2.0 * x, lambda x: x / 2.0, lambda x: 1.0 - x, lambda x: x**2, lambda x: x**0.5, lambda x: 2.0**x,
    lambda x: mg.maximum(x, 0.25), lambda x: mg.clip(x, 0.2, 0.4), lambda x: mg.where(x > 0.3, x, 0.0), lambda x: mg.hypot(x, 1.0),
    lambda x: mg.logaddexp(x, 1.0), lambda x: mg.xlogy(x, 2.0), lambda x: mg.xlogy(2.0, x), lambda x: mg.lerp(x, 1.0, 0.3),
    lambda x: mg.atan2(x, 1.0), lambda x: x % 0.4,
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("f", ANY_FLOAT)
def test_the_type_of_floats_is_kept(f: Callable[[Any], Any], dtype: Any) -> None:
    x = Tensor(np.array([0.3, 0.5], dtype=dtype), requires_grad=True)
    y = f(x)
    assert y.dtype == dtype
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == dtype


def test_integers_become_floats_where_the_function_needs_them() -> None:
    x = Tensor(np.array([1, 2]))
    for f in (mg.exp, mg.sqrt, mg.sigmoid, mg.erf, mg.reciprocal, lambda x: x / 2):
        assert f(x).dtype == np.float32
    for f in (mg.abs, mg.square, mg.negative, lambda x: x + 1, lambda x: x**2, mg.floor, mg.sign):
        assert f(x).dtype.kind == "i"


def test_mixed_types_bring_each_gradient_back_to_the_type_of_its_input() -> None:
    a = Tensor(np.ones(2, dtype=np.float32), requires_grad=True)
    b = Tensor(np.ones(2), requires_grad=True)
    (a * b + a / b).sum().backward()
    assert a.grad is not None
    assert b.grad is not None
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)


def test_astype_carries_gradients_between_floats_and_none_through_integers() -> None:
    x = Tensor(np.array([1.25, 2.5], dtype=np.float32), requires_grad=True)
    y = x.astype(np.float64)
    (y * y).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad.data, [2.5, 5.0])
    assert not x.astype(np.int64).requires_grad


def test_copy_owns_its_memory() -> None:
    x = np.ones(3)
    y = Tensor(x).copy()
    x[0] = 5
    assert y.tolist() == [1, 1, 1]


def test_shapes_that_do_not_broadcast_name_the_op_and_both_shapes() -> None:
    with pytest.raises(ValueError, match="broadcast") as caught:
        Tensor(np.ones((2, 3))) + Tensor(np.ones(2))
    note = "".join(caught.value.__notes__)
    assert "add" in note
    assert "[2, 3]" in note
    assert "[2]" in note


# ------------------------------------------------------------------------------------------------------ kinks and ties


@pytest.mark.parametrize("f", [mg.maximum, mg.minimum])
def test_each_of_two_equals_gets_half(f: Any) -> None:
    a, b = gradients(f, [1.0, 2.0, 3.0], [1.0, 3.0, 2.0])
    np.testing.assert_array_equal(a + b, 1)
    assert a[0] == b[0] == 0.5
    assert set(a[1:]) == {0.0, 1.0}


def test_abs_at_zero() -> None:
    assert derivatives(mg.abs, 0.0, 2) == [0, 0, 0]


@pytest.mark.parametrize("f", [mg.sign, mg.floor, mg.ceil, mg.trunc, mg.round])
def test_steps_have_a_gradient_of_zero(f: Any) -> None:
    np.testing.assert_array_equal(gradients(f, [-1.5, 0.0, 1.0, 2.7])[0], 0)


def test_round_goes_to_even() -> None:
    assert mg.round(Tensor(np.array([0.5, 1.5, -2.5]))).tolist() == [0, 2, -2]


def test_clip_gives_the_gradient_to_what_y_is_and_to_x_at_a_bound() -> None:
    x, low, high = gradients(mg.clip, [-2.0, -1.0, 0.0, 1.0, 2.0], np.full(5, -1.0), np.full(5, 1.0))
    np.testing.assert_array_equal(x, [0, 1, 1, 1, 0])
    np.testing.assert_array_equal(low, [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(high, [0, 0, 0, 0, 1])


def test_clip_by_keyword_by_position_and_without_bounds() -> None:
    x = Tensor(np.array([-2.0, 2.0]))
    assert x.clip(max=1.0).tolist() == [-2, 1]
    assert x.clip(min=-1.0).tolist() == [-1, 2]
    assert x.clip(-1.0, 1.0).tolist() == [-1, 1]
    assert mg.clip(x).tolist() == [-2, 2]


@pytest.mark.parametrize("f", [mg.maximum, mg.minimum, mg.clip, mg.add, mg.pow])
def test_nan_goes_through(f: Any) -> None:
    assert np.isnan(f(Tensor(np.array([NAN])), 1.5).data).all()


# -------------------------------------------------------------------------------------------------------------- powers


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4, 0.0, 1.0, 2.0])
@pytest.mark.parametrize("kind", ["number", "array", "tensor"])
def test_derivatives_of_powers_at_zero_are_right_at_every_order(exponent: float, kind: str) -> None:
    b: Any = {"number": exponent, "array": np.array(float(exponent)), "tensor": Tensor(np.array(float(exponent)), requires_grad=True)}[kind]
    n = int(exponent)
    assert derivatives(lambda x: x**b, 0.0, 5) == [math.factorial(n) if k == n else 0 for k in range(6)]


def test_the_base_zero_gives_the_exponent_no_gradient() -> None:
    a, b = gradients(mg.pow, [0.0, 0.0, 0.0], [0.0, 1.0, 2.5])
    np.testing.assert_array_equal(b, 0)
    np.testing.assert_array_equal(a, [0, 1, 0])


def test_negative_base_with_an_exponent_that_needs_no_gradient() -> None:
    (a,) = gradients(lambda a: a ** np.array([3.0, 2.0]), [-2.0, -2.0])
    np.testing.assert_array_equal(a, [12, -4])


def test_mixed_second_derivative_of_a_power_at_exponent_zero() -> None:
    a, b = Tensor(np.array(2.0), requires_grad=True), Tensor(np.array(0.0), requires_grad=True)
    (da,) = mg.grad(a**b, [a], create_graph=True)
    (dadb,) = mg.grad(da, [b])
    assert dadb.item() == 0.5  # d/db (b a**(b - 1)) = 1 / a


def test_a_number_for_exponent_saves_only_the_base() -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    saved = (x**3).node.saved  # type: ignore[union-attr]
    assert [s for s in saved if isinstance(s, np.ndarray)] == [saved[0]]
    assert saved[0] is x.data


# ------------------------------------------------------------------------------------------- huge values, special values


def test_sigmoid_of_huge_values() -> None:
    x = Tensor(np.array([-INF, -1e300, -800.0, -40.0, 0.0, 40.0, 800.0, 1e300, INF]), requires_grad=True)
    y = mg.sigmoid(x)
    np.testing.assert_allclose(y.data, [0, 0, 0, math.exp(-40), 0.5, 1, 1, 1, 1], rtol=1e-15, atol=1e-300)
    y.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, [0, 0, 0, math.exp(-40), 0.25, 0, 0, 0, 0], rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("dtype", ["uint8", "uint32", "int8", "bool"])
def test_sigmoid_of_integers(dtype: str) -> None:
    np.testing.assert_allclose(mg.sigmoid(np.array([0, 1], dtype)), [0.5, 1 / (1 + math.exp(-1))], rtol=1e-3)


def test_tanh_of_infinity_has_a_derivative_of_zero() -> None:
    np.testing.assert_array_equal(gradients(mg.tanh, [-INF, INF])[0], 0)


def test_logaddexp_of_infinities() -> None:
    pairs = [(-INF, -INF), (INF, INF), (INF, 1.0), (-INF, 1.0), (INF, -INF), (1000.0, 1000.0), (-1000.0, -1000.0)]
    a, b = (Tensor(np.array(side), requires_grad=True) for side in zip(*pairs, strict=True))
    y = mg.logaddexp(a, b)
    np.testing.assert_allclose(y.data, [-INF, INF, INF, 1, INF, 1000 + math.log(2), -1000 + math.log(2)])
    y.backward(np.ones(7))
    assert a.grad is not None
    assert b.grad is not None
    assert a.grad.tolist() == [0.5, 0.5, 1, 0, 1, 0.5, 0.5]
    assert b.grad.tolist() == [0.5, 0.5, 0, 1, 0, 0.5, 0.5]


def test_second_derivative_of_logaddexp_at_a_tie() -> None:
    assert derivatives(lambda x: mg.logaddexp(x, 0.0), 0.0, 2)[1:] == [0.5, 0.25]


def test_xlogy_at_zero() -> None:
    a, b = gradients(mg.xlogy, [0.0, 0.0, 2.0], [0.0, 3.0, 3.0])
    assert mg.xlogy(np.array([0.0, 0.0]), np.array([0.0, -1.0])).tolist() == [0, 0]
    assert mg.xlogy(np.array(0.0), np.array(INF)) == 0
    assert np.isnan(mg.xlogy(np.array(0.0), np.array(NAN)))
    np.testing.assert_allclose(a, [0, math.log(3), math.log(3)])
    np.testing.assert_allclose(b, [0, 0, 2 / 3])


def test_hypot_does_not_overflow_and_has_a_gradient_of_zero_at_the_origin() -> None:
    assert mg.hypot(np.array(3e200), np.array(4e200)) == pytest.approx(5e200)
    a, b = gradients(mg.hypot, [0.0, 3e200], [0.0, 4e200])
    np.testing.assert_allclose(a, [0, 0.6])
    np.testing.assert_allclose(b, [0, 0.8])


def test_sqrt_at_zero_has_an_infinite_derivative() -> None:
    with np.errstate(divide="ignore"):
        assert derivatives(mg.sqrt, 0.0, 1) == [0, INF]


def test_where_keeps_nan_of_the_other_branch_out_of_value_and_gradient() -> None:
    condition = np.array([True, False])
    a, b = gradients(lambda a, b: mg.where(condition, a, b), [1.0, NAN], [NAN, 2.0])
    np.testing.assert_array_equal(a, [1, 0])
    np.testing.assert_array_equal(b, [0, 1])


def test_where_around_the_argument_is_safe_and_around_the_result_is_not() -> None:
    def around_argument(x: Tensor) -> Tensor:
        return mg.where(x > 0, mg.sqrt(mg.where(x > 0, x, 1)), 0)

    assert derivatives(around_argument, 0.0, 2) == [0, 0, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        assert math.isnan(derivatives(lambda x: mg.where(x > 0, mg.sqrt(x), 0), 0.0, 1)[1])


def test_remainder_has_the_sign_of_the_divisor() -> None:
    assert [(Tensor(np.array(a)) % b).item() for a, b in [(5.0, 3.0), (-5.0, 3.0), (5.0, -3.0), (-5.0, -3.0)]] == [2, 1, -1, -2]


# ---------------------------------------------------------------------------------------------------------- precision


def test_erf_and_erfc_against_the_standard_library() -> None:
    x = np.concatenate([np.linspace(-6.5, 26, 20001), np.logspace(-300, 1, 500), [0.0, -0.0, INF, -INF]])
    expected = np.array([math.erf(v) for v in x])
    # ours is within 2 units in the last place of the truth, the standard library within 1
    assert (np.abs(mg.erf(x) - expected) <= 3 * np.spacing(np.abs(expected))).all()
    np.testing.assert_allclose(mg.erfc(x), [math.erfc(v) for v in x], rtol=1.5e-15)
    assert math.copysign(1, mg.erf(np.array(-0.0))) == -1
    assert np.isnan(mg.erf(np.array(NAN)))
    assert np.isnan(mg.erfc(np.array(NAN)))


def test_derivative_of_erf_far_out() -> None:
    for f in (mg.erf, mg.erfc):
        np.testing.assert_array_equal(gradients(f, [-INF, -1e300, 40.0, 1e300])[0], 0)


def test_erf_against_scipy() -> None:
    special = pytest.importorskip("scipy.special", reason="SciPy is not installed; it is a second reference and no dependency")
    x = np.linspace(-30, 30, 5001)
    np.testing.assert_allclose(mg.erf(x), special.erf(x), rtol=1e-15)
    np.testing.assert_allclose(mg.erfc(x), special.erfc(x), rtol=1e-13, atol=1e-300)  # SciPy's own error is 6e-14


SMOOTH = [
    mg.exp, mg.expm1, mg.exp2, mg.log, mg.log1p, mg.log2, mg.log10, mg.sin, mg.cos, mg.tan, mg.asin, mg.acos, mg.atan, mg.sinh, mg.cosh,
    mg.tanh, mg.asinh, mg.atanh, mg.sqrt, mg.square, mg.reciprocal, mg.sigmoid, mg.erf, mg.erfc, mg.silu, mg.gelu, mg.softplus,
    lambda x: x**3, lambda x: 2.0**x, lambda x: mg.softmax(x), lambda x: mg.log_softmax(x),
]  # fmt: skip


@pytest.mark.parametrize("f", SMOOTH)
def test_smooth_functions_can_be_differentiated_by_a_complex_step(f: Callable[[Any], Any]) -> None:
    """Im f(x + i h) / h is the derivative without any difference; the gradient checker relies on it."""
    at = np.array([0.3, 0.6])
    direction = np.array([1.0, 0.0])
    y = f(at + 1e-20j * direction)
    expected = mg.jvp(f, [Tensor(at)], [Tensor(direction)])[1]
    np.testing.assert_allclose(y.imag / 1e-20, expected.data, rtol=1e-13)


def test_ops_on_plain_arrays_give_plain_arrays() -> None:
    for f, x in itertools.product([mg.exp, mg.erf, mg.sign], [np.ones(2), np.array(1.0), 1.0]):
        assert type(f(x)) is np.ndarray
