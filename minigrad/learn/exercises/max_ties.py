"""The largest, and ties

y = x.max(axis=1) for x of shape (m, n). The gradient goes to the element that was the largest. Where
two or more are equally large there is no derivative. Share g equally among them: then nothing is
counted twice, and the order of the elements does not matter.
"""

import numpy as np

from minigrad.learn import Exercise, gradient, near, rng

exercise = Exercise(
    id="max_ties",
    chapter=3,
    minutes=12,
    needs=("mean_axis",),
    learns="kinks: where there is no derivative, a convention",
    see="max",
)


# region yours
def max_vjp(g, x, y):
    """The gradient for x of y = x.max(axis=1); g and y have shape (m,)."""
    ### BEGIN SOLUTION
    hit = (x == y[:, None]) * 1.0
    return hit * (g / hit.sum(axis=1))[:, None]
    ### END SOLUTION


# endregion


def largest(xp, x):
    return x.max(axis=1)


@exercise.criterion("gradient", "gradcheck agrees where there are no ties")
def _(theirs):
    gradient(largest, [rng().standard_normal((4, 3))], {"x": theirs.max_vjp})


@exercise.criterion("ties count once", "with ties the gradients of a row sum to g")
def _(theirs):
    x = np.array([[1.0, 2.0, 2.0], [3.0, 3.0, 3.0]])
    got = np.asarray(theirs.max_vjp(np.array([1.0, -2.0]), x, x.max(axis=1)))
    near(np.array([1.0, -2.0]), got.sum(axis=1), "sum of each row")


@exercise.criterion("fair", "ties share equally")
def _(theirs):
    x = np.array([[1.0, 2.0, 2.0], [3.0, 3.0, 3.0]])
    near(np.array([[0, 0.5, 0.5], [-2 / 3] * 3]), theirs.max_vjp(np.array([1.0, -2.0]), x, x.max(axis=1)), "the gradient")


exercise.wrong(
    "no_share",
    ("return hit * (g / hit.sum(axis=1))[:, None]", "return hit * g[:, None]"),
    fails="ties count once",
    expect="ties_counted_twice",
)
exercise.wrong(
    "first",
    ("hit = (x == y[:, None]) * 1.0", "hit = np.eye(x.shape[1])[x.argmax(axis=1)]"),
    ("def max_vjp", "import numpy as np\n\n\ndef max_vjp"),
    fails="fair",
    expect="first_of_ties",
    source="makemore part 4: F.one_hot(logits.max(1).indices)",
)
exercise.wrong("value", ("hit * (g /", "hit * x * (g /"), fails="gradient", expect="times_input")
exercise.wrong("axis_0", ("x == y[:, None]", "x == x.max(axis=0)"), fails="gradient", expect="not_finite")
exercise.wrong("all", ("hit = (x == y[:, None]) * 1.0", "hit = (x <= y[:, None]) * 1.0"), fails="gradient", expect="handed_to_all")
exercise.wrong(
    "smallest", ("hit = (x == y[:, None]) * 1.0", "hit = (x == x.min(axis=1)[:, None]) * 1.0"), fails="gradient", expect="other_element"
)
exercise.hint(
    "start",
    "In the row [1, 5, 2] each element moves a little. Which one moves y?",
    "Compare x with y, element by element: what do you get where they agree, and how many are there in a row?",
    "Make a table of ones and zeros that marks the largest. Weigh g by it, divided by how many share.",
)
exercise.hint(
    "not_finite",
    "Print how many elements of each row you take for the largest.",
    "In some row nobody is the largest, and you divide by their number.",
    "Which elements compete with each other: those of a row, or those of a column?",
)
exercise.equivalent(
    "a factor common to all of a row cancels in hit / hit.sum()",
    "(x == y[:, None]) * 1.0 -> (x == y[:, None]) / 1.0",
    "1.0 -> 2.0",
)
