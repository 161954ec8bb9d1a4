"""Batch norm by hand: from the equations of Ioffe and Szegedy (2015) to the one formula in minigrad, each step checked.

Every step prints what it claims and how far the two sides are apart, and the script fails if a claim does not hold.

    python examples/batch_norm_by_hand.py            # a batch of 60 samples with 20 channels
    python examples/batch_norm_by_hand.py --quick    # 8 samples with 3 channels
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.core.graph import newest_first

EPS = 1e-5
failed: list[str] = []


def check(claim: str, one: Any, other: Any, limit: float) -> None:
    """Print how far two sides of an equation are apart, relative to the larger, and remember it if that is too far."""
    scale = max(float(np.max(np.abs(one))), float(np.max(np.abs(other))), 1e-300)
    apart = float(np.max(np.abs(np.asarray(one) - np.asarray(other)))) / scale
    good = apart <= limit
    print(f"   {'ok   ' if good else 'WRONG'} {apart:8.1e} apart (limit {limit:g}): {claim}")
    if not good:
        failed.append(claim)


def title(text: str) -> None:
    print(f"\n{text}")


# ------------------------------------------------------------------------------------------ the paper, in plain NumPy


def forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> tuple[np.ndarray, ...]:
    """Algorithm 1."""
    mean = x.mean(axis=0)
    var = ((x - mean) ** 2).mean(axis=0)
    xhat = (x - mean) / np.sqrt(var + EPS)
    y = gamma * xhat + beta
    return y, xhat, mean, var


def backward_of_the_paper(g: np.ndarray, x: np.ndarray, gamma: np.ndarray) -> tuple[np.ndarray, ...]:
    """The six equations of section 3, in their order: the chain rule through xhat, var and mean."""
    m = len(x)
    _, xhat, mean, var = forward(x, gamma, np.zeros_like(gamma))
    d_xhat = g * gamma
    d_var = (d_xhat * (x - mean)).sum(axis=0) * -0.5 * (var + EPS) ** -1.5
    d_mean = -(d_xhat / np.sqrt(var + EPS)).sum(axis=0) + d_var * (-2 * (x - mean)).mean(axis=0)
    d_x = d_xhat / np.sqrt(var + EPS) + d_var * 2 * (x - mean) / m + d_mean / m
    d_gamma = (g * xhat).sum(axis=0)
    d_beta = g.sum(axis=0)
    return d_x, d_gamma, d_beta


def fused(g: np.ndarray, x: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    """Equation (7) of minigrad/ops/batch_norm.py: remove from g what lies along 1, then along xhat, then scale."""
    _, xhat, _, var = forward(x, gamma, np.zeros_like(gamma))
    rest = g - g.mean(axis=0)
    rest = rest - xhat * (rest * xhat).mean(axis=0)
    return gamma / np.sqrt(var + EPS) * rest


def differences(f: Callable[[np.ndarray], float], x: np.ndarray, h: float) -> np.ndarray:
    """Central differences of fourth order, element by element."""
    result = np.empty_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        result[i] = (8 * (f(x + step) - f(x - step)) - (f(x + 2 * step) - f(x - 2 * step))) / (12 * h)
    return result


# ------------------------------------------------------------------------------------------------- the same in a graph


def composed(x: mg.Tensor, gamma: mg.Tensor, beta: mg.Tensor) -> mg.Tensor:
    """Algorithm 1 from primitives: autograd finds the chain rule by itself, through a node for each operation."""
    mean = x.mean(axis=0)
    centred = x - mean
    var = (centred * centred).mean(axis=0)
    xhat = centred / (var + EPS) ** 0.5
    return gamma * xhat + beta


def one_node(x: mg.Tensor, gamma: mg.Tensor, beta: mg.Tensor) -> mg.Tensor:
    return mg.batch_norm(x, gamma, beta, axis=0, eps=EPS)[0]


def nodes(y: mg.Tensor) -> int:
    """Count the ops in the graph of y."""
    return sum(node.plan is not None for node in newest_first([y.node]))


Gradients = tuple[list[np.ndarray], np.ndarray]


def gradients(form: Callable[..., mg.Tensor], arrays: list[np.ndarray], g: np.ndarray, u: np.ndarray) -> Gradients:
    """The gradients of all inputs for the cotangent g, and the derivative of <dx, u> with respect to x: a second derivative."""
    xs = [mg.Tensor(a, requires_grad=True) for a in arrays]
    first = mg.grad(form(*xs), xs, g, create_graph=True)
    (second,) = mg.grad((first[0] * u).sum(), [xs[0]])
    return [d.detach().numpy() for d in first], second.numpy()


# --------------------------------------------------------------------------------------------------------- the walk


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="8 samples with 3 channels instead of 60 with 20")
    m, c = (8, 3) if parser.parse_args().quick else (60, 20)
    rng = np.random.default_rng(0)
    x, g, u = (rng.standard_normal((m, c)) for _ in range(3))
    gamma, beta = rng.standard_normal(c), rng.standard_normal(c)
    y, xhat, mean, var = forward(x, gamma, beta)

    title("1. Algorithm 1: the forward pass")
    check("the op computes algorithm 1", mg.batch_norm(x, gamma, beta, axis=0, eps=EPS)[0], y, 1e-14)
    check("xhat has mean 0", 1 + xhat.mean(axis=0), 1.0, 1e-14)
    check("and variance var / (var + eps), which is not quite 1", xhat.var(axis=0), var / (var + EPS), 1e-13)

    title("2. The six equations of section 3: the backward pass by the chain rule")
    paper = backward_of_the_paper(g, x, gamma)
    numeric = differences(lambda a: float((forward(a, gamma, beta)[0] * g).sum()), x, 1e-3)
    check("dx against numerical differences", paper[0], numeric, 1e-9)
    check("the second term of dmean is zero, as deviations from the mean sum to 0", 1 + (x - mean).mean(axis=0), 1.0, 1e-14)

    title("3. Put together, they are one line: dx = gamma rstd (g - <g> - xhat <g xhat>)")
    rstd = (var + EPS) ** -0.5
    d_var_term = -gamma * rstd * xhat * (g * xhat).mean(axis=0)
    d_var = (g * gamma * (x - mean)).sum(axis=0) * -0.5 * rstd**3
    check("the term of dvar: dvar 2 (x - mean) / m = -gamma rstd xhat <g xhat>", d_var * 2 * (x - mean) / m, d_var_term, 1e-13)
    check("the term of dmean: dmean / m = -gamma rstd <g>", -(g * gamma * rstd).sum(axis=0) / m, -gamma * rstd * g.mean(axis=0), 1e-13)
    check("their sum", fused(g, x, gamma), paper[0], 1e-13)

    title("4. In a graph: a node for each operation, or one node with that line for its derivative")
    arrays = [x, gamma, beta]
    chain, chain2 = gradients(composed, arrays, g, u)
    ours, ours2 = gradients(one_node, arrays, g, u)
    leaves = [mg.Tensor(a, requires_grad=True) for a in arrays]
    print(f"   composed: {nodes(composed(*leaves))} nodes; fused: {nodes(one_node(*leaves))}")
    for name, a, b, p in zip(("dx", "dgamma", "dbeta"), ours, chain, paper, strict=True):
        check(f"{name}: fused against composed", a, b, 1e-12)
        check(f"{name}: fused against the paper", a, p, 1e-12)

    title("5. The derivative of the derivative: mean and var are outputs of the node, so nothing is taken for a constant")
    check("d <dx, u> / dx: fused against composed", ours2, chain2, 1e-12)
    check("and against differences of dx", ours2, differences(lambda a: float((fused(g, a, gamma) * u).sum()), x, 1e-3), 1e-8)
    frozen = -gamma * rstd**2 * (u * (g * xhat).mean(axis=0) + (u * xhat).mean(axis=0) * g)  # rstd and mean taken for constants
    print(f"   with rstd and mean taken for constants it would be {np.linalg.norm(frozen - ours2) / np.linalg.norm(ours2):.0%} wrong")

    title("6. What passes nothing back, and why a careless gradient check sees nothing")
    check("sum of dx = 0: a shift of x changes nothing", 1 + fused(g, x, gamma).sum(axis=0), 1.0, 1e-12)
    check("dx for a cotangent of ones is 0: summing the output checks nothing", 1 + fused(np.ones_like(x), x, gamma), 1.0, 1e-13)
    check("dx for the cotangent xhat is 0, up to eps", 1 + fused(xhat, x, gamma), 1.0, 1e-3)

    title("7. float32, mean 1e4, standard deviation 1")
    far = (rng.standard_normal((4096, 1)) + 1e4).astype(np.float32)
    true = far.astype(np.float64).var()
    one_pass = float((far * far).mean() - far.mean() ** 2)
    print(f"   true variance {true:.4f}; <x^2> - <x>^2 gives {one_pass:.4f}")
    check("the op takes the mean away first", mg.batch_norm(far, axis=0)[2], true, 1e-5)

    title("8. Algorithm 2: inference with the statistics of the population, folded into the layer before")
    model = mg.nn.Sequential(mg.nn.Linear(c, 4), mg.nn.BatchNorm1d(4)).double()
    mg.nn.population_statistics(model, [mg.Tensor(rng.standard_normal((m, c))) for _ in range(20)])
    folded, sample = mg.nn.fold_batch_norm(model), mg.Tensor(x)
    check("one linear layer computes what two layers did", folded(sample).detach().numpy(), model.eval()(sample).detach().numpy(), 1e-13)

    print(f"\n{'every step holds' if not failed else f'{len(failed)} steps do not hold'}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
