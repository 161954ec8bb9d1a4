"""The relatives of batch norm: how they are related, second derivatives against PyTorch, whitening, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import ops

rng = np.random.default_rng(2)
X = rng.standard_normal((4, 6, 2, 3))
C = {"weight": rng.standard_normal(6), "bias": rng.standard_normal(6)}


def pull(y: Any, x: mg.Tensor, seed: int = 0) -> np.ndarray:
    return mg.grad(y, x, np.random.default_rng(seed).standard_normal(y.shape))[0].data


# ------------------------------------------------------------------------------------------------------ how they relate


def both(form: Any, x: np.ndarray = X) -> tuple[np.ndarray, np.ndarray]:
    t = mg.Tensor(x, requires_grad=True)
    y = form(t)
    return y.detach().data, pull(y, t)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            lambda x: ops.group_norm(x, groups=1)[0], lambda x: ops.layer_norm(x, axis=(1, 2, 3))[0], id="one group is layer norm"
        ),
        pytest.param(
            lambda x: ops.group_norm(x, groups=6, **C)[0], lambda x: ops.instance_norm(x, **C)[0], id="C groups are instance norm"
        ),
        pytest.param(
            lambda x: ops.layer_norm(x, axis=(1, 2, 3))[0],
            lambda x: ops.batch_norm(x, axis=(1, 2, 3))[0],
            id="layer norm is batch norm across",
        ),
        pytest.param(
            lambda x: ops.instance_norm(x[:1], **C)[0],
            lambda x: ops.batch_norm(x[:1], axis=(0, 2, 3), **C)[0],
            id="instance norm of one sample is batch norm",
        ),
        pytest.param(
            lambda x: ops.rms_norm(x - x.mean(axis=1, keepdims=True), axis=1, eps=1e-5)[0],
            lambda x: ops.layer_norm(x, axis=1)[0],
            id="RMS norm of what is centred is layer norm",
        ),
    ],
)
def test_relations(one: Any, other: Any) -> None:
    """A36: <= 1e-15 in the values, whose size is about 1; and equal gradients."""
    (y, g), (expected_y, expected_g) = both(one), both(other)
    assert abs(y - expected_y).max() <= 2e-15
    assert abs(g - expected_g).max() <= 1e-14


def test_no_sample_depends_on_another() -> None:
    """What batch norm in training cannot say; exactly equal, sample by sample."""
    for form in (
        lambda x: ops.layer_norm(x, axis=(1, 2, 3))[0],
        lambda x: ops.group_norm(x, groups=3)[0],
        lambda x: ops.instance_norm(x)[0],
        lambda x: ops.rms_norm(x, axis=(1, 2, 3))[0],
        lambda x: ops.local_response_norm(x, size=3)[0],
        lambda x: ops.fixed_batch_norm(x, np.zeros(6), np.ones(6), axis=(0, 2, 3)),
    ):
        np.testing.assert_array_equal(form(X)[1], form(X[1:2])[0])
    assert abs(ops.batch_norm(X, axis=(0, 2, 3))[0][1] - ops.batch_norm(X[1:2], axis=(0, 2, 3))[0][0]).max() > 0.01


def test_layer_norm_passes_nothing_along_one_and_xhat() -> None:
    x = mg.Tensor(rng.standard_normal(8), requires_grad=True)
    jacobian = mg.jacobian(lambda t: ops.layer_norm(t, eps=0.0)[0], x)
    assert np.linalg.matrix_rank(jacobian.data, tol=1e-9) == 6
    assert np.linalg.matrix_rank(mg.jacobian(lambda t: ops.rms_norm(t, eps=0.0)[0], x).data, tol=1e-9) == 7


# ---------------------------------------------------------------------------------------------- batch renormalization


def renorm(x: Any, mean: np.ndarray, var: np.ndarray, r_max: float = 3.0, d_max: float = 5.0) -> Any:
    return ops.batch_renorm(x, mean, var, axis=(0, 2, 3), r_max=r_max, d_max=d_max)


def test_renorm_without_correction_is_batch_norm() -> None:
    mean, var = rng.standard_normal(6), rng.random(6) + 0.5
    plain, corrected = both(lambda x: ops.batch_norm(x, axis=(0, 2, 3))[0]), both(lambda x: renorm(x, mean, var, 1.0, 0.0)[0])
    for a, b in zip(corrected, plain, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-14)


def test_renorm_unclipped_is_the_evaluation_mode_in_training() -> None:
    """The value is that of evaluation mode; the gradient still knows that the batch has a mean and a variance."""
    mean, var = X.mean((0, 2, 3)) + 0.1, X.var((0, 2, 3)) * 1.2
    y, g = both(lambda x: renorm(x, mean, var)[0])
    fixed, g_fixed = both(lambda x: ops.fixed_batch_norm(x, mean, var, axis=(0, 2, 3)))
    np.testing.assert_allclose(y, fixed, atol=1e-14)
    assert abs(g.sum((0, 2, 3))).max() <= 1e-13 < abs(g_fixed.sum((0, 2, 3))).max()


def test_renorm_takes_r_and_d_for_constants_at_every_order() -> None:
    """Against the paper's stop-gradient, written with detach, at orders 1, 2 and 3, where nothing is clipped."""
    mean, var = X.mean((0, 2, 3)) + 0.1, X.var((0, 2, 3)) * 1.2

    def composed(x: mg.Tensor) -> mg.Tensor:
        xhat, m, v = ops.batch_norm(x, axis=(0, 2, 3))
        r, d = ((v + 1e-5) / (var + 1e-5)) ** 0.5, (m - mean) / (var + 1e-5) ** 0.5
        return xhat * r.detach().reshape((6, 1, 1)) + d.detach().reshape((6, 1, 1))

    results = []
    for form in (lambda x: renorm(x, mean, var)[0], composed):
        x, r = mg.Tensor(X, requires_grad=True), np.random.default_rng(5)
        total = (form(x) * r.standard_normal(X.shape)).sum()
        for _ in range(3):
            (g,) = mg.grad(total, x, create_graph=True)
            results.append(g.data)
            total = (g * r.standard_normal(X.shape)).sum()
    for a, b in zip(results[:3], results[3:], strict=True):
        assert abs(a - b).max() <= 1e-12 * abs(b).max()


def test_renorm_has_eps_in_its_backward_pass() -> None:
    """chainer #4191: eps was missing there. With an eps that is not small, against differences of the clipped form."""
    x, mean, var, g = X[:, :2], np.full(2, 20.0), np.full(2, 1e-3), rng.standard_normal((4, 2, 2, 3))
    t = mg.Tensor(x, requires_grad=True)

    def form(a: Any) -> Any:
        return ops.batch_renorm(a, mean, var, axis=(0, 2, 3), r_max=1.1, d_max=0.5, eps=0.5)[0]

    ours, u, h = mg.grad(form(t), t, g)[0].data, rng.standard_normal(x.shape), 1e-3
    slope = (8 * (form(x + h * u) - form(x - h * u)) - (form(x + 2 * h * u) - form(x - 2 * h * u))) / (12 * h)
    np.testing.assert_allclose((ours * u).sum(), (slope * g).sum(), rtol=1e-9)


# ----------------------------------------------------------------------------------------------------------- whitening


def test_whitening_decorrelates_and_batch_norm_does_not() -> None:
    """A14."""
    x = rng.standard_normal((512, 64)) @ rng.standard_normal((64, 64))
    y, _, matrix = ops.whiten_zca(x, eps=0.0)
    xhat = ops.batch_norm(x, axis=0, eps=0.0)[0]
    np.testing.assert_allclose(y.T @ y / 512, np.eye(64), atol=1e-10)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    correlation = np.corrcoef(x.T)
    np.testing.assert_allclose(xhat.T @ xhat / 512, correlation, atol=1e-12)
    assert abs(correlation - np.eye(64)).max() > 0.3


def test_whitening_one_feature_is_batch_norm() -> None:
    x = X[:, :1, 0, 0]
    for a, b in zip(both(lambda t: ops.whiten_zca(t)[0], x), both(lambda t: ops.batch_norm(t, axis=0)[0], x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("eps", [0.0, 0.1])
def test_whitening_where_eigenvalues_coincide(eps: float) -> None:
    """The derivative through eigenvectors does not exist there, that of cov^(-1/2) does, at orders 1 and 2."""
    q, _ = np.linalg.qr(np.c_[np.ones(8), rng.standard_normal((8, 4))])
    x = q[:, 1:] * 3  # columns orthonormal and orthogonal to 1: the covariance is 9/8 of the identity
    g, u = rng.standard_normal(x.shape), rng.standard_normal(x.shape)

    def first(a: np.ndarray) -> np.ndarray:
        t = mg.Tensor(a, requires_grad=True)
        return mg.grad(ops.whiten_zca(t, eps=eps)[0], t, g)[0].data

    t = mg.Tensor(x, requires_grad=True)
    (dx,) = mg.grad(ops.whiten_zca(t, eps=eps)[0], t, g, create_graph=True)
    (ddx,) = mg.grad((dx * u).sum(), t)
    h, v = 1e-3, rng.standard_normal(x.shape)
    for ours, at in ((dx, lambda a: (ops.whiten_zca(a, eps=eps)[0] * g).sum()), (ddx, lambda a: (first(a) * u).sum())):
        slope = (8 * (at(x + h * v) - at(x - h * v)) - (at(x + 2 * h * v) - at(x - 2 * h * v))) / (12 * h)
        np.testing.assert_allclose((ours.data * v).sum(), slope, rtol=1e-9)


def test_lyapunov_solves_its_equation() -> None:
    a = rng.standard_normal((5, 5))
    a, q = a @ a.T + np.eye(5), rng.standard_normal((5, 5))
    x = ops.lyapunov(a, q)
    np.testing.assert_allclose(a @ x + x @ a, q, atol=1e-12)


# ---------------------------------------------------------------------------------------------- against PyTorch, order 2


AFFINE = [(), ("weight",), ("bias",), ("weight", "bias")]


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "affine"),
    [
        *((name, names) for name in ("batch_norm", "layer_norm", "group_norm", "instance_norm") for names in AFFINE),
        ("rms_norm", ()),
        ("rms_norm", ("weight",)),
        ("local_response_norm", ()),
    ],
)
def test_value_first_and_second_derivatives_equal_pytorch(name: str, affine: tuple[str, ...]) -> None:
    """pytorch #4422, #4569, #4460, #2264, #79705: double backward of norms, with and without weight and bias."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the reference here and no dependency")
    F = torch.nn.functional
    r = np.random.default_rng(4)
    shape = (3,) if name in ("layer_norm", "rms_norm") else (6,)
    inputs = [X, *[r.standard_normal(shape) for _ in affine]]

    def named(values: list[Any]) -> dict[str, Any]:
        return dict(zip(affine, values[1:], strict=True))

    def ours(values: list[Any]) -> Any:
        x, params = values[0], named(values)
        params |= {"batch_norm": {"axis": (0, 2, 3)}, "group_norm": {"groups": 3}, "local_response_norm": {"size": 3}}.get(name, {})
        return getattr(ops, name)(x, **params, **({} if name == "local_response_norm" else {"eps": 0.1}))[0]

    def theirs(values: list[Any]) -> Any:
        x, w, b = values[0], named(values).get("weight"), named(values).get("bias")
        if w is None and b is not None:
            w = torch.ones_like(b)  # with a bias alone, PyTorch's own double backward raises an internal error
        return {
            "batch_norm": lambda: F.batch_norm(x, None, None, w, b, True, eps=0.1),
            "layer_norm": lambda: F.layer_norm(x, (3,), w, b, 0.1),
            "rms_norm": lambda: F.rms_norm(x, (3,), w, 0.1),
            "group_norm": lambda: F.group_norm(x, 3, w, b, 0.1),
            "instance_norm": lambda: F.instance_norm(x, None, None, w, b, True, eps=0.1),
            "local_response_norm": lambda: F.local_response_norm(x, 3),
        }[name]()

    a, b = [mg.Tensor(v, requires_grad=True) for v in inputs], [torch.tensor(v, requires_grad=True) for v in inputs]
    y, ty = ours(a), theirs(b)
    g, us = r.standard_normal(y.shape), [r.standard_normal(v.shape) for v in inputs]
    first, tfirst = mg.grad(y, a, g, create_graph=True), torch.autograd.grad(ty, b, torch.tensor(g), create_graph=True)
    second = mg.grad(sum((v * u).sum() for v, u in zip(first, us, strict=True)), a, allow_unused=True)
    tsecond = torch.autograd.grad(sum((v * torch.tensor(u)).sum() for v, u in zip(tfirst, us, strict=True)), b, allow_unused=True)
    for v, t in zip((y, *first, *second), (ty, *tfirst, *tsecond), strict=True):
        p, q = (np.zeros(1) if s is None else s.detach().numpy() for s in (v, t))
        assert abs(p - q).max() <= 1e-10 * max(1.0, abs(q).max())


# ----------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.layer_norm(X, np.ones(6)), ValueError, r"layer_norm: weight has shape \(6,\), expected \(3,\)"),
        (lambda: ops.layer_norm(X, axis=4), ValueError, "layer_norm: axis=4"),
        (lambda: ops.rms_norm(X, eps=-1.0), ValueError, "rms_norm: eps=-1.0"),
        (lambda: ops.rms_norm(X.astype(int)), TypeError, "rms_norm: x must be of floating point, not int64"),
        (lambda: ops.group_norm(X, groups=4), ValueError, r"groups=4 must divide the number of channels"),
        (lambda: ops.group_norm(X, groups=0), ValueError, "groups=0"),
        (lambda: ops.group_norm(X[0, 0, 0], groups=1), ValueError, r"\(3,\)"),
        (lambda: ops.group_norm(X, np.ones(3), groups=3), ValueError, r"weight has shape \(3,\), expected \(6,\)"),
        (lambda: ops.instance_norm(X[:, :, 0, 0]), ValueError, "needs an axis of positions"),
        (lambda: ops.local_response_norm(X, size=0), ValueError, "size=0"),
        (lambda: ops.local_response_norm(X, size=2, axis=5), ValueError, "axis=5"),
        (lambda: renorm(X, np.zeros(6), np.ones(6), 0.5), ValueError, "r_max=0.5 must be at least 1"),
        (lambda: renorm(X, np.zeros(6), np.ones(6), d_max=-1.0), ValueError, "d_max=-1.0"),
        (lambda: renorm(X, np.zeros(5), np.ones(6)), ValueError, r"running_mean has shape \(5,\), expected \(6,\)"),
        (lambda: ops.fixed_batch_norm(X, np.zeros(6), np.ones(3), axis=(0, 2, 3)), ValueError, r"var has shape \(3,\), expected \(6,\)"),
        (lambda: ops.whiten_zca(X), ValueError, r"expected \(samples, features\)"),
        (lambda: ops.whiten_zca(X[:, :, 0, 0], eps=0.0), ValueError, "covariance of 4 samples of 6 features is singular"),
        (lambda: ops.whiten_zca(X[:, :, 0, 0], eps=-1.0), ValueError, "whiten_zca: eps=-1.0"),
        (lambda: ops.lyapunov(X[0, 0], X[0, 0]), ValueError, "square matrices of one size"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()
