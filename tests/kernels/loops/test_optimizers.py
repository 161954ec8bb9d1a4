"""Adam's compiled step gives what its NumPy step gives."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.kernels import loops

pytest.importorskip("numba", reason="the extra `fast`")
SHAPES = [(3, 4), (257,), (), (0, 2)]


def after_steps(name, dtype, gradient, **options):
    rng = np.random.default_rng(0)
    params = [mg.Tensor(rng.normal(size=shape).astype(dtype), True) for shape in SHAPES]
    optimizer = getattr(optim, name)(params, lr=0.1, **options)
    for t in range(5):
        for p in params:
            p.grad = mg.Tensor(gradient(p.data, t).astype(dtype))
        optimizer.step()
    return [p.data for p in params] + [s[k].data for s in optimizer.state.values() for k in ("exp_avg", "exp_avg_sq")]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["Adam", "AdamW"])
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}, {"amsgrad": True}, {"maximize": True, "betas": (0.5, 0.7)}], ids=str)
def test_agrees(name, dtype, options, monkeypatch):
    def gradient(values, t):
        return np.cos(3 * values + t)

    fast = after_steps(name, dtype, gradient, **options)
    monkeypatch.setattr(loops, "find", lambda family: None)
    for a, b in zip(fast, after_steps(name, dtype, gradient, **options), strict=True):
        assert a.dtype == b.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=20 * np.finfo(dtype).eps)


def test_float16_goes_by_numpy():
    for a in after_steps("Adam", np.float16, lambda values, t: np.cos(values), eps=0.1):
        assert a.dtype == np.float16


@pytest.mark.parametrize("value", [0, np.nan, np.inf, 1e30, 1e-30])
def test_gradients_out_of_the_ordinary(value, monkeypatch):
    def gradient(values, t):
        return np.full_like(values, value if t == 2 else 1)

    with np.errstate(all="ignore"):
        fast = after_steps("Adam", np.float32, gradient)
        monkeypatch.setattr(loops, "find", lambda family: None)
        for a, b in zip(fast, after_steps("Adam", np.float32, gradient), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("layout", [lambda g: g[::-1], lambda g: np.broadcast_to(g[:1], g.shape)], ids=["reversed", "broadcast"])
def test_gradients_of_any_layout(layout, monkeypatch):
    def step():
        p = mg.Tensor(np.linspace(-1, 1, 5), True)
        p.grad = mg.Tensor(layout(np.linspace(2, 3, 5)))
        optim.Adam([p], lr=0.1).step()
        return p.data

    fast = step()
    monkeypatch.setattr(loops, "find", lambda family: None)
    np.testing.assert_allclose(fast, step(), rtol=1e-14)
