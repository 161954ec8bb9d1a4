"""Gradients of others: the same twelve wrong batch norms in NumPy, as an autograd Function and as a custom_vjp are rejected and named."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.gradcheck import BadUse, Result

EPS = 1e-5
Part = Callable[..., Any]

#: what is given back for x, from g * w, the normalized values, 1 / sqrt(var + eps), the number of rows, x - mean and g
RIGHT: Part = lambda gw, xh, r, m, c, g: r * (gw - gw.mean(0) - xh * (gw * xh).mean(0))
WRONG: dict[str, Part] = {
    "without the term through the mean": lambda gw, xh, r, m, c, g: r * (gw - xh * (gw * xh).mean(0)),
    "without the term through the variance": lambda gw, xh, r, m, c, g: r * (gw - gw.mean(0)),
    "mean and variance treated as constants": lambda gw, xh, r, m, c, g: r * gw,
    "1/(m-1) for 1/m in the term through the variance": lambda gw, xh, r, m, c, g: r * (gw - gw.mean(0) - xh * (gw * xh).sum(0) / (m - 1)),
    "1/(m-1) for 1/m in the term through the mean": lambda gw, xh, r, m, c, g: r * (gw - gw.sum(0) / (m - 1) - xh * (gw * xh).mean(0)),
    "sign of the term through the variance wrong": lambda gw, xh, r, m, c, g: r * (gw - gw.mean(0) + xh * (gw * xh).mean(0)),
    "sign of the term through the mean wrong": lambda gw, xh, r, m, c, g: r * (gw + gw.mean(0) - xh * (gw * xh).mean(0)),
    "without the factor weight": lambda gw, xh, r, m, c, g: r * (g - g.mean(0) - xh * (g * xh).mean(0)),
    "the division by m is missing": lambda gw, xh, r, m, c, g: r * (gw - gw.sum(0) - xh * (gw * xh).sum(0)),
    "1/(var + eps) for 1/sqrt(var + eps)": lambda gw, xh, r, m, c, g: r * r * (gw - gw.mean(0) - xh * (gw * xh).mean(0)),
    "without the factor 1/sqrt(var + eps)": lambda gw, xh, r, m, c, g: gw - gw.mean(0) - xh * (gw * xh).mean(0),
    "x - mean for the normalized values": lambda gw, xh, r, m, c, g: r * (gw - gw.mean(0) - c * (gw * c).mean(0)),
}


def forward(x: Any, w: Any, b: Any) -> Any:
    centred = x - x.mean(0)
    return centred * ((centred * centred).mean(0) + EPS) ** -0.5 * w + b


def backward(part: Part, g: Any, x: Any, w: Any) -> tuple[Any, Any, Any]:
    centred = x - x.mean(0)
    r = ((centred * centred).mean(0) + EPS) ** -0.5
    return part(g * w, centred * r, r, len(x), centred, g), (g * centred * r).sum(0), g.sum(0)


def in_numpy(part: Part, inputs: list[Any], **options: Any) -> Result:
    return mg.gradcheck(forward, inputs, vjp=lambda g, x, w, b: backward(part, g, x, w), **options)


def in_torch(part: Part, inputs: list[Any], **options: Any) -> Result:
    torch = pytest.importorskip("torch")

    class BatchNorm(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w, b):
            ctx.save_for_backward(x, w)
            return forward(x, w, b)

        @staticmethod
        def backward(ctx, g):
            return backward(part, g, *ctx.saved_tensors)

    return mg.gradcheck(BatchNorm, inputs, **options)


def in_jax(part: Part, inputs: list[Any], **options: Any) -> Result:
    jax = pytest.importorskip("jax")

    @jax.custom_vjp
    def batch_norm(x, w, b):
        return forward(x, w, b)

    batch_norm.defvjp(lambda x, w, b: (forward(x, w, b), (x, w)), lambda saved, g: backward(part, g, *saved))
    return mg.gradcheck(batch_norm, inputs, **options)


IN = [
    pytest.param(in_numpy, id="NumPy"),
    pytest.param(in_torch, id="PyTorch", marks=pytest.mark.torch),
    pytest.param(in_jax, id="JAX", marks=pytest.mark.torch),  # in the environment of the oracles
]


def point(seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((5, 3)), rng.uniform(0.5, 2, 3), rng.standard_normal(3)]


@pytest.mark.parametrize("mistake", WRONG)
@pytest.mark.parametrize("check", IN)
def test_a_wrong_batch_norm_is_rejected_and_named(check: Any, mistake: str) -> None:
    result = check(WRONG[mistake], point(0))
    assert result.verdict == "fail"
    assert mistake in result.diagnosis[0]
    assert "your gradient for x is" in result.diagnosis[0]
    assert [row.input for row in result.rows if row.check == "derivative" and row.verdict == "fail"] == ["x"]


@pytest.mark.parametrize("check", IN)
def test_the_right_one_is_accepted(check: Any) -> None:
    for seed in range(20):
        result = check(RIGHT, point(seed))
        assert result.ok, result


@pytest.mark.torch
@pytest.mark.parametrize("check", IN[1:])
def test_a_backward_that_can_be_differentiated_is_checked_at_order_2(check: Any) -> None:
    assert check(RIGHT, point(1), order=2).ok


class TestOfArrays:
    def test_several_outputs_labels_and_no_gradient(self) -> None:
        """A loss on labels, and a second output: g is the tuple of both cotangents, integers have no gradient."""
        rng = np.random.default_rng(0)
        x, labels = rng.standard_normal((4, 3)), np.array([0, 2, 1, 0])

        def f(x, labels):
            e = np.exp(x)
            return np.log(e.sum(1)) - x[np.arange(4), labels], x * 2

        def vjp(g, x, labels):
            p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
            p[np.arange(4), labels] -= 1
            return p * g[0][:, None] + 2 * g[1], None

        assert mg.gradcheck(f, [x, labels], vjp=vjp).ok
        assert not mg.gradcheck(f, [x, labels], vjp=lambda g, x, labels: (2 * g[1], None)).ok

    def test_what_a_vjp_must_be(self) -> None:
        x = np.ones(3) * 0.5
        with pytest.raises(BadUse, match="order=2 declare an op"):
            mg.gradcheck(np.sin, [x], vjp=lambda g, x: g * np.cos(x), order=2)
        with pytest.raises(BadUse, match=r"vjp is the function that gives the gradient"):
            mg.gradcheck(np.sin, [x], vjp=3)
        with pytest.raises(BadUse, match="returned 2 gradients; there are 1 inputs"):
            mg.gradcheck(np.sin, [x], vjp=lambda g, x: (g, g))
        result = mg.gradcheck(np.sin, [x], vjp=lambda g, x: (g * np.cos(x)).sum())
        assert "a gradient has not the shape of its input" in str(result)
        assert mg.gradcheck(np.sin, [x], vjp=lambda g, x: g * np.cos(x)).ok

    def test_one_that_writes_to_its_cotangent(self) -> None:
        def vjp(g, x):
            g *= 2 * x
            return g

        assert "writes to an array it was given" in str(mg.gradcheck(np.square, [np.array([1.5, -2.0])], vjp=vjp))


def test_a_backward_that_reads_the_memory_of_its_input() -> None:
    """Right for every contiguous x, and wrong for a transposed one."""
    x = np.random.default_rng(0).standard_normal((2, 3))
    right = mg.gradcheck(np.square, [x], vjp=lambda g, x: 2 * g * x)
    wrong = mg.gradcheck(np.square, [x], vjp=lambda g, x: 2 * g * x.ravel(order="K").reshape(x.shape))
    assert right.ok
    assert [row.check for row in wrong.rows if row.verdict == "fail"] == ["strided input"]
    assert "depends on how the input lies in memory" in wrong.diagnosis[0]


def test_arguments_of_pytorchs_gradcheck_are_explained() -> None:
    for argument in ("eps", "atol", "raise_exception", "fast_mode"):
        with pytest.raises(TypeError, match=f"takes no '{argument}': "):
            mg.gradcheck(mg.sin, [np.ones(2)], **{argument: 1})
    with pytest.raises(TypeError, match=r"takes no 'wrong'$"):
        mg.gradcheck(mg.sin, [np.ones(2)], wrong=1)


@pytest.mark.torch
class TestOfTorch:
    def test_functions_modules_and_names(self) -> None:
        torch = pytest.importorskip("torch")
        x = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        assert mg.gradcheck(lambda x: torch.tanh(x) @ x.T, [x], order=2).ok
        assert mg.gradcheck(lambda x, i: {"picked": x[i], "count": i}, [x, torch.tensor([0, 2])]).ok
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh())
        before = {name: value.clone() for name, value in module.state_dict().items()}
        result = mg.gradcheck(module, [x])
        assert {row.input for row in result.rows if row.check == "derivative"} >= {"0.weight", "1.bias"}
        assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items()), "the module is as it was"
        assert not any(p.grad is not None for p in module.parameters())

    def test_a_function_that_is_differentiable_once(self) -> None:
        torch = pytest.importorskip("torch")

        class Cube(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            @torch.autograd.function.once_differentiable
            def backward(ctx, g):
                return 3 * g * ctx.saved_tensors[0] ** 2

        x = torch.tensor([1.0, -2.0], dtype=torch.float64)
        assert mg.gradcheck(Cube.apply, [x]).ok
        result = mg.gradcheck(Cube, [x], order=2)
        assert {row.order for row in result.rows if row.verdict == "fail"} == {2}
        assert "uses a value as a constant" in result.diagnosis[0]


def test_nothing_of_others_is_imported() -> None:
    import subprocess
    import sys

    code = "import sys, numpy as np, minigrad as mg; mg.gradcheck(np.sin, [np.ones(2)], vjp=lambda g, x: g * np.cos(x)); " + (
        "print({'torch', 'jax'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout == "set()\n"
