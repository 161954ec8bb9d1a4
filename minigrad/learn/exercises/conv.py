"""Convolution by im2col

x has shape (n, c, h, w), weight (k, c, 3, 3); no padding, stride 1. The forward pass is given:
patches(x) has shape (n, h-2, w-2, c*9), one row for each position, and
y = patches @ weight.reshape(k, -1).T. Write both gradients. That for x is the reverse of patches: an
element that stands in several patches gets the sum.
"""

from minigrad.learn import Exercise, gradient, rng

exercise = Exercise(
    id="conv",
    chapter=3,
    minutes=30,
    needs=("matmul", "getitem"),
    learns="a convolution is a matrix product over a view; its backward scatters what the view gathered",
    see="convolution",
)


# region yours
import numpy as np


def patches(x):
    v = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))  # (n, c, h-2, w-2, 3, 3)
    return v.transpose(0, 2, 3, 1, 4, 5).reshape(x.shape[0], x.shape[2] - 2, x.shape[3] - 2, -1)


def conv_vjp(g, x, weight):
    """The gradients for x and weight; g has shape (n, k, h-2, w-2)."""
    ### BEGIN SOLUTION
    k, c = weight.shape[:2]
    n, _, h, w = g.shape
    rows = g.transpose(0, 2, 3, 1)
    g_weight = np.einsum("nhwk,nhwp->kp", rows, patches(x)).reshape(weight.shape)
    cols = (rows @ weight.reshape(k, -1)).reshape(n, h, w, c, 3, 3)
    g_x = np.zeros(x.shape)
    for i in range(3):
        for j in range(3):
            g_x[:, :, i : i + h, j : j + w] += cols[..., i, j].transpose(0, 3, 1, 2)
    return g_x, g_weight
    ### END SOLUTION


# endregion


def forward(xp, x, weight):
    v = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    return np.einsum("nchwij,kcij->nkhw", v, weight)


@exercise.criterion("weight", "the gradient for the weight")
def _(theirs):
    gradient(forward, [rng().standard_normal((2, 2, 5, 4)), rng(1).standard_normal((3, 2, 3, 3))], theirs.conv_vjp, wrt=[1])


@exercise.criterion("x", "the gradient for x")
def _(theirs):
    gradient(forward, [rng().standard_normal((2, 2, 5, 4)), rng(1).standard_normal((3, 2, 3, 3))], theirs.conv_vjp, wrt=[0])


exercise.wrong("overwrite", ("j : j + w] += cols", "j : j + w] = cols"), fails="x", expect="contributions_lost")
exercise.wrong(
    "flipped",
    ("cols[..., i, j]", "cols[..., 2 - i, 2 - j]"),
    fails="x",
    expect="permuted",
    source="convolution or correlation: the classical confusion",
)
exercise.wrong("transposed_kernel", ("cols[..., i, j]", "cols[..., j, i]"), fails="x", expect="permuted")
exercise.wrong(
    "no_batch_sum",
    ('np.einsum("nhwk,nhwp->kp", rows, patches(x))', 'np.einsum("hwk,hwp->kp", rows[0], patches(x)[0])'),
    fails="weight",
    expect="only_first",
)
exercise.wrong("batch_mean", (".reshape(weight.shape)", ".reshape(weight.shape) / len(x)"), fails="weight", expect="mean_for_sum")
exercise.wrong(
    "channels",
    ("rows = g.transpose(0, 2, 3, 1)", "rows = g.reshape(n, h, w, k)"),
    fails="weight",
    expect="permuted",
    source="reshape where transpose belongs: the commonest layout slip",
)
exercise.hint(
    "start",
    "It is a matrix product. What are its two gradients, for the rows of patches and for the matrix of weights?",
    "Bring g to rows, one for each position, as patches has them. The gradient for the weight is then one product.",
    "For x: compute the gradient of every patch, then add each of its 3 x 3 places back to where it was read, one (i, j) at a time.",
)
exercise.hint(
    "permuted",
    "Try a weight that is 1 in one place, in a corner, and 0 elsewhere. Which element of x did it meet?",
    "The numbers in your gradient are the right ones, in the wrong places.",
    "Nothing may be turned round, and no axis may be taken for another: a reshape keeps the order of memory, a transposition does not.",
)
exercise.hint(
    "contributions_lost",
    "An element in the middle of x stands in how many patches?",
    "Some of the patches that an element stands in do not reach its gradient.",
    "What becomes of a place that is written to a second time?",
)
exercise.equivalent(
    "NumPy takes every negative length for the one that is to be found",
    "1 -> 2 (3)",
)
