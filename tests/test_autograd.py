"""grad, vjp, jvp, jacobian, hessian, hvp, checkpoint, anomaly detection."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad import random


def cubes(x):
    return x * x * x


X = np.array([1.0, 2.0, -0.5])


def test_grad_of_leaves_and_computed_tensors_touches_no_grad():
    x = mg.Tensor(X, requires_grad=True)
    y = x * 2.0
    z = (y * y).sum()
    gx, gy = mg.grad(z, [x, y])
    np.testing.assert_array_equal(gx.data, 8 * X)
    np.testing.assert_array_equal(gy.data, 4 * X)
    assert x.grad is None


def test_grad_of_several_outputs():
    x = mg.Tensor(X, requires_grad=True)
    (g,) = mg.grad([x.sum(), (x * x).sum()], x, [None, 2.0])
    np.testing.assert_array_equal(g.data, 1 + 4 * X)


def test_unused_inputs():
    x, u = (mg.Tensor(X, requires_grad=True) for _ in range(2))
    with pytest.raises(RuntimeError, match="do not depend on input 1"):
        mg.grad(x.sum(), [x, u])
    assert mg.grad(x.sum(), [x, u], allow_unused=True)[1] is None
    with pytest.raises(RuntimeError, match="input 0 does not require a gradient"):
        mg.grad(x.sum(), mg.Tensor(X))


def test_vjp_and_jvp_of_an_elementwise_cube():
    v = np.array([1.0, -1.0, 2.0])
    y, g = mg.vjp(cubes, mg.Tensor(X), mg.Tensor(v))
    np.testing.assert_allclose(g.data, 3 * X**2 * v)
    y2, t = mg.jvp(cubes, mg.Tensor(X), mg.Tensor(v))
    np.testing.assert_allclose(t.data, 3 * X**2 * v)
    np.testing.assert_array_equal(y.data, y2.data)


def test_jvp_of_a_linear_map_and_of_an_unused_input():
    a = np.arange(6.0).reshape(2, 3)
    _, t = mg.jvp(lambda x: mg.matmul(a, x), mg.Tensor(X), mg.Tensor(np.ones(3)))
    np.testing.assert_allclose(t.data, a.sum(1))
    _, t = mg.jvp(lambda x, u: x * 2.0, [mg.Tensor(X), mg.Tensor(X)], [mg.Tensor(X), mg.Tensor(X)])
    np.testing.assert_allclose(t.data, 2 * X)


def test_jacobian_hessian_and_hvp():
    np.testing.assert_allclose(mg.jacobian(cubes, mg.Tensor(X)).data, np.diag(3 * X**2))
    np.testing.assert_allclose(mg.hessian(lambda x: cubes(x).sum(), mg.Tensor(X)).data, np.diag(6 * X))
    v = np.array([1.0, 2.0, 3.0])
    _, product = mg.hvp(lambda x: cubes(x).sum(), mg.Tensor(X), mg.Tensor(v))
    np.testing.assert_allclose(product.data, 6 * X * v)


def test_jacobian_of_several_inputs_and_outputs():
    def f(x, y):
        return x * y, x.sum()

    (jxx, jxy), (jsx, jsy) = mg.jacobian(f, [mg.Tensor(X), mg.Tensor(2 * X)])
    np.testing.assert_allclose(jxx.data, np.diag(2 * X))
    np.testing.assert_allclose(jxy.data, np.diag(X))
    np.testing.assert_allclose(jsx.data, np.ones(3))
    np.testing.assert_allclose(jsy.data, np.zeros(3))


def test_hessian_of_a_linear_function_is_zero():
    np.testing.assert_array_equal(mg.hessian(lambda x: x.sum(), mg.Tensor(X)).data, np.zeros((3, 3)))
    with pytest.raises(ValueError, match="one element"):
        mg.hessian(cubes, mg.Tensor(X))


def test_an_output_that_depends_on_no_input_has_derivatives_of_zero():
    x, ones = mg.Tensor(X), mg.ones(2, dtype="float64")
    np.testing.assert_array_equal(mg.vjp(lambda x: ones, x, ones)[1].data, np.zeros(3))
    np.testing.assert_array_equal(mg.jvp(lambda x: ones, x, x)[1].data, np.zeros(2))
    _, (tangent, zero) = mg.jvp(lambda x: (cubes(x), ones), x, x)
    np.testing.assert_allclose(tangent.data, 3 * X**3)
    np.testing.assert_array_equal(zero.data, np.zeros(2))
    np.testing.assert_array_equal(mg.hessian(lambda x: ones.sum(), x).data, np.zeros((3, 3)))
    np.testing.assert_array_equal(mg.hvp(lambda x: ones.sum(), x, x)[1].data, np.zeros(3))


@pytest.mark.parametrize("result", [3.0, {"y": 1}, None, [mg.Tensor(X), X]], ids=lambda r: type(r).__name__)
def test_what_returns_no_tensor_is_refused(result):
    x = mg.Tensor(X)
    for name, of in (("vjp", mg.vjp), ("jacobian", mg.jacobian), ("jvp", lambda f, x: mg.jvp(f, x, x))):
        kind = type(result[-1] if isinstance(result, list) else result).__name__
        with pytest.raises(TypeError, match=f"{name}: the function must return a tensor, or a tuple or list of them, not a {kind}"):
            of(lambda x: result, x)


def test_derivatives_of_functions_do_not_mind_no_grad():
    x = mg.Tensor(X)
    with mg.no_grad():
        np.testing.assert_allclose(mg.vjp(cubes, x, x)[1].data, 3 * X**3)
        np.testing.assert_allclose(mg.jvp(cubes, x, x)[1].data, 3 * X**3)
        np.testing.assert_allclose(mg.jacobian(cubes, x).data, np.diag(3 * X**2))
        np.testing.assert_allclose(mg.hessian(lambda x: cubes(x).sum(), x).data, np.diag(6 * X))
        np.testing.assert_allclose(mg.hvp(lambda x: cubes(x).sum(), x, x)[1].data, 6 * X**2)
        assert not (x * 2.0).requires_grad


# ------------------------------------------------------------------------------------------------------ checkpointing


def block(x, w):
    return mg.tanh(x * w) * mg.exp(x)


def test_checkpoint_gives_the_same_gradients_and_keeps_nothing():
    def run(call):
        x, w = mg.Tensor(X, requires_grad=True), mg.Tensor(X + 1, requires_grad=True)
        y = call(x, w)
        y.sum().backward()
        return y.data, x.grad.data, w.grad.data

    for a, b in zip(run(block), run(lambda x, w: mg.checkpoint(block, x, w)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_checkpoint_reaches_what_the_function_closes_over_and_second_derivatives():
    w = mg.Tensor(X + 1, requires_grad=True)
    x = mg.Tensor(X, requires_grad=True)

    def second(call):
        (g,) = mg.grad(call(x).sum(), w, create_graph=True)
        return mg.grad((g * g).sum(), [x, w])

    plain = second(lambda x: block(x, w))
    checked = second(lambda x: mg.checkpoint(lambda x: block(x, w), x))
    for a, b in zip(plain, checked, strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-14)


def test_checkpoint_runs_the_function_twice_with_the_same_random_numbers():
    masks = []

    def noisy(x):
        mask = random.bernoulli(x.shape, 0.5, dtype=np.float64)
        masks.append(mask.data)
        return x * mask * x

    x = mg.Tensor(np.ones(100), requires_grad=True)
    mg.manual_seed(3)
    y = mg.checkpoint(noisy, x)
    state = random.get_state()
    y.sum().backward()
    assert len(masks) == 2
    np.testing.assert_array_equal(masks[0], masks[1])
    np.testing.assert_array_equal(x.grad.data, 2 * masks[0])
    assert random.get_state() == state


def test_checkpoint_of_a_function_that_does_not_repeat():
    calls = []

    def fickle(x):
        calls.append(1)
        return x * x if len(calls) == 1 else mg.exp(x)

    y = mg.checkpoint(fickle, mg.Tensor(X, requires_grad=True)).sum()
    with pytest.raises(RuntimeError, match="must repeat exactly"):
        y.backward()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_checkpoint_repeats_the_casts_of_autocast(dtype):
    w, grads = mg.Tensor(np.ones((3, 3), np.float32)), []
    for through in (lambda f, x: f(x), mg.checkpoint):
        x = mg.Tensor(X[None].astype(np.float32), requires_grad=True)
        with mg.autocast(dtype):
            y = through(lambda x: (mg.tanh(x @ w) @ w).sum(), x)
        y.backward()
        grads.append(x.grad.data)
    np.testing.assert_array_equal(*grads)


def test_nested_checkpoints():
    x = mg.Tensor(X, requires_grad=True)
    y = mg.checkpoint(lambda x: mg.checkpoint(cubes, x) * 2.0, x)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.data, 6 * X**2)


# ----------------------------------------------------------------------------------------------------------- anomalies


def test_anomaly_names_the_line_of_the_first_nan():
    x = mg.Tensor(np.array([1.0, -1.0]), requires_grad=True)
    with mg.detect_anomaly(), np.errstate(invalid="ignore"), pytest.raises(mg.AnomalyError) as caught:
        mg.exp(mg.sqrt(x))  # the line at fault
    assert "sqrt(float64[2]) made nan at (1,)" in str(caught.value)
    assert "test_autograd.py" in str(caught.value)
    assert "the line at fault" in str(caught.value)


def test_anomaly_in_the_backward_pass_names_the_forward_line():
    x = mg.Tensor(np.array([0.0, 1.0]), requires_grad=True)
    with mg.detect_anomaly(), np.errstate(divide="ignore"):
        y = mg.sqrt(x)  # fine forward, infinite slope at 0
        with pytest.raises(mg.AnomalyError, match=r"gradient of sqrt for its input 'x' holds inf at \(0,\).*fine forward"):
            y.sum().backward()


def test_anomaly_blames_nobody_for_what_came_in():
    with mg.detect_anomaly():
        y = mg.exp(mg.Tensor(np.array([-np.inf, 0.0])))
        z = mg.Tensor(np.array([np.nan])) * 2.0
    assert y.tolist() == [0.0, 1.0]
    assert np.isnan(z.item())


def test_an_output_that_does_not_depend_on_the_input_gives_nothing():
    x, z = mg.ones(2).requires_grad_(), mg.ones(2).requires_grad_()
    (g,) = mg.grad([(x * 3).sum(), (z * 5).exp().sum()], [x])
    np.testing.assert_array_equal(g.data, [3, 3])


def test_random_numbers_that_another_thread_draws_during_a_checkpoint_are_noticed() -> None:
    """Masks of the second run would be others than those of the first, and the gradient silently wrong."""
    once = [True]

    def function(x: mg.Tensor) -> mg.Tensor:
        if once.pop() if once else False:
            other = threading.Thread(target=lambda: mg.random.uniform((100,)))
            other.start()
            other.join()
        return mg.nn.functional.dropout(x, 0.5).exp()

    x = mg.tensor(np.ones(50), requires_grad=True)
    y = mg.checkpoint(function, x).sum()
    with pytest.raises(RuntimeError, match=r"drew [0-9]+ and [0-9]+ blocks of random numbers"):
        y.backward()


def product(name, f, x):
    """The derivative of f at x by one of the functions, as a tensor of x's shape (for elementwise f, whose sum is taken where it must)."""
    ones = mg.ones(x.shape, dtype=x.dtype)
    if name in {"vjp", "jvp"}:
        return getattr(mg, name)(f, x, ones)[1]
    if name == "jacobian":
        return mg.jacobian(f, x).sum(-1)
    second = {"hvp": lambda: mg.hvp(lambda t: f(t).sum(), x, ones)[1], "hessian": lambda: mg.hessian(lambda t: f(t).sum(), x).sum(-1)}
    return second[name]()


@pytest.mark.parametrize("outer", ["vjp", "jvp", "jacobian", "hvp", "hessian"])
@pytest.mark.parametrize("inner", ["vjp", "jvp", "jacobian", "hvp", "hessian"])
def test_one_within_another_is_differentiated(outer, inner):
    """It gave zeros, unless `create_graph` was said: what the inner one returned hung on nothing."""
    x = mg.Tensor(X)
    order = sum(2 if name in {"hvp", "hessian"} else 1 for name in (outer, inner))
    falling = np.prod(5.0 - np.arange(order))  # the factor of the derivative of x**5
    got = product(outer, lambda t: product(inner, lambda u: u**5, t), x)
    np.testing.assert_allclose(got.data, falling * X ** (5 - order))
    assert not got.requires_grad


def test_what_a_function_gives_that_is_within_none_is_detached():
    for name in ("vjp", "jvp", "jacobian", "hvp", "hessian"):
        assert not product(name, cubes, mg.Tensor(X, requires_grad=True)).requires_grad


def test_grad_within_a_differentiated_function_is_differentiated():
    slope = lambda t: mg.grad((t**5).sum(), t)[0]
    np.testing.assert_allclose(mg.jvp(slope, mg.Tensor(X), mg.ones(3, dtype=X.dtype))[1].data, 20 * X**3)
    cut = lambda t: mg.grad((t**5).sum(), t, create_graph=False)[0]
    np.testing.assert_array_equal(mg.jvp(cut, mg.Tensor(X), mg.ones(3, dtype=X.dtype))[1].data, 0)
