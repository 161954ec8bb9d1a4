"""Derivatives and their checks."""

import numpy as np

import minigrad as mg
from minigrad import nn


def energy(x: mg.Tensor, y: mg.Tensor) -> mg.Tensor:
    return (x @ y).tanh().sum() + mg.logsumexp(x, axis=(0, 1)) - x.mean(axis=0).max()


def main() -> None:
    x = mg.Tensor(np.random.default_rng(0).standard_normal((2, 3)), requires_grad=True)
    y = mg.Tensor(np.random.default_rng(1).standard_normal((3, 2)), requires_grad=True)
    result = mg.gradcheck(energy, (x, y))
    assert result.ok, result
    g_x, g_y = mg.grad(energy(x, y), [x, y])
    value, product = mg.hvp(lambda x: energy(x, y), x, mg.ones_like(x))
    assert mg.gradcheck(nn.Linear(3, 2), (x,)).ok
    print(g_x.shape, g_y.shape, value.item(), product.shape)


if __name__ == "__main__":
    main()
