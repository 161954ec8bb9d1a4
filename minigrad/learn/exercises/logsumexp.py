"""log(sum(exp(x))) that does not overflow

Write y = log(sum(exp(x), axis=1)) so that it is right for x = 1000 and for x = -1000 too, where the
definition overflows or vanishes. Then write its backward formula, which must be right there as well.
A row of -inf alone gives -inf.
"""

import numpy as np

from minigrad.learn import Exercise, Failed, gradient, near, rng

exercise = Exercise(
    id="logsumexp",
    chapter=3,
    minutes=15,
    needs=("max_ties",),
    learns="equal on paper is not equal in floating point; the gradient of logsumexp is softmax",
    see="logsumexp",
)


# region yours
import minigrad as mg


def logsumexp(xp, x):
    """log(sum(exp(x))) over axis 1. xp is NumPy."""
    ### BEGIN SOLUTION
    top = x.max(axis=1, keepdims=True)
    top = xp.where(xp.isfinite(top), top, 0.0)
    return xp.log(xp.exp(x - top).sum(axis=1)) + top[:, 0]
    ### END SOLUTION


def logsumexp_vjp(g, x, y):
    """The gradient for x; g and y have shape (m,)."""
    ### BEGIN SOLUTION
    return g[:, None] * mg.exp(x - y[:, None])
    ### END SOLUTION


# endregion


@exercise.criterion("value", "right for numbers of ordinary size")
def _(theirs):
    x = rng().standard_normal((4, 3))
    near(np.log(np.exp(x).sum(axis=1)), theirs.logsumexp(np, x), "logsumexp")


@exercise.criterion("gradient", "gradcheck agrees, order 2")
def _(theirs):
    gradient(theirs.logsumexp, [rng().standard_normal((4, 3))], {"x": theirs.logsumexp_vjp}, order=2)


@exercise.criterion("large", "x = 1000 does not overflow, x = -1000 does not vanish")
def _(theirs):
    for shift in (1000.0, -1000.0):
        x = np.array([[0.0, 1.0, 2.0]]) + shift
        near(np.log(np.exp([0.0, 1.0, 2.0]).sum()) + shift, theirs.logsumexp(np, x)[0], f"x around {shift:g}")


@exercise.criterion("wide", "a row with small and large numbers")
def _(theirs):
    near(1000.0, theirs.logsumexp(np, np.array([[-1000.0, 0.0, 1000.0]]))[0], "x = -1000, 0, 1000")


@exercise.criterion("large gradient", "the gradient there is finite and sums to g")
def _(theirs):
    for shift in (1000.0, -1000.0):
        x = np.array([[0.0, 1.0, 2.0]]) + shift
        near(
            2.0,
            np.asarray(theirs.logsumexp_vjp(np.array([2.0]), x, theirs.logsumexp(np, x))).sum(),
            f"sum of the gradient around {shift:g}",
        )


@exercise.criterion("empty", "a row of -inf gives -inf")
def _(theirs):
    got = theirs.logsumexp(np, np.full((1, 2), -np.inf))[0]
    if got != -np.inf:
        raise Failed(f"for a row of -inf you get {got}, and log(0) is -inf")


exercise.wrong(
    "naive",
    (
        "top = x.max(axis=1, keepdims=True)\n"
        "    top = xp.where(xp.isfinite(top), top, 0.0)\n"
        "    return xp.log(xp.exp(x - top).sum(axis=1)) + top[:, 0]",
        "return xp.log(xp.exp(x).sum(axis=1))",
    ),
    fails="large",
    expect="overflow",
)
exercise.wrong("not_added_back", (" + top[:, 0]", ""), fails="value", expect="shift_lost")
exercise.wrong(
    "naive_gradient",
    ("mg.exp(x - y[:, None])", "mg.exp(x) / mg.sum(mg.exp(x), axis=1, keepdims=True)"),
    fails="large gradient",
    expect="overflow",
)
exercise.wrong("inf_minus_inf", ("    top = xp.where(xp.isfinite(top), top, 0.0)\n", ""), fails="empty", expect="inf_minus_inf")
exercise.wrong("no_softmax", ("g[:, None] * mg.exp(x - y[:, None])", "g[:, None] * mg.exp(x)"), fails="gradient", expect="factor_missing")
exercise.wrong(
    "y_detached",
    ("mg.exp(x - y[:, None])", "mg.exp(x - (y.detach() if isinstance(y, mg.Tensor) else y)[:, None])"),
    fails="gradient",
    expect="detached",
)
exercise.hint(
    "start",
    "exp(1000) is infinite. By how much could you lower all x of a row first, and what must you then do to the result?",
    "log(sum(exp(x - c))) + c is the same for every c. Which c keeps the largest exponential at 1?",
    "The gradient: the slope of the logarithm is one over the sum, so each exponential is divided by it. With y, no large number appears.",
)
exercise.equivalent(
    "any finite shift is right for a row of -inf",
    "0.0 -> 1.0",
)
