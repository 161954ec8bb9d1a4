"""Taking rows

y = x[idx] with idx a list of row numbers, as an embedding does. Write the backward formula: g has one
row for each number in idx, what you return has the shape of x. A row that was taken twice gets the
sum; one that was never taken gets 0.
"""

from minigrad.learn import Exercise, gradient, rng

exercise = Exercise(
    id="getitem",
    chapter=3,
    minutes=12,
    needs=("unbroadcast",),
    learns="gather forward is scatter-add backward; z[i] += g drops repetitions",
    see="getitem",
)


# region yours
import numpy as np


def take_vjp(g, x, idx):
    """The gradient for x of y = x[idx]."""
    ### BEGIN SOLUTION
    z = np.zeros(x.shape)
    np.add.at(z, idx, g)
    return z
    ### END SOLUTION


# endregion

IDX = np.array([2, 0, 2, 2, 4])


@exercise.criterion("no repetitions", "rows that are taken at most once")
def _(theirs):
    def vjp(g, x):
        return theirs.take_vjp(g, x, np.array([3, 0, 4]))

    gradient(lambda xp, x: x[np.array([3, 0, 4])], [rng().standard_normal((5, 2))], {"x": vjp})


@exercise.criterion("gradient", "rows that are taken several times")
def _(theirs):
    def vjp(g, x):
        return theirs.take_vjp(g, x, IDX)

    gradient(lambda xp, x: x[IDX], [rng().standard_normal((5, 2))], {"x": vjp})


exercise.wrong(
    "assign",
    ("np.add.at(z, idx, g)", "z[idx] = g"),
    fails="gradient",
    expect="overwrites",
    source="HIPS/autograd #39, pytorch #1528, newcomer.md",
)
exercise.wrong(
    "buffered",
    ("np.add.at(z, idx, g)", "z[idx] += g"),
    fails="gradient",
    expect="overwrites",
    source="HIPS/autograd #39, #136, #263; pytensor #2242",
)
exercise.wrong(
    "gather",
    (
        "np.add.at(z, idx, g)\n    return z",
        "return g[idx % len(g)][: len(z)] if len(idx) >= len(z) else np.pad(g, ((0, len(z) - len(g)), (0, 0)))",
    ),
    fails="no repetitions",
    expect="other_element",
    source="ooples/AiDotNet.Tensors #894",
)
exercise.wrong(
    "mean",
    (
        "np.add.at(z, idx, g)\n    return z",
        "np.add.at(z, idx, g)\n    return z / np.maximum(np.bincount(idx, minlength=len(x)), 1)[:, None]",
    ),
    fails="gradient",
    expect="mean_of_copies",
)
exercise.wrong("ones", ("np.zeros(x.shape)", "np.ones(x.shape)"), fails="no repetitions", expect="g_added")
exercise.wrong(
    "forgot_shape", ("z = np.zeros(x.shape)\n    np.add.at(z, idx, g)\n    return z", "return g"), fails="no repetitions", expect="shape"
)
exercise.hint(
    "start",
    "With idx = [2, 0, 2]: which rows of g belong to row 2 of x?",
    "Start from zeros in the shape of x, and bring each row of g to the place it came from.",
    "Forward reads at these places; backward writes there, and adds. NumPy's ufuncs have a method that does so and forgets no repetition.",
)
exercise.hint(
    "other_element",
    "Take x of 5 rows and 3 numbers in idx: which of the two does your result look like?",
    "You read with the index where you should write with it.",
    "Forward, row i of the result came from some row of x. Backward goes the other way.",
)
exercise.hint(
    "g_added",
    "What do you return when g is 0?",
    "What you start from is not empty.",
    "A row that was never taken had no influence.",
)
