"""Batch norm: the gradient for x

xhat = (x - mean) / sqrt(var + eps) over the batch (axis 0), y = weight * xhat + bias; the variance is
divided by m. Write the gradients for x, weight and bias. x[i] reaches the loss in three ways:
directly, through mean, and through var; the last two depend on every x. Do it step by step, as the
paper does (Ioffe and Szegedy, 2015, section 3), or as one line. eps must appear as in the forward pass.
Write with methods, g.sum(axis=0), not np.sum(g): at the end the formula is itself differentiated, on Tensors.
"""

import numpy as np

from minigrad.learn import Exercise, gradient, near, rng

exercise = Exercise(
    id="bn_dx",
    chapter=5,
    minutes=40,
    needs=("mean_axis", "bn_forward"),
    learns="three paths; what is taken from g: its mean, and its part along xhat",
    see="batch_norm",
)
EPS = 1e-5


# region yours
def batch_norm_vjp(g, x, weight, eps):
    """The gradients for x, weight and bias. x has shape (m, channels), weight (channels,)."""
    m = len(x)
    mean = x.mean(axis=0)
    var = ((x - mean) ** 2).mean(axis=0)
    rstd = (var + eps) ** -0.5
    xhat = (x - mean) * rstd
    ### BEGIN SOLUTION
    g_bias = g.sum(axis=0)
    g_weight = (g * xhat).sum(axis=0)
    g_xhat = g * weight
    g_var = (g_xhat * (x - mean)).sum(axis=0) * (-0.5) * rstd**3
    g_mean = (-g_xhat * rstd).sum(axis=0)
    g_x = g_xhat * rstd + g_var * 2 * (x - mean) / m + g_mean / m
    return g_x, g_weight, g_bias
    ### END SOLUTION


# endregion


def forward(xp, x, weight, bias):
    mean = x.mean(axis=0)
    var = ((x - mean) ** 2).mean(axis=0)
    return weight * (x - mean) / xp.sqrt(var + EPS) + bias


def inputs(m=6, c=3):
    return [2 + 0.7 * rng().standard_normal((m, c)), rng(1).standard_normal(c), rng(2).standard_normal(c)]


def vjp_of(theirs):
    return lambda g, x, weight, bias: theirs.batch_norm_vjp(g, x, weight, EPS)


@exercise.criterion("bias", "the gradient for bias")
def _(theirs):
    gradient(forward, inputs(), vjp_of(theirs), wrt=[2])


@exercise.criterion("weight", "the gradient for weight")
def _(theirs):
    gradient(forward, inputs(), vjp_of(theirs), wrt=[1])


@exercise.criterion("x", "the gradient for x")
def _(theirs):
    gradient(forward, inputs(), vjp_of(theirs), wrt=[0])


@exercise.criterion("shift", "a shift of x changes nothing: the gradient sums to 0")
def _(theirs):
    g_x = theirs.batch_norm_vjp(rng(3).standard_normal((6, 3)), inputs()[0], inputs()[1], EPS)[0]
    near(np.ones(3), 1 + g_x.sum(axis=0), "1 + sum over the batch")


@exercise.criterion("order 2", "its derivative is right too: every value it uses is computed from x")
def _(theirs):
    gradient(forward, inputs(4, 2), vjp_of(theirs), order=2)


exercise.wrong("no_mean", (" + g_mean / m", ""), fails="x", expect="path_through_mean", source="CS231n assignment 2")
exercise.wrong("no_var", ("g_var * 2 * (x - mean) / m + ", ""), fails="x", expect="path_through_var", source="CS231n assignment 2")
exercise.wrong(
    "constants",
    (" + g_var * 2 * (x - mean) / m + g_mean / m", ""),
    fails="x",
    expect="paths",
    source="treating the statistics as constants",
)
exercise.wrong(
    "no_weight",
    ("g_xhat = g * weight", "g_xhat = g"),
    fails="x",
    expect="weight_forgotten",
    source="Knet.jl #288/#289: tests passed because weight was 1",
)
exercise.wrong("no_m_in_var", ("g_var * 2 * (x - mean) / m", "g_var * 2 * (x - mean)"), fails="x", expect="sum_for_mean")
exercise.wrong("no_2", ("g_var * 2 * (x - mean)", "g_var * (x - mean)"), fails="x", expect="factor_2")
exercise.wrong("half_power", ("rstd**3", "rstd"), fails="x", expect="power_in_var", source="dvar with (var+eps)**-0.5 for **-1.5")
exercise.wrong("dsqrt_sign", ("* (-0.5) * rstd**3", "* 0.5 * rstd**3"), fails="x", expect="sign_of_a_term")
exercise.wrong("eps_forgotten", ("    rstd = (var + eps) ** -0.5\n", "    rstd = var ** -0.5\n"), fails="weight", expect="eps")
exercise.wrong(
    "bessel",
    ("/ m + g_mean / m", "/ (m - 1) + g_mean / m"),
    fails="x",
    expect="bessel",
    source="makemore part 4 uses n-1 in the forward pass",
)
exercise.wrong("weight_of_x", ("(g * xhat).sum(axis=0)", "(g * x).sum(axis=0)"), fails="weight", expect="weight_uses_x")
exercise.wrong("bias_mean", ("g.sum(axis=0)", "g.mean(axis=0)"), fails="bias", expect="mean_for_sum")
exercise.wrong(
    "wrong_axis",
    ("(-g_xhat * rstd).sum(axis=0)", "(-g_xhat * rstd).sum(axis=1, keepdims=True)"),
    fails="x",
    expect="wrong_axis",
    source="newcomer.md: no diagnosis today",
)
exercise.wrong(
    "swapped",
    ("return g_x, g_weight, g_bias", "return g_x, g_bias, g_weight"),
    fails="bias",
    expect="swapped",
    source="r/cs231n hx87z3 unpacks the three in another order than they are returned",
)
exercise.wrong(
    "overwritten",
    (
        "    g_x = g_xhat * rstd + g_var * 2 * (x - mean) / m + g_mean / m\n",
        "    g_x = g_xhat * rstd\n    g_x = g_var * 2 * (x - mean) / m\n    g_x = g_x + g_mean / m\n",
    ),
    fails="x",
    expect="direct_path",
    source="makemore part 4: dbndiff = where dbndiff += belongs",
)
exercise.hint(
    "path_through_mean",
    "If every x of a channel grows by 1, does y change? Does your gradient say so? (Sum it over the batch.)",
    "One of the three ways from x to the loss contributes nothing in your result.",
    "Which of mean and var moves when all x move together? Follow that one from y back to x.",
)
exercise.hint(
    "path_through_var",
    "If all x of a channel are stretched about their mean, y hardly changes. What does your gradient say? (Multiply it with xhat and sum.)",
    "One of the three ways from x to the loss contributes nothing in your result.",
    "Which of mean and var changes under a stretch? Follow it back: var -> (x - mean)**2 -> x.",
)
exercise.hint(
    "start",
    "Draw which of x, mean, var, xhat and y is computed from which. How many arrows leave x?",
    "Start at the end: bias and weight are one sum each. Then the gradient for xhat, from there that for var, then that for mean.",
    "x gets three terms: what xhat passes straight on, its share in var, and its share in mean: what one element of m contributes.",
)
