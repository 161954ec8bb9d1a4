"""The matrix product

y = a @ b. Write the two gradients, and let the shapes lead you: g has the shape of y. Then a and b
may also be stacks of matrices, as in (2, 4, 3) @ (3, 5): an operand that was used for the whole
stack gets the sum over it.
"""

from minigrad.learn import Exercise, gradient, rng

exercise = Exercise(
    id="matmul",
    chapter=3,
    minutes=15,
    needs=("unbroadcast",),
    learns="shapes determine the formula; two axes change places, not all; sums over stacks",
    see="matmul",
)


# region yours
def matmul_vjp(g, a, b):
    """Return the gradients for a and for b of y = a @ b."""
    ### BEGIN SOLUTION
    ga = g @ b.swapaxes(-1, -2)
    gb = a.swapaxes(-1, -2) @ g
    if ga.ndim > a.ndim:
        ga = ga.sum(axis=tuple(range(ga.ndim - a.ndim)))
    if gb.ndim > b.ndim:
        gb = gb.sum(axis=tuple(range(gb.ndim - b.ndim)))
    return ga, gb
    ### END SOLUTION


# endregion


def matmul(xp, a, b):
    return a @ b


@exercise.criterion("matrices", "two matrices")
def _(theirs):
    gradient(matmul, [rng().standard_normal((4, 3)), rng(1).standard_normal((3, 5))], theirs.matmul_vjp)


@exercise.criterion("square", "two square matrices: here shapes do not help")
def _(theirs):
    gradient(matmul, [rng().standard_normal((3, 3)), rng(1).standard_normal((3, 3))], theirs.matmul_vjp)


@exercise.criterion("stacks", "a stack of matrices with one matrix")
def _(theirs):
    gradient(matmul, [rng().standard_normal((2, 4, 3)), rng(1).standard_normal((3, 5))], theirs.matmul_vjp)
    gradient(matmul, [rng().standard_normal((4, 3)), rng(1).standard_normal((2, 3, 5))], theirs.matmul_vjp)


exercise.wrong("no_transpose", ("b.swapaxes(-1, -2)", "b"), fails="matrices", expect="shape")
exercise.wrong("order", ("a.swapaxes(-1, -2) @ g", "g.swapaxes(-1, -2) @ a"), fails="matrices", expect="transposed")
exercise.wrong("swapped", ("return ga, gb", "return gb, ga"), fails="matrices", expect="swapped")
exercise.wrong(
    "dot_T",
    ("b.swapaxes(-1, -2)", "b.T"),
    ("a.swapaxes(-1, -2)", "a.T"),
    fails="stacks",
    expect="T_of_stacks",
    source="dlsyscourse hw1 solutions",
)
exercise.wrong(
    "no_sum",
    ("gb = gb.sum(axis=tuple(range(gb.ndim - b.ndim)))", "pass"),
    fails="stacks",
    expect="not_summed",
    source="dlsyscourse hw1: matmul with batch",
)
exercise.wrong("mean", ("gb.sum(", "gb.mean("), fails="stacks", expect="mean_for_sum")
exercise.hint(
    "start",
    "For a of shape (4, 3) and b of shape (3, 5): which products of g with one of them have the shape of the other?",
    "There is one way to multiply g, (4, 5), with something made of b so that (4, 3) comes out.",
    "Each gradient is a product of g with the other operand, its last two axes exchanged. For stacks: who was used several times?",
)
exercise.equivalent(
    "a sum over no axis changes nothing",
    "ga.ndim > a.ndim -> ga.ndim >= a.ndim",
    "gb.ndim > b.ndim -> gb.ndim >= b.ndim",
)
