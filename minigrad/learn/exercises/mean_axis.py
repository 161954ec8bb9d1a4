"""The mean over an axis

y = x.mean(axis=0) for x of shape (m, n). Write the backward formula: g has the shape of y, (n,), what
you return that of x. Every x[i, j] has the same share in y[j]. Then do it for centring,
z = x - x.mean(axis=0), where x[i, j] reaches z[i, j] and also every other z[k, j].
"""

from minigrad.learn import Exercise, gradient, rng

exercise = Exercise(
    id="mean_axis",
    chapter=3,
    minutes=12,
    needs=("unbroadcast",),
    learns="the backward of a reduction is a broadcast; a mean makes elements act on each other",
    see="mean",
)


# region yours
import minigrad as mg


def mean_vjp(g, x):
    """The gradient for x of y = x.mean(axis=0)."""
    ### BEGIN SOLUTION
    return mg.broadcast_to(g / x.shape[0], x.shape)
    ### END SOLUTION


def centre_vjp(g, x):
    """The gradient for x of z = x - x.mean(axis=0)."""
    ### BEGIN SOLUTION
    return g - g.mean(axis=0, keepdims=True)
    ### END SOLUTION


# endregion

X = rng().standard_normal((5, 3))


@exercise.criterion("mean", "gradcheck agrees for the mean")
def _(theirs):
    gradient(lambda xp, x: x.mean(axis=0), [X], {"x": theirs.mean_vjp})


@exercise.criterion("centre", "gradcheck agrees for centring")
def _(theirs):
    gradient(lambda xp, x: x - x.mean(axis=0), [X], {"x": theirs.centre_vjp})


exercise.wrong("no_m", ("g / x.shape[0]", "g"), fails="mean", expect="sum_for_mean")
exercise.wrong("n_for_m", ("x.shape[0]", "x.shape[1]"), fails="mean", expect="factor")
exercise.wrong(
    "size", ("x.shape[0]", "x.size"), fails="mean", expect="mean_for_sum", source="cs249r_book and others: mean over all elements"
)
exercise.wrong("path_missing", ("return g - g.mean(axis=0, keepdims=True)", "return g"), fails="centre", expect="path_through_mean")
exercise.wrong(
    "axis_1",
    ("g.mean(axis=0, keepdims=True)", "g.mean(axis=1, keepdims=True)"),
    fails="centre",
    expect="wrong_axis",
    source="newcomer.md: no diagnosis today",
)
exercise.wrong("sum_for_mean", ("g - g.mean(", "g - g.sum("), fails="centre", expect="sum_for_mean")
exercise.wrong("all_axes", ("g.mean(axis=0, keepdims=True)", "g.mean()"), fails="centre", expect="wrong_axis")
exercise.wrong("plus", ("g - g.mean(", "g + g.mean("), fails="centre", expect="sign_of_a_term")
exercise.wrong("x_for_g", ("g - g.mean(axis=0, keepdims=True)", "g - x.mean(axis=0, keepdims=True)"), fails="centre", expect="g_added")
exercise.hint(
    "start",
    "Move one x[i, j] by 1. Which elements of y move, and by how much?",
    "For the mean, each element of a column gets the same. For centring, an element gets something direct, and something through the mean.",
    "Through the mean an element acts on its whole column, with the opposite sign and a small share each. Add all those up.",
)
exercise.hint(
    "mean_for_sum",
    "Move one x[i, j] by 1 and print y before and after.",
    "You divide by too many: which elements share in one y[j]?",
    "A mean over an axis is a mean of as many numbers as that axis is long.",
)
exercise.equivalent(
    "a row of shape (n,) broadcasts against (m, n) as one of shape (1, n) does",
    "True -> False",
)
