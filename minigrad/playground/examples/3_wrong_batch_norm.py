"""A wrong gradient of batch norm, and what gradcheck says about it.

Put the missing term back: - g.mean(axis=0)
"""

import numpy as np

import minigrad as mg


def batch_norm(x):
    return (x - x.mean(axis=0)) / mg.sqrt(x.var(axis=0) + 1e-5)


def backward(g, x):
    x_hat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
    return (g - x_hat * (g * x_hat).mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)


x = np.random.default_rng(0).normal(size=(6, 3))
print(mg.gradcheck(batch_norm, [x], vjp=backward))
