"""The gradient of x * x

A backward formula is given g, the derivative of the final loss with respect to the output y. It
returns the derivative of the loss with respect to the input x: g times the local slope dy/dx.
Write it for y = x * x. g is not 1: in the middle of a network it can be any number.
"""

from minigrad.learn import Exercise, gradient, near, rng

exercise = Exercise(
    id="square",
    chapter=1,
    minutes=5,
    learns="a formula multiplies what it is given by the local slope",
    see="square",
)


# region yours
def square_vjp(g, x):
    """Return the gradient for x of y = x * x, where g is the gradient for y."""
    ### BEGIN SOLUTION
    return g * 2 * x
    ### END SOLUTION


# endregion


@exercise.criterion("one number", "right at x = 3 for g = 1")
def _(theirs):
    near(6.0, theirs.square_vjp(1.0, 3.0), "x = 3, g = 1")


@exercise.criterion("gradient", "gradcheck agrees for random x and g")
def _(theirs):
    gradient(lambda xp, x: x * x, [rng().standard_normal(4)], {"x": theirs.square_vjp})


exercise.probe = lambda theirs: gradient(lambda xp, x: x * x, [rng().standard_normal(4)], {"x": theirs.square_vjp})
exercise.wrong(
    "no_g", ("g * 2 * x", "2 * x"), fails="gradient", expect="cotangent_ignored", source="every course; the first thing .backward() hides"
)
exercise.wrong("no_2", ("g * 2 * x", "g * x"), fails="one number", expect="factor")
exercise.wrong("value", ("g * 2 * x", "g * x * x"), fails="one number", expect="value")
exercise.wrong("plus", ("g * 2 * x", "g + 2 * x"), fails="one number", expect="g_added")
exercise.wrong("g_twice", ("g * 2 * x", "g * g * 2 * x"), fails="gradient", expect="g_twice")
exercise.hint(
    "cotangent_ignored",
    "Try g = 1 and g = 10: what changes in your result, and what should?",
    "y is not the loss. If y grows by 1, by how much does the loss grow? That is what g says.",
    "By the chain rule the answer has two factors: one you were given, one is the slope of x * x.",
)
exercise.hint(
    "start",
    "Take x = 3 and move it to 3.001: by how much does x * x grow, for each unit that x moved?",
    "The formula has two factors. One of them is an argument that is given to you.",
    "If y grows by 1, the loss grows by g. If x grows by 1, y grows by its slope. Put the two together.",
)
