"""Undo broadcasting

In x + b with x of shape (4, 3) and b of shape (3,), each b[j] is used four times, so its gradient is
the sum of four. Write unbroadcast(g, shape): g has the shape of the result, what you return has the
given shape, and every element of g is counted once. NumPy broadcasts in two ways: it puts axes in
front, and it stretches axes of length 1.
"""

import numpy as np

from minigrad.learn import Exercise, gradient, near, rng

exercise = Exercise(
    id="unbroadcast",
    chapter=2,
    minutes=15,
    needs=("topo",),
    learns="a value that was copied gets the sum of the gradients of its copies",
    see="minigrad.core.graph:sum_to",
)


# region yours
def unbroadcast(g, shape):
    """Return g summed to the given shape."""
    ### BEGIN SOLUTION
    lead = g.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1)
    return g.sum(axis=axes, keepdims=True).reshape(shape)
    ### END SOLUTION


# endregion


@exercise.criterion("shape", "the shape is right")
def _(theirs):
    for big, small in (
        ((4, 3), (3,)),
        ((4, 3), (4, 1)),
        ((2, 4, 3), (1, 3)),
        ((4, 3), ()),
        ((4, 3), (4, 3)),
        ((1, 3), (1, 3)),
        ((2, 4, 3), (4, 1)),
    ):
        near(np.zeros(small), 0 * np.asarray(theirs.unbroadcast(np.ones(big), small)), f"from {big} to {small}")


@exercise.criterion("sum", "every element of g is counted once")
def _(theirs):
    for big, small in (((4, 3), (3,)), ((4, 3), (4, 1)), ((2, 4, 3), (1, 3)), ((4, 3), ())):
        g = rng().standard_normal(big)
        near(g.sum(), np.asarray(theirs.unbroadcast(g, small)).sum(), f"from {big} to {small}, the sum of everything")


@exercise.criterion("gradient", "the gradient of x * b, for all kinds of b")
def _(theirs):
    for shape in ((3,), (4, 1), (1, 3), (1, 1), ()):

        def vjp(g, x, b):
            return g * b, theirs.unbroadcast(g * x, b.shape)

        gradient(lambda xp, x, b: x * b, [rng().standard_normal((4, 3)), rng(1).standard_normal(shape)], vjp)


exercise.wrong(
    "nothing",
    ("return g.sum(axis=axes, keepdims=True).reshape(shape)", "return g"),
    fails="shape",
    expect="not_summed",
    source="minitorch #1, Module-2 #18; pytorch #1787; burn #686",
)
exercise.wrong("mean", ("g.sum(axis", "g.mean(axis"), fails="sum", expect="mean_for_sum")
exercise.wrong(
    "first",
    (
        "return g.sum(axis=axes, keepdims=True).reshape(shape)",
        "return g[tuple(slice(0, 1) if i in axes else slice(None) for i in range(g.ndim))].reshape(shape)",
    ),
    fails="sum",
    expect="only_first",
)
exercise.wrong("only_lead", (" + tuple(lead + i for i, n in enumerate(shape) if n == 1)", ""), fails="shape", expect="ones_forgotten")
exercise.wrong("only_ones", ("tuple(range(lead)) + ", ""), fails="shape", expect="lead_forgotten")
exercise.wrong("not_shifted", ("lead + i for i", "i for i"), fails="shape", expect="axes_shifted")
exercise.wrong(
    "keepdims",
    (".sum(axis=axes, keepdims=True).reshape(shape)", ".sum(axis=axes)"),
    fails="shape",
    expect="keepdims",
    source="makemore part 4: dbnmeani without keepdim (nn-zero-to-hero #59)",
)
exercise.wrong(
    "max_axis", ("g.sum(axis=axes, keepdims=True)", "g.sum(axis=axes[:1], keepdims=True)"), fails="shape", expect="one_axis_only"
)
exercise.hint(
    "start",
    "From shape (4, 3) to (4, 1): along which axis was the value copied? And from (4, 3) to (3,)?",
    "Two kinds of axes were copied: those that the shape does not have at all, and those where it has a 1.",
    "Shapes are aligned at their ends. Collect the copied axes as they are counted in g, reduce over them, and give the result its shape.",
)
exercise.equivalent(
    "the reshape that follows gives the axes back",
    "True -> False",
)
