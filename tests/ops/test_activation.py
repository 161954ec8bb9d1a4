"""Activation functions: kinks, huge values, and PyTorch's values for those that are a line of composition."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor

INF, NAN = math.inf, math.nan

#: every function of one input, at default parameters
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "relu": mg.relu,
    "leaky_relu": mg.leaky_relu,
    "elu": mg.elu,
    "selu": mg.selu,
    "celu": mg.celu,
    "gelu": mg.gelu,
    "gelu_tanh": lambda x: mg.gelu(x, approximate="tanh"),
    "silu": mg.silu,
    "mish": mg.mish,
    "softplus": mg.softplus,
    "softsign": mg.softsign,
    "hardtanh": mg.hardtanh,
    "relu6": mg.relu6,
    "hardsigmoid": mg.hardsigmoid,
    "hardswish": mg.hardswish,
    "hardshrink": mg.hardshrink,
    "softshrink": mg.softshrink,
    "tanhshrink": mg.tanhshrink,
    "logsigmoid": mg.logsigmoid,
    "sigmoid": mg.sigmoid,
    "tanh": mg.tanh,
    "softmax": mg.softmax,
    "log_softmax": mg.log_softmax,
    "softmin": mg.softmin,
    "glu": mg.glu,
}
every_function = pytest.mark.parametrize("name", FUNCTIONS)


def gradient(f: Callable[[Any], Any], x: Any) -> list[float]:
    t = Tensor(np.array(x, dtype=np.float64), requires_grad=True)
    y = f(t)
    y.backward(np.ones(y.shape))
    assert t.grad is not None
    found: list[float] = t.grad.tolist()
    return found


@every_function
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_type_of_floats_is_kept(name: str, dtype: Any) -> None:
    x = Tensor(np.array([-0.4, 0.3, 0.8, 2.0], dtype=dtype), requires_grad=True)
    y = FUNCTIONS[name](x)
    assert y.dtype == dtype
    y.backward(np.ones(y.shape))
    assert x.grad is not None
    assert x.grad.dtype == dtype


@every_function
def test_huge_values_overflow_nowhere(name: str) -> None:
    """With warnings as errors, to the end of the range of float32."""
    x = Tensor(np.array([-1e38, -800.0, 800.0, 1e38], dtype=np.float32), requires_grad=True)
    y = FUNCTIONS[name](x)
    assert np.isfinite(y.data).all()
    y.backward(np.ones(y.shape, dtype=np.float32))
    assert x.grad is not None
    assert np.isfinite(x.grad.data).all()


@every_function
def test_nan_goes_through(name: str) -> None:
    assert np.isnan(FUNCTIONS[name](Tensor(np.array([NAN, NAN]))).data).all()


KINKS = {
    "relu": (mg.relu, 0.0, 0.0),
    "leaky_relu": (mg.leaky_relu, 0.0, 0.01),
    "elu": (lambda x: mg.elu(x, alpha=2.0), 0.0, 2.0),
    "prelu": (lambda x: mg.prelu(x, Tensor(np.array([0.25]))), 0.0, 0.25),
    "hardtanh, below": (mg.hardtanh, -1.0, 0.0),
    "hardtanh, above": (mg.hardtanh, 1.0, 0.0),
    "relu6, below": (mg.relu6, 0.0, 0.0),
    "relu6, above": (mg.relu6, 6.0, 0.0),
    "hardsigmoid, below": (mg.hardsigmoid, -3.0, 0.0),
    "hardsigmoid, above": (mg.hardsigmoid, 3.0, 0.0),
    "hardswish, below": (mg.hardswish, -3.0, 0.0),
    "hardswish, above": (mg.hardswish, 3.0, 1.0),
    "hardshrink": (mg.hardshrink, 0.5, 0.0),
    "softshrink": (mg.softshrink, 0.5, 0.0),
    "softsign": (mg.softsign, 0.0, 1.0),
    "threshold": (lambda x: mg.threshold(x, 1.0, 5.0), 1.0, 0.0),
}


@pytest.mark.parametrize("name", KINKS)
def test_derivative_at_a_kink(name: str) -> None:
    f, at, expected = KINKS[name]
    assert gradient(f, [at]) == pytest.approx([expected], abs=1e-15)


def test_softmax_sums_to_one_and_knows_minus_infinity() -> None:
    x = Tensor(np.array([[1.0, -INF, 3.0], [1e300, 0.0, -1e300]]), requires_grad=True)
    y = mg.softmax(x)
    np.testing.assert_allclose(y.data, [[1 / (1 + math.e**2), 0, 1 / (1 + math.e**-2)], [1, 0, 0]])
    y[:, 0].sum().backward()
    assert x.grad is not None
    assert np.isfinite(x.grad.data).all()
    assert x.grad.data[0, 1] == 0


def test_log_softmax_knows_minus_infinity_and_keeps_small_probabilities() -> None:
    np.testing.assert_allclose(mg.log_softmax(Tensor(np.array([0.0, -INF, -1000.0]))).data, [0, -INF, -1000])
    assert np.isfinite(gradient(mg.log_softmax, [0.0, -INF, -1000.0])).all()


def test_softplus_and_logsigmoid_are_precise_at_both_ends() -> None:
    x = Tensor(np.array([-40.0, 40.0]))
    np.testing.assert_allclose(mg.softplus(x).data, [math.exp(-40), 40], rtol=1e-15)
    np.testing.assert_allclose(mg.logsigmoid(x).data, [-40, -math.exp(-40)], rtol=1e-15)


def test_gelu_keeps_its_lower_tail() -> None:
    x = -10.0
    assert mg.gelu(np.array(x)) == pytest.approx(x * 0.5 * math.erfc(-x / math.sqrt(2)), rel=1e-14)


def test_dropout_scales_what_it_keeps() -> None:
    x, mask = Tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True), np.array([True, False, True])
    y = mg.dropout(x, mask, p=0.75)
    assert y.tolist() == [4, 0, 12]
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [4, 0, 4]


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=200_000)
    y = mg.alpha_dropout(x, rng.random(x.shape) >= 0.3, 0.3)
    assert y.mean() == pytest.approx(0, abs=0.01)  # three standard errors are 0.007
    assert y.var() == pytest.approx(1, abs=0.02)


def test_selu_keeps_mean_and_variance() -> None:
    y = mg.selu(np.random.default_rng(0).normal(size=200_000))
    assert y.mean() == pytest.approx(0, abs=0.01)
    assert y.var() == pytest.approx(1, abs=0.02)


def test_errors_say_what_is_wrong() -> None:
    x = Tensor(np.ones((2, 3)))
    with pytest.raises(ValueError, match="approximate is 'erf', expected 'none' or 'tanh'"):
        mg.gelu(x, approximate="erf")
    with pytest.raises(ValueError, match=r"must be even; x has shape \(2, 3\)"):
        mg.glu(x)
    with pytest.raises(ValueError, match=r"weight has shape \(2,\); x, of shape \(2, 3\)"):
        mg.prelu(x, Tensor(np.ones(2)))


def test_prelu_has_one_slope_or_one_for_each_channel() -> None:
    x = Tensor(-np.ones((2, 3, 2)))
    assert mg.prelu(x, Tensor(np.array([0.5]))).data.sum() == -6
    slopes = Tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True)
    y = mg.prelu(x, slopes)
    assert y.data[0, :, 0].tolist() == [-1, -2, -3]
    y.sum().backward()
    assert slopes.grad is not None
    assert slopes.grad.tolist() == [-4, -4, -4]


# ------------------------------------------------------------------------------------------------------------- PyTorch

#: ours, and the name in torch.nn.functional, with parameters
COMPOSED: list[tuple[Callable[..., Any], str, dict[str, Any]]] = [
    (mg.selu, "selu", {}),
    (mg.celu, "celu", {}),
    (mg.celu, "celu", {"alpha": 2.0}),  # PyTorch divides by alpha in single precision: exact for this one
    (mg.mish, "mish", {}),
    (mg.softsign, "softsign", {}),
    (mg.relu6, "relu6", {}),
    (lambda x: 6 * mg.hardsigmoid(x - 3), "relu6", {}),  # PyTorch's hardsigmoid has a gradient of 1 / 6 in single precision
    (mg.hardswish, "hardswish", {}),
    (mg.hardshrink, "hardshrink", {}),
    (mg.hardshrink, "hardshrink", {"lambd": 1.3}),
    (mg.softshrink, "softshrink", {}),
    (mg.softshrink, "softshrink", {"lambd": 1.3}),
    (mg.tanhshrink, "tanhshrink", {}),
    (mg.threshold, "threshold", {"threshold": 0.4, "value": -2.0}),
    (mg.logsigmoid, "logsigmoid", {}),
    (mg.glu, "glu", {}),
    (lambda x: mg.glu(x, axis=0), "glu", {"dim": 0}),
    (lambda x: mg.softmin(x, axis=0), "softmin", {"dim": 0}),
]


@pytest.mark.torch
@pytest.mark.parametrize(("ours", "name", "params"), COMPOSED)
def test_compositions_agree_with_pytorch_in_value_and_two_derivatives(ours: Any, name: str, params: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the reference here and no dependency")
    array = np.linspace(-7.1, 8.3, 24).reshape(4, 6)
    x, t = Tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    y = ours(x, **{k: v for k, v in params.items() if k != "dim"})
    s = getattr(torch.nn.functional, name)(t, **params)
    np.testing.assert_allclose(y.data, s.detach().numpy(), rtol=1e-12, atol=1e-14)
    cotangent = np.random.default_rng(0).normal(size=y.shape)
    (g,) = mg.grad((y * cotangent).sum(), [x], create_graph=True)
    (h,) = torch.autograd.grad((s * torch.tensor(cotangent)).sum(), [t], create_graph=True)
    np.testing.assert_allclose(g.data, h.detach().numpy(), rtol=1e-10, atol=1e-13)
    (gg,) = mg.grad((g * g).sum(), [x], allow_unused=True) if g.requires_grad else (None,)
    (hh,) = torch.autograd.grad((h * h).sum(), [t], allow_unused=True)
    np.testing.assert_allclose(np.zeros_like(array) if gg is None else gg.data, 0 if hh is None else hh.numpy(), rtol=1e-8, atol=1e-12)


@pytest.mark.torch
def test_prelu_and_alpha_dropout_against_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the reference here and no dependency")
    rng = np.random.default_rng(0)
    array, weight = rng.normal(size=(2, 3, 4)), rng.normal(size=3)
    x, w = Tensor(array, requires_grad=True), Tensor(weight, requires_grad=True)
    t, v = torch.tensor(array, requires_grad=True), torch.tensor(weight, requires_grad=True)
    mg.prelu(x, w).sum().backward()
    torch.nn.functional.prelu(t, v).sum().backward()
    assert x.grad is not None
    assert w.grad is not None
    np.testing.assert_allclose(x.grad.data, t.grad.numpy())
    np.testing.assert_allclose(w.grad.data, v.grad.numpy())
    dropped = torch.nn.functional.alpha_dropout(torch.tensor(array), 0.4, training=True).numpy()
    values, counts = np.unique(dropped, return_counts=True)
    mask = dropped != values[counts.argmax()]  # all that is dropped has one value
    np.testing.assert_allclose(mg.alpha_dropout(array, mask, 0.4), dropped)
