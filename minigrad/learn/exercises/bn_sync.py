"""Batch norm over shards

The batch lies on several devices, in parts of unequal length. Devices may add up a few numbers per
channel: allreduce(list of arrays) returns their sum. Write statistics and backward so that the result
is exactly that of one device with the whole batch.
"""

from minigrad.learn import Exercise, near, rng

exercise = Exercise(
    id="bn_sync",
    chapter=5,
    minutes=30,
    needs=("bn_dx", "bn_forward"),
    learns="which sums a normalization needs from the others; a mean of means is no mean",
)


# region yours
import numpy as np


def statistics(shards, allreduce):
    """Return mean and var of the whole batch; shards is a list of arrays (m_k, channels)."""
    ### BEGIN SOLUTION
    m = allreduce([np.array(float(len(x))) for x in shards])
    mean = allreduce([x.sum(axis=0) for x in shards]) / m
    var = allreduce([((x - mean) ** 2).sum(axis=0) for x in shards]) / m
    return mean, var
    ### END SOLUTION


def backward(gs, shards, mean, var, eps, allreduce):
    """Return the gradient for each shard of x, for y = (x - mean) / sqrt(var + eps)."""
    ### BEGIN SOLUTION
    rstd = (var + eps) ** -0.5
    xhats = [(x - mean) * rstd for x in shards]
    m = allreduce([np.array(float(len(x))) for x in shards])
    g_mean = allreduce([g.sum(axis=0) for g in gs]) / m
    g_along = allreduce([(g * xhat).sum(axis=0) for g, xhat in zip(gs, xhats)]) / m
    return [rstd * (g - g_mean - xhat * g_along) for g, xhat in zip(gs, xhats)]
    ### END SOLUTION


# endregion


def parts(array):
    return [array[:2], array[2:3], array[3:]]


def allreduce(arrays):
    return sum(arrays[1:], arrays[0])


X, G = 5 + rng().standard_normal((9, 2)), rng(1).standard_normal((9, 2))
EPS = 1e-3


@exercise.criterion("equal", "shards of equal length")
def _(theirs):
    mean, var = theirs.statistics([X[:3], X[3:6], X[6:]], allreduce)
    near(X.mean(0), mean, "mean")
    near(X.var(0), var, "var")


@exercise.criterion("unequal", "shards of unequal length")
def _(theirs):
    mean, var = theirs.statistics(parts(X), allreduce)
    near(X.mean(0), mean, "mean")
    near(X.var(0), var, "var")


@exercise.criterion("gradient", "the gradient of the whole batch")
def _(theirs):
    rstd = (X.var(0) + EPS) ** -0.5
    xhat = (X - X.mean(0)) * rstd
    whole = rstd * (G - G.mean(0) - xhat * (G * xhat).mean(0))
    got = theirs.backward(parts(G), parts(X), X.mean(0), X.var(0), EPS, allreduce)
    near(whole, np.concatenate(got), "the gradient, all shards together")


exercise.wrong(
    "mean_of_means",
    ("allreduce([x.sum(axis=0) for x in shards]) / m", "allreduce([x.mean(axis=0) for x in shards]) / len(shards)"),
    fails="unequal",
    expect="mean_of_means",
    source="flax #2417, Paddle #32464",
)
exercise.wrong(
    "mean_of_vars",
    ("allreduce([((x - mean) ** 2).sum(axis=0) for x in shards]) / m", "allreduce([x.var(axis=0) for x in shards]) / len(shards)"),
    fails="equal",
    expect="variance_between_shards",
    source="the variance of the means is lost",
)
exercise.wrong(
    "local_backward",
    (
        "g_mean = allreduce([g.sum(axis=0) for g in gs]) / m\n"
        "    g_along = allreduce([(g * xhat).sum(axis=0) for g, xhat in zip(gs, xhats)]) / m\n"
        "    return [rstd * (g - g_mean - xhat * g_along) for g, xhat in zip(gs, xhats)]",
        "return [rstd * (g - g.mean(axis=0) - xhat * (g * xhat).mean(axis=0)) for g, xhat in zip(gs, xhats)]",
    ),
    fails="gradient",
    expect="local_sums",
    source="tinygrad, mobula: backward forgets to reduce",
)
exercise.wrong(
    "uneven_backward",
    ("g_mean = allreduce([g.sum(axis=0) for g in gs]) / m", "g_mean = allreduce([g.mean(axis=0) for g in gs]) / len(gs)"),
    fails="gradient",
    expect="mean_of_means",
    source="pytorch #36382: 'mean_dy/mean_dy_xmu on backward path, which produces wrong dgrad'",
)
exercise.wrong(
    "not_divided",
    (
        "g_along = allreduce([(g * xhat).sum(axis=0) for g, xhat in zip(gs, xhats)]) / m",
        "g_along = allreduce([(g * xhat).sum(axis=0) for g, xhat in zip(gs, xhats)])",
    ),
    fails="gradient",
    expect="sum_for_mean",
)
exercise.hint(
    "start",
    "Two parts have 1 and 8 samples. What must each of them send so that the mean of all 9 comes out?",
    "Send sums and counts, never averages. Deviations are from the mean of everything, so the variance needs a second round.",
    "The gradient of batch norm holds two averages over the batch. They too are averages over all parts.",
)
