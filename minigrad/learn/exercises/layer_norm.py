"""Layer norm

The step of batch norm over the other axis: each row of x, shape (m, n), to mean 0 and variance 1, then
weight and bias of shape (n,). Write the three gradients. Mind which sums run over rows and which over
columns: weight now stands inside the means.
"""

from minigrad.learn import Exercise, gradient, rng

exercise = Exercise(
    id="layer_norm",
    chapter=5,
    minutes=20,
    needs=("bn_dx",),
    learns="a weight that varies along the normalized axis belongs inside the means",
    see="layer_norm",
)


# region yours
def layer_norm_vjp(g, x, weight, eps):
    """The gradients for x, weight and bias."""
    mean = x.mean(axis=1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=1, keepdims=True)
    rstd = (var + eps) ** -0.5
    xhat = (x - mean) * rstd
    ### BEGIN SOLUTION
    d = g * weight
    g_x = rstd * (d - d.mean(axis=1, keepdims=True) - xhat * (d * xhat).mean(axis=1, keepdims=True))
    return g_x, (g * xhat).sum(axis=0), g.sum(axis=0)
    ### END SOLUTION


# endregion


def forward(xp, x, weight, bias):
    mean = x.mean(axis=1, keepdims=True)
    return weight * (x - mean) / xp.sqrt(((x - mean) ** 2).mean(axis=1, keepdims=True) + 1e-5) + bias


INPUTS = [rng().standard_normal((4, 5)), rng(1).standard_normal(5), rng(2).standard_normal(5)]


def vjp_of(theirs):
    return lambda g, x, weight, bias: theirs.layer_norm_vjp(g, x, weight, 1e-5)


@exercise.criterion("affine", "the gradients for weight and bias")
def _(theirs):
    gradient(forward, INPUTS, vjp_of(theirs), wrt=[1, 2])


@exercise.criterion("x", "the gradient for x")
def _(theirs):
    gradient(forward, INPUTS, vjp_of(theirs), wrt=[0])


exercise.wrong(
    "weight_outside",
    ("d = g * weight\n    g_x = rstd * (d", "d = g\n    g_x = weight * rstd * (d"),
    fails="x",
    expect="weight_outside_the_mean",
    source="copied from batch norm, where weight may stand outside",
)
exercise.wrong("no_weight", ("d = g * weight", "d = g"), fails="x", expect="weight_forgotten")
exercise.wrong("axes_of_bn", ("d.mean(axis=1, keepdims=True)", "d.mean(axis=0)"), fails="x", expect="wrong_axis")
exercise.wrong(
    "affine_axis", ("(g * xhat).sum(axis=0), g.sum(axis=0)", "(g * xhat).sum(axis=1), g.sum(axis=1)"), fails="affine", expect="shape"
)
exercise.wrong("weight_mean", ("(g * xhat).sum(axis=0)", "(g * xhat).mean(axis=0)"), fails="affine", expect="mean_for_sum")
exercise.wrong("no_var", (" - xhat * (d * xhat).mean(axis=1, keepdims=True)", ""), fails="x", expect="path_through_var")
exercise.hint(
    "start",
    "weight[j] multiplies column j. Over which axis is its gradient summed? And over which axis are mean and variance taken?",
    "Call d the gradient for xhat. From d to x it is the formula of batch norm, along the other axis.",
    "In batch norm the weight is the same for all that are averaged, and may stand outside. Here it changes along the row.",
)
