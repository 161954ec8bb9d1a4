"""Wrong batch norms, beside `torch.autograd.gradcheck`: what each checker rejects, in 20 seeds.

The formulas are those of the table in the literature on gradient checking: a term forgotten, m - 1 for m, eps in the wrong place, a
scale error, float32 inside. minigrad must reject every wrong one in every seed, and accept the right one in every seed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.gradcheck.check import gradcheck

EPS = 1e-5
SEEDS = 20
SHAPE = (32, 6)
Array = np.ndarray
Backward = Callable[[Any, Any, Any], tuple[Any, Any, Any]]


def forward(x: Any, weight: Any, bias: Any) -> Any:
    centred = x - x.mean(axis=0)
    return weight * centred / ((centred * centred).mean(axis=0) + EPS) ** 0.5 + bias


class Parts:
    """The right gradients, and what they are made of."""

    def __init__(self, g: Array, x: Array, weight: Array) -> None:
        self.g, self.x, self.weight, self.m = g, x, weight, len(x)
        self.centred = x - x.mean(0)
        self.var = (self.centred**2).mean(0)
        self.s = 1 / np.sqrt(self.var + EPS)
        self.xhat = self.centred * self.s
        self.dbias, self.dweight = g.sum(0), (g * self.xhat).sum(0)
        self.dx = self.with_terms(1.0, 1.0)

    def with_terms(self, mean: float, var: float, s: Any = None) -> Array:
        s = self.s if s is None else s
        return self.weight * s * (self.g - mean * self.dbias / self.m - var * self.xhat * self.dweight / self.m)


def one_wrong(dx: Array) -> Array:
    dx = dx.copy()
    dx[0, 0] *= 1.1
    return dx


#: name -> (dx, dweight, dbias) from the parts
FORMULAS: dict[str, Callable[[Parts], tuple[Array, Array, Array]]] = {
    "right": lambda p: (p.dx, p.dweight, p.dbias),
    "dx without the term through the mean": lambda p: (p.with_terms(0, 1), p.dweight, p.dbias),
    "dx without the term through the variance": lambda p: (p.with_terms(1, 0), p.dweight, p.dbias),
    "statistics as constants": lambda p: (p.with_terms(0, 0), p.dweight, p.dbias),
    "1/(m-1) in the variance term": lambda p: (p.with_terms(1, p.m / (p.m - 1)), p.dweight, p.dbias),
    "dx without the weight": lambda p: (p.dx / p.weight, p.dweight, p.dbias),
    "dx with 1/(var + eps)": lambda p: (p.dx * p.s, p.dweight, p.dbias),
    "sign of the variance term": lambda p: (p.with_terms(1, -1), p.dweight, p.dbias),
    "dweight from x": lambda p: (p.dx, (p.g * p.x).sum(0), p.dbias),
    "dweight a mean": lambda p: (p.dx, p.dweight / p.m, p.dbias),
    "dbias a mean": lambda p: (p.dx, p.dweight, p.dbias / p.m),
    "one element 10 % wrong": lambda p: (one_wrong(p.dx), p.dweight, p.dbias),
    "dx times 1.1": lambda p: (p.dx * 1.1, p.dweight, p.dbias),
    "dx times 1.01": lambda p: (p.dx * 1.01, p.dweight, p.dbias),
    "dx times 1.001": lambda p: (p.dx * 1.001, p.dweight, p.dbias),
    "dx times 1 + 1e-4": lambda p: (p.dx * (1 + 1e-4), p.dweight, p.dbias),
    "dx times 1 + 1e-5": lambda p: (p.dx * (1 + 1e-5), p.dweight, p.dbias),
    "dx times 1 + 1e-6": lambda p: (p.dx * (1 + 1e-6), p.dweight, p.dbias),
    "eps missing in backward": lambda p: (p.with_terms(1, 1, 1 / np.sqrt(p.var)), p.dweight, p.dbias),
    "sqrt(var) + eps in backward": lambda p: (p.with_terms(1, 1, 1 / (np.sqrt(p.var) + EPS)), p.dweight, p.dbias),
    "dx in float32": lambda p: (p.dx.astype(np.float32).astype(np.float64), p.dweight, p.dbias),
}


def point(seed: int) -> tuple[Array, Array, Array]:
    r = np.random.default_rng(1000 + seed)
    return r.standard_normal(SHAPE) * 1.5 + 0.7, r.uniform(0.5, 1.5, SHAPE[1]) * r.choice([-1, 1], SHAPE[1]), r.standard_normal(SHAPE[1])


def in_minigrad(name: str) -> Any:
    @mg.op
    def user_batch_norm(xp: Any, x: Any, weight: Any, bias: Any) -> Any:
        return forward(x, weight, bias)

    @user_batch_norm.vjp("x", "weight", "bias")
    def _(g: Any, x: Any, weight: Any) -> Any:
        return FORMULAS[name](Parts(g, x, weight))

    return user_batch_norm


@pytest.mark.thorough
@pytest.mark.parametrize("name", FORMULAS)
def test_minigrad_rejects_every_wrong_formula_and_accepts_the_right_one(name: str) -> None:
    op = in_minigrad(name)
    verdicts = [gradcheck(op, point(seed), seed=seed).verdict for seed in range(SEEDS)]
    assert verdicts == ["pass" if name == "right" else "fail"] * SEEDS


def in_torch(torch: Any, name: str) -> Any:
    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any, bias: Any) -> Any:
            ctx.arrays = x.detach().numpy(), weight.detach().numpy()
            return torch.from_numpy(forward(*(t.detach().numpy() for t in (x, weight, bias))))

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, g: Any) -> Any:
            return tuple(torch.from_numpy(np.ascontiguousarray(d)) for d in FORMULAS[name](Parts(g.numpy(), *ctx.arrays)))

    return Function.apply


@pytest.mark.torch
def test_torch_accepts_some_of_them() -> None:
    """What makes the table above worth having: at its defaults PyTorch's checker lets several of these through."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is compared with here")
    accepted = {"slow": set(), "fast": set()}
    for name in FORMULAS:
        function = in_torch(torch, name)
        args = [torch.tensor(a, requires_grad=True) for a in point(0)]
        for mode in accepted:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                options = {"fast_mode": mode == "fast", "raise_exception": False, "check_undefined_grad": False}
                if torch.autograd.gradcheck(function, args, **options):
                    accepted[mode].add(name)
    assert "right" in accepted["slow"]
    assert {"eps missing in backward", "sqrt(var) + eps in backward", "dx in float32", "dx times 1 + 1e-5"} <= accepted["slow"]
    assert {"one element 10 % wrong", "1/(m-1) in the variance term", "dx times 1.01"} <= accepted["fast"]
