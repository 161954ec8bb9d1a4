"""Batch norm: the forward pass

y = weight * (x - mean) / sqrt(var + eps) + bias, for x of shape (m, channels). Mean and variance are
those of the batch, the variance divided by m. Return y, mean and var. The result must hold in float32
for data far from zero (mean 10000, deviation 1), for a channel that is constant, and for images
(n, c, h, w), where the values of a channel are those of all samples and places.
"""

from minigrad.learn import Exercise, near, rng

exercise = Exercise(
    id="bn_forward",
    chapter=5,
    minutes=20,
    needs=("mean_axis",),
    learns="which axes; biased variance; where eps stands; <x^2> - <x>^2 cancels",
    see="batch_norm",
)


# region yours
import numpy as np


def batch_norm(x, weight, bias, eps=1e-5):
    """Return y, mean and var; weight, bias, mean and var have shape (channels,); channels are axis 1."""
    ### BEGIN SOLUTION
    axes = (0, *range(2, x.ndim))
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean = x.mean(axis=axes)
    centred = x - mean.reshape(shape)
    var = (centred**2).mean(axis=axes)
    y = centred / np.sqrt(var.reshape(shape) + eps) * weight.reshape(shape) + bias.reshape(shape)
    return y, mean, var
    ### END SOLUTION


# endregion


W, B = np.array([1.0, 2.0, -0.5]), np.array([0.0, 1.0, 3.0])


def true(x, eps=1e-5):
    axes = (0, *range(2, x.ndim))
    shape = (1, -1) + (1,) * (x.ndim - 2)
    v = x.astype(np.float64)
    m, s = v.mean(axes), v.var(axes)
    return (v - m.reshape(shape)) / np.sqrt(s.reshape(shape) + eps) * W.reshape(shape) + B.reshape(shape), m, s


@exercise.criterion("statistics", "mean and biased variance")
def _(theirs):
    x = rng().standard_normal((6, 3))
    near(true(x)[1], theirs.batch_norm(x, W, B)[1], "mean")
    near(true(x)[2], theirs.batch_norm(x, W, B)[2], "var")


@exercise.criterion("y", "y, with eps inside the square root")
def _(theirs):
    x = rng().standard_normal((6, 3))
    near(true(x)[0], theirs.batch_norm(x, W, B)[0], "y")
    near(true(x, 0.5)[0], theirs.batch_norm(x, W, B, 0.5)[0], "y with eps = 0.5")


@exercise.criterion("constant", "a constant channel gives the bias, not NaN")
def _(theirs):
    near(np.broadcast_to(B, (6, 3)), theirs.batch_norm(np.ones((6, 3)), W, B)[0], "y of constant channels")


@exercise.criterion("far", "float32 data far from zero")
def _(theirs):
    x = (rng().standard_normal((4096, 3)) + 1e4).astype(np.float32)
    got = theirs.batch_norm(x, W.astype(np.float32), B.astype(np.float32))
    near(true(x)[2], got[2], "var at mean 10000", 1e-3)


@exercise.criterion("images", "images: axes (0, 2, 3)")
def _(theirs):
    x = rng().standard_normal((2, 3, 4, 3))
    near(true(x)[0], theirs.batch_norm(x, W, B)[0], "y of images")


exercise.wrong(
    "unbiased",
    ("var = (centred**2).mean(axis=axes)", "var = x.var(axis=axes, ddof=1)"),
    fails="statistics",
    expect="bessel",
    source="makemore part 4; torch.var's default",
)
exercise.wrong("eps_outside", ("np.sqrt(var.reshape(shape) + eps)", "(np.sqrt(var.reshape(shape)) + eps)"), fails="y", expect="eps_outside")
exercise.wrong("no_eps", ("var.reshape(shape) + eps", "var.reshape(shape)"), fails="y", expect="eps")
exercise.wrong(
    "one_pass",
    ("var = (centred**2).mean(axis=axes)", "var = (x * x).mean(axis=axes) - mean * mean"),
    fails="far",
    expect="cancellation",
    source="<x^2> - <x>^2, in many kernels",
)
exercise.wrong(
    "last_axis",
    ("axes = (0, *range(2, x.ndim))", "axes = 0"),
    fails="images",
    expect="axes_of_images",
    source="PABannier/nanograd #2: 'the dimensions were messed up'",
)
exercise.wrong(
    "layer_norm",
    ("axes = (0, *range(2, x.ndim))", "axes = tuple(range(1, x.ndim))"),
    ("shape = (1, -1)", "shape = (-1, 1)"),
    fails="statistics",
    expect="layer_norm_for_batch_norm",
)
exercise.wrong(
    "std",
    ("var = (centred**2).mean(axis=axes)", "var = x.std(axis=axes)"),
    fails="statistics",
    expect="std_for_var",
    source="pytorch #7028 compares running_var with numpy.std",
)
exercise.hint(
    "start",
    "How many numbers are averaged for one channel of (m, channels)? And of (n, c, h, w)?",
    "Average over all axes but axis 1. What of shape (c,) must look like to stand beside (n, c, h, w)?",
    "Take the mean away first, and compute the variance from what is left.",
)
exercise.equivalent(
    "NumPy takes every negative length for the one that is to be found",
    "1 -> 2 (2)",
)
