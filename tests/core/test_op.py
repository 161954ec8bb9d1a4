"""Op: declaring, calling, explaining."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.op import OPS

FLOAT = [np.float32, np.float64]


@pytest.fixture(autouse=True)
def registry() -> Any:
    """Ops that are declared here are forgotten again."""
    before = dict(OPS)
    yield
    OPS.clear()
    OPS.update(before)


class TestDeclaring:
    def test_the_array_module_comes_first(self) -> None:
        with pytest.raises(TypeError, match="the first parameter of op f must be xp"):

            @mg.op
            def f(x):
                return x

    def test_a_kernel_stands_for_a_formula_that_there_is(self) -> None:
        @mg.op
        def f(xp, x, z):
            return x * z

        f.vjp(x=lambda g, z: g * z)
        with pytest.raises(TypeError, match=r"f.kernel: there is no formula for exactly \(z\)"):
            f.kernel("z")

    def test_a_kernel_may_leave_the_work_to_the_formula(self) -> None:
        @mg.op
        def f(xp, x):
            return 2 * x

        f.vjp(x=lambda g: 2 * g)
        f.kernel()(lambda xp, x: NotImplemented if x.ndim else x + x)
        f.kernel("x")(lambda g: NotImplemented if g.ndim else g + g)
        for x in (mg.tensor([3.0], requires_grad=True), mg.tensor(3.0, requires_grad=True)):
            y = f(x)
            y.sum().backward()
            assert y.data.reshape(-1)[0] == 6
            assert x.grad.data.reshape(-1)[0] == 2

    def test_a_formula_for_several_inputs_returns_a_gradient_for_each(self) -> None:
        @mg.op
        def f(xp, x, z):
            return x * z

        f.vjp("x", "z")(lambda g, x, z: (g * z,))
        x = mg.tensor([1.0], requires_grad=True)
        with pytest.raises(ValueError, match="f's formula for x, z returned 1 gradients, expected 2"):
            f(x, x).backward(mg.ones(1))

    @pytest.mark.parametrize(
        ("returned", "words"),
        [
            (lambda g: None, r"returned None; is a return missing\? It must return a tuple of 2 gradients"),
            (lambda g: np.stack([g, g]), r"returned one array of shape \(2, 1\); it must return a tuple of 2 gradients"),
            (lambda g: {"x": g, "z": g}, "returned one dict; it must return a tuple of 2 gradients"),
        ],
    )
    def test_a_formula_for_several_inputs_returns_a_tuple(self, returned, words) -> None:
        """An array with as many rows as there are inputs was taken for their gradients."""

        @mg.op
        def f(xp, x, z):
            return x * z

        f.vjp("x", "z")(returned)
        x = mg.tensor([1.0], requires_grad=True)
        with pytest.raises(ValueError, match=words):
            f(x, x).backward(mg.ones(1))

    def test_a_function_that_wraps_another_has_its_signature(self) -> None:
        def inner(xp, x, *, scale=2.0):
            return x * scale

        def outer(*args, **params):
            return inner(*args, **params)

        outer.__wrapped__ = inner  # type: ignore[attr-defined]
        f = mg.op(outer)
        assert f.inputs == ("x",)
        assert f.params == {"scale": 2.0}

    def test_what_is_not_written_in_python_has_no_signature(self) -> None:
        with pytest.raises(TypeError, match="not a function written with def or lambda"):
            mg.op(np.exp)


class TestCalling:
    def test_numpys_scalars_beside_a_tensor_are_weak(self) -> None:
        assert mg.where(mg.tensor([True]), mg.tensor([1.0]), np.float64(2)).dtype == np.float32

    def test_an_op_of_lists_of_tensors_is_differentiated_twice(self) -> None:
        x = mg.tensor([2.0], requires_grad=True)
        (g,) = mg.grad((mg.concat([x, 3 * x]) ** 3).sum(), [x], create_graph=True)
        assert mg.grad(g.sum(), [x])[0].item() == 6 * 2 * (1 + 27)

    def test_an_error_says_in_which_tuple_of_parameters(self) -> None:
        with pytest.raises(ValueError, match="reshape") as caught:
            mg.reshape(mg.ones(3), (2,))
        assert "shape=(2,)" in caught.value.__notes__[0]

    def test_parameters_by_position_and_inputs_by_name(self) -> None:
        x = np.arange(6.0).reshape(2, 3)
        np.testing.assert_array_equal(mg.sum(x, 0), x.sum(axis=0))
        np.testing.assert_array_equal(mg.subtract(x, b=x), np.zeros_like(x))

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda x: mg.sum(x, 0, axis=0), "sum was given 'axis' twice"),
            (lambda x: mg.where(x, x, x, x), "where takes at most 3 arguments, and 4 were given"),
            (lambda x: mg.where(x, x), "where needs its input 'b'"),
        ],
    )
    def test_arguments_that_do_not_fit(self, call: Any, message: str) -> None:
        with pytest.raises(TypeError, match=message):
            call(np.ones(2))

    @pytest.mark.parametrize("n", [1, 2])
    def test_an_error_of_numpy_keeps_its_type_and_names_the_op(self, n: int) -> None:
        def fails(xp, *args):
            raise FloatingPointError("no such number")

        @mg.op
        def one(xp, x):
            return fails(xp, x)

        @mg.op
        def two(xp, x, z):
            return fails(xp, x, z)

        with pytest.raises(FloatingPointError, match="no such number") as caught:
            (one, two)[n - 1](*[mg.tensor([1.0])] * n)
        assert caught.value.__notes__[0].startswith(f"in {('one', 'two')[n - 1]}(x: float32[1]")

    @pytest.mark.parametrize("n", [1, 2])
    def test_a_number_is_taken_for_an_array_and_other_things_are_refused(self, n: int) -> None:
        @mg.op
        def one(xp, x):
            return 1.5 if x.size else "text"

        @mg.op
        def two(xp, x, z):
            return 1.5 if x.size else "text"

        f = (one, two)[n - 1]
        y = f(*[mg.tensor([1.0])] * n)
        assert (y.shape, y.item()) == ((), 1.5)
        with pytest.raises(TypeError, match="returned a str; expected an array"):
            f(*[mg.zeros(0)] * n)

    def test_a_piecewise_constant_op_has_a_gradient_of_zeros_at_every_order(self) -> None:
        x = mg.tensor([1.5, -0.5], requires_grad=True)
        (g,) = mg.grad(mg.floor(x).sum(), [x], create_graph=True)
        np.testing.assert_array_equal(g.data, [0, 0])
        z = mg.tensor([1.0, 1.0], requires_grad=True)
        (g,) = mg.grad((mg.floor(x) * z).sum(), [x], create_graph=True)
        np.testing.assert_array_equal(g.data, [0, 0])


@pytest.fixture
def halves() -> Any:
    """An op with three outputs, of which one has no gradient."""

    @mg.op(outputs=("low", "high", "rank"))
    def halves(xp, x):
        return xp.minimum(x, 0), xp.maximum(x, 0), xp.argsort(x)

    halves.vjp(x=lambda g_low, g_high, x: mg.where(x < 0, g_low, g_high))
    return halves


class TestBackward:
    def test_an_error_in_a_formula_of_two_inputs_is_placed(self) -> None:
        @mg.op
        def f(xp, x, z):
            return x * z

        f.vjp(x=lambda g, z: g * z, z=lambda g, x: g * undefined)  # noqa: F821
        x = mg.tensor([1.0], requires_grad=True)
        with pytest.raises(NameError, match="undefined") as caught:
            f(x, x * 2).sum().backward()
        assert "in the backward pass of f" in caught.value.__notes__[0]

    def test_saved_lists_of_tensors_are_differentiated_again(self) -> None:
        @mg.op
        def product(xp, *xs):
            return xs[0] * xs[1]

        product.vjp(xs=lambda g, xs: (g * xs[1], g * xs[0]))
        x = mg.tensor([3.0], requires_grad=True)
        (g,) = mg.grad(product(x, x).sum(), [x], create_graph=True)
        assert (g.item(), mg.grad(g.sum(), [x])[0].item()) == (6, 2)


class TestSeveralOutputs:
    def test_each_has_a_gradient_and_missing_ones_are_zero(self, halves: Any) -> None:
        x = mg.tensor([-1.0, 2.0], requires_grad=True)
        low, high, rank = halves(x)
        assert not rank.requires_grad
        assert low.node.op is halves
        (g,) = mg.grad(low.sum(), [x], retain_graph=True)
        np.testing.assert_array_equal(g.data, [1, 0])
        (g,) = mg.grad(high.sum(), [x], create_graph=True)
        np.testing.assert_array_equal(g.data, [0, 1])

    def test_hooks_of_an_output_run_once_each(self, halves: Any) -> None:
        x = mg.tensor([-1.0, 2.0], requires_grad=True)
        _, high, _ = halves(x)
        high.register_hook(lambda g: g * 10)
        high.retain_grad()
        high.sum().backward()
        np.testing.assert_array_equal(x.grad.data, [0, 10])
        np.testing.assert_array_equal(high.grad.data, [10, 10])

    def test_outputs_compare_by_what_they_stand_for(self, halves: Any) -> None:
        low, high, _ = halves(mg.tensor([1.0], requires_grad=True))
        assert low.node != high.node
        assert low.node != object()
        assert {low.node: 1}[low.node] == 1

    def test_a_wrong_number_of_outputs_is_told(self) -> None:
        @mg.op(outputs=("a", "b"))
        def f(xp, x):
            return (x, x, None)

        with pytest.raises(TypeError, match=r"f returned a tuple of 3: .* None; expected a tuple of 2 arrays \(a, b\)"):
            f(mg.ones(2))


class TestExplaining:
    def test_the_class_has_the_signature_of_what_makes_an_op(self) -> None:
        assert next(iter(inspect.signature(type(mg.exp)).parameters)) == "forward"

    def test_an_op_says_what_it_is(self) -> None:
        assert repr(mg.sum).startswith("<op sum(x")
        text = mg.multiply.explain()
        assert "gradient for a" in text
        assert "(saves b)" in text
        assert "gradient for x: zero, as" in mg.floor.explain()

    def test_a_formula_whose_source_is_gone(self) -> None:
        scope: dict[str, Any] = {"mg": mg, "__name__": "gone"}
        exec("f = mg.op(lambda xp, x: x)\nf.name = 'f'\nf.vjp(x=lambda g: g)", scope)
        assert "(its source is not at hand)" in scope["f"].explain()
