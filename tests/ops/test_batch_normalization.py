"""Batch norm as an op: four oracles at three orders, the identities of the paper, float32, and bad input."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import ops
from minigrad.core import graph
from minigrad.core.mode import changed_mode
from minigrad.core.op import OPS
from minigrad.core.tensor import wrap
from minigrad.gradcheck.samples import Sample
from minigrad.gradcheck.samples.problems import samples_of

# ----------------------------------------------------------------------------------- the op, and the same from primitives


def composed(x: Any, weight: Any = None, bias: Any = None, *, axis: Any, eps: float = 1e-5) -> tuple[Any, Any, Any]:
    """The chain of the paper, a node for each step: mean, difference, square, variance, root, quotient, affine."""
    axes = tuple(a % x.ndim for a in ([axis] if isinstance(axis, int) else axis))
    kept = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    mean = x.mean(axis=axes, keepdims=True)
    difference = x - mean
    var = (difference * difference).mean(axis=axes, keepdims=True)
    y = affine(difference / (var + eps) ** 0.5, weight, bias, mean.shape)
    return y, mean.reshape(kept), var.reshape(kept)


def composed_fixed(x: Any, mean: Any, var: Any, weight: Any = None, bias: Any = None, *, axis: Any, eps: float = 1e-5) -> Any:
    axes = tuple(a % x.ndim for a in ([axis] if isinstance(axis, int) else axis))
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return affine((x - mean.reshape(shape)) / (var.reshape(shape) + eps) ** 0.5, weight, bias, shape)


def affine(xhat: Any, weight: Any, bias: Any, shape: tuple[int, ...]) -> Any:
    y = xhat if weight is None else xhat * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


FORMS = {"batch_norm": (ops.batch_norm, composed), "fixed_batch_norm": (ops.fixed_batch_norm, composed_fixed)}

# ------------------------------------------------------------------------------------------------------- the oracles

Function = Callable[..., Any]


def leaf(array: np.ndarray) -> mg.Tensor:
    """A tensor that wants a gradient: of complex numbers, too, which the complex step needs and users may not have."""
    return wrap(array, graph.leaf(array.shape, array.dtype))


class Scalarization:
    """The sum of all outputs of a sample times random cotangents; then of its gradient times random directions; and so on."""

    def __init__(self, sample: Sample, seed: int = 3) -> None:
        self.sample = sample
        self.where = [i for i, a in enumerate(sample.args) if a is not None]
        self.xs = [sample.args[i] for i in self.where]
        rng = np.random.default_rng(seed)
        self.directions = [[rng.standard_normal(x.shape) for x in self.xs] for _ in range(3)]
        self.rng_seed = seed + 1

    def scalar(self, form: Function, xs: Sequence[mg.Tensor], order: int) -> mg.Tensor | None:
        """The scalar that is differentiated at ``order``: at 2 and 3 it is made of gradients itself."""
        args = list(self.sample.args)
        for i, x in zip(self.where, xs, strict=True):
            args[i] = x
        outputs = form(*args, **self.sample.params)
        rng = np.random.default_rng(self.rng_seed)
        total = sum((y * rng.standard_normal(y.shape)).sum() for y in (outputs if isinstance(outputs, tuple) else (outputs,)))
        for k in range(order - 1):
            gs = mg.grad(total, list(xs), create_graph=True, allow_unused=True)
            total = sum((g * u).sum() for g, u in zip(gs, self.directions[k], strict=True) if g is not None)
            if not isinstance(total, mg.Tensor) or total.node is None:
                return None  # the last gradient is constant
        return total

    def gradient(self, form: Function, order: int) -> list[np.ndarray]:
        xs = [leaf(x) for x in self.xs]
        total = self.scalar(form, xs, order)
        gs = [None] * len(xs) if total is None else mg.grad(total, xs, allow_unused=True)
        return [np.zeros(x.shape) if g is None else g.data for g, x in zip(gs, xs, strict=True)]

    def value(self, form: Function, xs: Sequence[np.ndarray], order: int) -> Any:
        total = self.scalar(form, [leaf(x) for x in xs], order)
        return 0.0 if total is None else total.data[()]

    def by_complex_step(self, form: Function, order: int) -> list[np.ndarray]:
        h = 1e-30

        def derivative(k: int, i: tuple[int, ...]) -> float:
            xs = [x.astype(complex) for x in self.xs]
            xs[k][i] += 1j * h
            return float(np.imag(self.value(form, xs, order)) / h)

        return self._elementwise(derivative)

    def by_differences(self, form: Function, order: int) -> list[np.ndarray]:
        """Central differences of fourth order, the step scaled to what the function is sensitive to."""

        def derivative(k: int, i: tuple[int, ...]) -> float:
            h = self.step(form, k)

            def at(t: float) -> float:
                xs = [x.copy() for x in self.xs]
                xs[k][i] += t
                return float(self.value(form, xs, order))

            return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)

        return self._elementwise(derivative)

    def step(self, form: Function, k: int) -> float:
        """A small part of the standard deviation or the variance that is divided by; 1 where the function is linear."""
        x, eps = self.xs[k], self.sample.params.get("eps", 1e-5)
        name = form.inputs[self.where[k]]
        if name == "x" and form.name == "batch_norm":
            return 2e-3 * float(np.sqrt(x.var(axis=self.sample.params["axis"]).min() + eps))
        return 2e-3 * float(x.min() + eps) if name == "var" else 1.0

    def _elementwise(self, derivative: Callable[[int, tuple[int, ...]], float]) -> list[np.ndarray]:
        return [np.array([derivative(k, i) for i in np.ndindex(x.shape)]).reshape(x.shape) for k, x in enumerate(self.xs)]


def distance(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """Largest difference, for each input relative to the largest element of its gradient."""
    return max((float(abs(p - q).max(initial=0) / max(abs(q).max(initial=0), 1e-3)) for p, q in zip(a, b, strict=True)), default=0.0)


CASES = [
    pytest.param(
        name,
        sample,
        order,
        id=f"{name}-{sample.label}-{order}".replace(" ", "_"),
        marks=[] if k < 3 or order == 1 else pytest.mark.thorough,
    )
    for name, orders in (("batch_norm", (1, 2, 3)), ("fixed_batch_norm", (1, 2)))
    for k, sample in enumerate(samples_of(name))
    for order in orders
    if sample.args[0].size
]


@pytest.mark.parametrize(("name", "sample", "order"), CASES)
def test_four_oracles_agree(name: str, sample: Sample, order: int) -> None:
    """tinygrad #141 (a backward pass reported wrong), chainer #8145 (a flaky check, mended by a looser tolerance)."""
    fused, primitives = FORMS[name]
    scalarized = Scalarization(sample)
    ours = scalarized.gradient(fused, order)
    assert distance(scalarized.gradient(primitives, order), ours) <= 1e-12
    assert distance(scalarized.by_complex_step(fused, order), ours) <= 1e-12
    assert distance(scalarized.by_differences(fused, order), ours) <= 1e-9


def test_the_oracles_see_a_constant_statistic(monkeypatch: pytest.MonkeyPatch) -> None:
    """With rstd taken for a constant in the backward pass (dezero's fault), order 1 is right and order 2 is not."""
    op, scalarized = OPS["batch_norm"], Scalarization(samples_of("batch_norm")[0])
    (formula,) = op.formulas
    right = formula.function

    def constant_statistics(g: Any, x: Any, weight: Any, mean: Any, var: Any, g_mean: Any = None, g_var: Any = None, **params: Any) -> Any:
        cut = (v.detach() if isinstance(v, mg.Tensor) else v for v in (mean, var))
        return right(g, x, weight, *cut, g_mean, g_var, **params)

    assert list(inspect.signature(right).parameters)[:7] == ["g", "x", "weight", "mean", "var", "g_mean", "g_var"]
    expected = [scalarized.gradient(ops.batch_norm, order) for order in (1, 2)]
    monkeypatch.setattr(formula, "function", constant_statistics)
    op.plans.clear()
    try:
        assert distance(scalarized.gradient(ops.batch_norm, 1), expected[0]) <= 1e-12
        assert distance(scalarized.gradient(ops.batch_norm, 2), expected[1]) > 1e-2
    finally:
        op.plans.clear()


def test_the_closed_form_of_the_double_backward() -> None:
    """The derivative of (dx, dweight, dbias), derived by hand, as three formulas; chainer #3275."""
    rng = np.random.default_rng(0)
    for std in (1.0, 1e-2, 3e-3):
        x, weight, g = rng.standard_normal((9, 4)) * std, rng.standard_normal(4), rng.standard_normal((9, 4))
        ux, uw, ub = rng.standard_normal((9, 4)), rng.standard_normal(4), rng.standard_normal(4)
        ts = [mg.Tensor(a, requires_grad=True) for a in (x, weight, np.zeros(4), g)]
        y, _, _ = ops.batch_norm(*ts[:3], axis=0)
        first = mg.grad(y, ts[:3], ts[3], create_graph=True)
        ours = mg.grad(sum((f * u).sum() for f, u in zip(first, (ux, uw, ub), strict=True)), [ts[0], ts[1], ts[3]])

        s = 1 / np.sqrt(x.var(0) + 1e-5)
        xhat = (x - x.mean(0)) * s

        def project(t: np.ndarray, xhat: np.ndarray = xhat) -> np.ndarray:
            return t - t.mean(0) - xhat * (t * xhat).mean(0)

        a = (ux * project(g)).sum(0)
        q = -weight * s * (ux * (g * xhat).mean(0) + g * (ux * xhat).mean(0)) + uw * g
        closed = [s * project(q) - weight * a * s * s * xhat / 9, s * a, weight * s * project(ux) + uw * xhat + ub]
        assert distance([o.data for o in ours], closed) <= 1e-12


# ---------------------------------------------------------------------------------------------------- exact identities

rng = np.random.default_rng(1)
X, G = rng.standard_normal((16, 3)), rng.standard_normal((16, 3))


def pull(x: np.ndarray, g: np.ndarray, *affine: np.ndarray, eps: float = 1e-5) -> list[np.ndarray]:
    ts = [mg.Tensor(a, requires_grad=True) for a in (x, *affine)]
    return [t.data for t in mg.grad(ops.batch_norm(*ts, axis=0, eps=eps)[0], ts, g)]


def test_mean_and_variance_of_the_output() -> None:
    """Mean 0 and variance var / (var + eps), not 1 (A1)."""
    y, _, var = ops.batch_norm(X * 0.01, axis=0, eps=1e-4)
    assert abs(y.mean(0)).max() <= 1e-15
    np.testing.assert_allclose(y.var(0), var / (var + 1e-4), rtol=1e-13)


def test_weight_and_bias_can_undo_it() -> None:
    """With weight = sqrt(var + eps) and bias = mean, batch norm is the identity (A4)."""
    weight, bias = np.sqrt(X.var(0) + 1e-5), X.mean(0)
    np.testing.assert_allclose(ops.batch_norm(X, weight, bias, axis=0)[0], X, atol=1e-14)


def test_shift_invariance() -> None:
    """A bias before batch norm changes nothing, and its gradient is zero (A9, A17)."""
    np.testing.assert_allclose(ops.batch_norm(X + 5.0, axis=0)[0], ops.batch_norm(X, axis=0)[0], atol=1e-14)
    assert abs(pull(X, G)[0].sum(0)).max() <= 1e-14


@pytest.mark.parametrize("a", [1e-2, 0.1, 10.0, 100.0, 1e4])
def test_scale_invariance_of_the_weights_before_it(a: float) -> None:
    """With eps = 0: BN((aW)u) = BN(Wu), the gradient for u is equal, that for aW is 1/a, and orthogonal to W (A10, A11)."""
    r = np.random.default_rng(0)
    u, w, v = r.standard_normal((64, 20)), r.standard_normal((20, 10)), r.standard_normal((64, 10))

    def run(scale: float, eps: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        tu, tw = mg.Tensor(u, requires_grad=True), mg.Tensor(scale * w, requires_grad=True)
        y, _, _ = ops.batch_norm(tu @ tw, axis=0, eps=eps)
        gu, gw = mg.grad(y, [tu, tw], v)
        return y.detach().data, gu.data, gw.data

    (y1, gu1, gw1), (y, gu, gw) = run(1.0, 0.0), run(a, 0.0)
    assert abs(y - y1).max() <= 1e-13
    assert abs(gu - gu1).max() <= 1e-13 * abs(gu1).max()
    assert abs(a * gw - gw1).max() <= 1e-13 * abs(gw1).max()
    assert abs((w * gw).sum()) <= 1e-14 * np.linalg.norm(w) * np.linalg.norm(gw)
    if a == 1e-2:  # eps breaks it: the output is off by about eps / (2 a^2 var)
        assert 1e-3 < abs(run(a, 1e-5)[0] - run(1.0, 1e-5)[0]).max() < 1e-1


@pytest.mark.parametrize("m", [2, 3, 4, 8, 16])
def test_the_jacobian_of_a_channel_has_rank_m_minus_2(m: int) -> None:
    """Nothing passes along 1 and along xhat (A37)."""
    jacobian = mg.jacobian(lambda x: ops.batch_norm(x, axis=0, eps=0.0)[0], mg.Tensor(rng.standard_normal(m)))
    assert np.linalg.matrix_rank(jacobian.data, tol=1e-9) == m - 2


def test_what_passes_nothing_back() -> None:
    """Cotangents of ones and of xhat: the gradient is zero, which makes a check with them vacuous.

    Odyssey #3174, Mnemosyne #730 and #987, torch/nn #744, nanograd #2.
    """
    xhat = ops.batch_norm(X, axis=0, eps=0.0)[0]
    assert abs(pull(X, np.ones_like(X), eps=0.0)[0]).max() <= 1e-14
    assert abs(pull(X, xhat, eps=0.0)[0]).max() <= 1e-14
    assert abs(pull(X, G)[0]).max() > 0.1


def test_one_value_gives_the_bias_and_two_give_signs() -> None:
    """A37: m = 1 gives the bias and no gradient, m = 2 bias +- weight whatever x is."""
    weight, bias = np.array([2.0, -1.0, 0.5]), np.array([1.0, 2.0, 3.0])
    y, _, var = ops.batch_norm(X[:1], weight, bias, axis=0)
    np.testing.assert_array_equal(y, bias[None])
    np.testing.assert_array_equal(var, 0.0)
    assert not pull(X[:1], G[:1], weight, bias)[0].any()
    y = ops.batch_norm(X[:2], weight, bias, axis=0, eps=0.0)[0]
    np.testing.assert_allclose(y, bias + np.sign(X[:2] - X[:2].mean(0)) * weight, rtol=1e-14)


def test_a_constant_channel_gives_the_bias() -> None:
    """A13: exactly, with a finite gradient, and no warning (warnings are errors here). The gain is at most 1 / sqrt(eps)."""
    x = np.full((8, 1), 3.0)
    y, _, var = ops.batch_norm(x, np.array([2.0]), np.array([0.25]), axis=0)
    np.testing.assert_array_equal(y, 0.25)
    assert var == 0.0
    assert abs(pull(x, G[:8, :1])[0]).max() <= 2 * abs(G).max() / np.sqrt(1e-5)


def test_circular_shift_of_an_image_commutes() -> None:
    """A8: every position counts alike."""
    x = rng.standard_normal((2, 3, 4, 5))
    y = ops.batch_norm(x, axis=(0, 2, 3))[0]
    np.testing.assert_allclose(ops.batch_norm(np.roll(x, (1, 2), (2, 3)), axis=(0, 2, 3))[0], np.roll(y, (1, 2), (2, 3)), atol=1e-14)
    rows, expected = (a.transpose(0, 2, 3, 1).reshape(-1, 3) for a in (x, y))
    np.testing.assert_allclose(ops.batch_norm(rows, axis=0)[0], expected, atol=1e-14)


def test_a_bimodal_input_stays_bimodal() -> None:
    """A41: normalized is not Gaussian; the shape of the distribution is kept."""
    x = np.concatenate([rng.standard_normal(500) * 0.1 - 1, rng.standard_normal(500) * 0.1 + 1])
    xhat = ops.batch_norm(x, axis=0)[0]
    assert (xhat**4).mean() < 1.2  # 3 for a Gaussian, 1 for two points
    assert not (abs(xhat) < 0.3).any()


# ------------------------------------------------------------------------------------------------------------- float32


@pytest.mark.parametrize(("kernels", "limit"), [(False, 1e-6), (True, 1e-5)], ids=["formula", "kernel"])
@pytest.mark.parametrize("form", [ops.batch_norm, ops.layer_norm])
def test_float32_with_a_large_mean(form: Any, kernels: bool, limit: float) -> None:
    """Mean 1e4, standard deviation 1, in float32: y, the variance and dx against float64.

    Faults: flax #1491, objax #182, tensorflow #3290 and #118701, tt-metal #45968, caffe #3963, openvino #36587 (one-pass variance).
    """
    r = np.random.default_rng(0)
    x, g = (r.standard_normal((4096, 4)) + 1e4).astype(np.float32), r.standard_normal((4096, 4)).astype(np.float32)

    def run(dtype: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        t = mg.Tensor(x.astype(dtype), requires_grad=True)
        y, _, var = form(t, axis=0)
        return y.detach().data, var.detach().data, mg.grad(y, t, g.astype(dtype))[0].data

    with changed_mode(plain=not kernels):
        low, high = run(np.float32), run(np.float64)
    for a, b, factor in zip(low, high, (1, 1, 5), strict=True):
        assert a.dtype == np.float32
        assert abs(a - b).max() <= factor * limit * abs(b).max()
    one_pass = (x * x).mean(axis=0) - x.mean(axis=0) ** 2
    assert abs(one_pass - high[1]).max() > 1.0  # E[x^2] - E[x]^2 has no digit left


def test_large_float32_values() -> None:
    """pytorch #178123: up to 1e18 the squares fit float32. Where the variance does not, anomaly mode names the op."""
    x = (rng.standard_normal((64, 2)) * 1e18).astype(np.float32)
    assert abs(ops.batch_norm(x, axis=0)[0] - ops.batch_norm(x.astype(np.float64), axis=0)[0]).max() <= 1e-6
    with changed_mode(plain=True), pytest.warns(RuntimeWarning, match="overflow"):
        ops.batch_norm(x * np.float32(1e12), axis=0)
    with mg.detect_anomaly(), np.errstate(over="ignore"), pytest.raises(mg.AnomalyError, match="batch_norm"):
        ops.batch_norm(mg.Tensor(x * np.float32(1e12)), axis=0)


@pytest.mark.parametrize("form", [ops.batch_norm, ops.layer_norm, ops.rms_norm, ops.instance_norm, ops.group_norm])
def test_float16_computes_in_float32(form: Any) -> None:
    """pytorch #66707: values whose squares are above the largest float16, 65504. The statistics are float32."""
    x = (rng.standard_normal((4, 6, 8)) * 1000).astype(np.float16)
    params = {ops.batch_norm: {"axis": (0, 2)}, ops.group_norm: {"groups": 2}}.get(form, {})
    low = mg.Tensor(x, requires_grad=True)
    outputs = form(low, **params)
    expected = form(x.astype(np.float64), **params)
    assert outputs[0].dtype == np.float16
    assert {o.dtype for o in outputs[1:]} == {np.dtype(np.float32)}
    np.testing.assert_allclose(outputs[0].detach().data, expected[0], atol=2e-3)
    np.testing.assert_allclose(outputs[-1].detach().data, expected[-1], rtol=1e-5)
    (g,) = mg.grad(outputs[0], low, rng.standard_normal(x.shape))
    assert g.dtype == np.float16
    assert np.isfinite(g.data).all()


def test_statistics_of_long_float32_sums() -> None:
    """Sums are taken in float64: the mean of 1e6 values of 0.1 is off by rounding alone."""
    _, mean, var = ops.batch_norm(np.full((10**6, 1), 0.1, np.float32), axis=0)
    assert mean == np.float32(0.1)
    assert var < 1e-15


# ----------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("args", "params", "error", "words"),
    [
        ((X,), {"axis": 2}, ValueError, r"batch_norm: axis=2 .* shape \(16, 3\)"),
        ((X,), {"axis": (0, 0)}, ValueError, "different axes"),
        ((X,), {"axis": (0, -2)}, ValueError, "different axes"),
        ((X,), {"axis": ()}, ValueError, "different axes"),
        ((X,), {"axis": 0.0}, ValueError, "different axes"),
        ((X, np.ones(4)), {"axis": 0}, ValueError, r"weight has shape \(4,\), expected \(3,\)"),
        ((X, np.ones((1, 3))), {"axis": 0}, ValueError, r"weight has shape \(1, 3\), expected \(3,\)"),
        ((X, None, np.ones(16)), {"axis": 0}, ValueError, r"bias has shape \(16,\)"),
        ((X,), {"axis": 0, "eps": -1e-5}, ValueError, "eps=-1e-05 must not be negative"),
        ((X,), {"axis": 0, "eps": float("nan")}, ValueError, "eps=nan"),
        ((X.astype(int),), {"axis": 0}, TypeError, r"x must be of floating point, not int64; convert it with x.astype"),
        ((X > 0,), {"axis": 0}, TypeError, "not bool"),
        ((np.zeros((0, 3)),), {"axis": 0}, ValueError, "no values to average"),
        ((X,), {}, TypeError, "axis"),
    ],
)
def test_bad_input(args: Any, params: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ops.batch_norm(*args, **params)


def test_nan_stays_in_its_channel() -> None:
    x = X.copy()
    x[3, 1] = np.nan
    y, mean, var = ops.batch_norm(x, axis=0)
    for a in (y[0], mean, var, pull(x, G)[0][0]):
        np.testing.assert_array_equal(np.isnan(a), [False, True, False])


def test_anomaly_mode_names_the_source_of_a_nan() -> None:
    x = mg.Tensor(X - 10, requires_grad=True)
    with mg.detect_anomaly(), np.errstate(all="ignore"), pytest.raises(mg.AnomalyError, match="log"):
        ops.batch_norm(x.log(), axis=0)
    constant = mg.Tensor(np.ones((4, 1)), requires_grad=True)
    with mg.detect_anomaly(), np.errstate(all="ignore"), pytest.raises(mg.AnomalyError, match="batch_norm"):
        ops.batch_norm(constant, axis=0, eps=0.0)
    bad = X.copy()
    bad[0, 0] = np.nan
    data = mg.Tensor(bad, requires_grad=True)
    with mg.detect_anomaly(), pytest.raises(mg.AnomalyError, match=r"gradient of batch_norm for its input 'x'"):
        ops.batch_norm(data, axis=0)[0].sum().backward()
