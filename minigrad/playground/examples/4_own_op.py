"""An op of your own: a formula, and a formula for its gradient; gradcheck looks at both orders."""

import numpy as np

import minigrad as mg


@mg.op
def swish(xp, x):
    """x / (1 + exp(-x))."""
    return x / (1 + xp.exp(-x))


@swish.vjp("x")
def _(g, x, y):  # what it names is what the graph keeps
    sigmoid = 1 / (1 + mg.exp(-x))
    return g * (sigmoid + y * (1 - sigmoid))


print(mg.gradcheck(swish, [np.linspace(-3, 3, 7)], order=2))
