"""Softmax cross-entropy

loss = -mean over i of log(softmax(x)[i, labels[i]]), for x of shape (m, classes). Write its gradient
as one formula: on paper the loss of a row is log(sum(exp(x))) - x[label], and its derivative is
shorter than the chain of the parts. g is a number: what the loss is multiplied with later.
"""

from minigrad.learn import Exercise, gradient, near, rng

exercise = Exercise(
    id="softmax_ce",
    chapter=3,
    minutes=15,
    needs=("logsumexp", "getitem"),
    learns="softmax minus one-hot, divided by the batch size: fusing simplifies",
    see="softmax_cross_entropy",
)


# region yours
import numpy as np


def cross_entropy_vjp(g, x, labels):
    """The gradient for x of the mean softmax cross-entropy; g is a number."""
    ### BEGIN SOLUTION
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    p[np.arange(len(x)), labels] -= 1
    return g * p / len(x)
    ### END SOLUTION


# endregion

LABELS = np.array([2, 0, 1, 1, 3])


def loss(xp, x, labels):
    top = x.max(axis=1, keepdims=True)
    z = x - top
    return (xp.log(xp.exp(z).sum(axis=1)) - z[np.arange(len(x)), labels]).mean()


@exercise.criterion("gradient", "gradcheck agrees")
def _(theirs):
    gradient(loss, [rng().standard_normal((5, 4)), LABELS], {"x": theirs.cross_entropy_vjp}, wrt=[0])


@exercise.criterion("rows sum to zero", "a shift of a row changes nothing")
def _(theirs):
    got = theirs.cross_entropy_vjp(1.0, rng(1).standard_normal((5, 4)), LABELS)
    near(np.ones(5), 1 + got.sum(axis=1), "1 + sum of each row")


@exercise.criterion("large", "logits of 1000 do not overflow")
def _(theirs):
    got = theirs.cross_entropy_vjp(1.0, np.array([[1000.0, 0.0, 0.0, 0.0]]), np.array([1]))
    near(np.array([[1.0, -1.0, 0.0, 0.0]]), got, "one row with a logit of 1000")


@exercise.criterion("pure", "what it is given is not changed")
def _(theirs):
    x = rng(2).standard_normal((5, 4))
    before = x.copy()
    theirs.cross_entropy_vjp(1.0, x, LABELS)
    near(before, x, "x after the call", 0.0)


exercise.wrong("no_batch", ("g * p / len(x)", "g * p"), fails="gradient", expect="sum_for_mean")
exercise.wrong("classes", ("/ len(x)", "/ x.shape[1]"), fails="gradient", expect="factor")
exercise.wrong("sign", ("return g * p / len(x)", "return -g * p / len(x)"), fails="gradient", expect="sign")
exercise.wrong("no_onehot", ("    p[np.arange(len(x)), labels] -= 1\n", ""), fails="gradient", expect="one_at_label")
exercise.wrong(
    "columns",
    ("p[np.arange(len(x)), labels] -= 1", "p[:, labels] -= 1"),
    fails="gradient",
    expect="whole_columns",
    source="a slip of indexing every TA knows",
)
exercise.wrong(
    "jacobian_again",
    ("return g * p / len(x)", "q = e / e.sum(axis=1, keepdims=True)\n    return g * q * (p - (p * q).sum(axis=1, keepdims=True)) / len(x)"),
    fails="gradient",
    expect="softmax_twice",
    source="ai.stackexchange 35741",
)
exercise.wrong("no_g", ("return g * p", "return p"), fails="gradient", expect="cotangent_ignored")
exercise.wrong("overflow", ("np.exp(x - x.max(axis=1, keepdims=True))", "np.exp(x)"), fails="large", expect="overflow")
exercise.wrong("axis_0", ("e / e.sum(axis=1, keepdims=True)", "e / e.sum(axis=0, keepdims=True)"), fails="gradient", expect="wrong_axis")
exercise.hint(
    "start",
    "Take one row. What is the derivative of log(sum(exp(x))) for x[k]? And that of x[label]?",
    "The first part gives a distribution over the classes. The second concerns one element of the row.",
    "For each row: the distribution, less 1 at its label; then the share of the row in the mean, and g.",
)
