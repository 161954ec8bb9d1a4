"""A quotient: softsign

Softsign is y = x / (1 + |x|). Write its backward formula. Work out dy/dx with the quotient rule,
once for x > 0 and once for x < 0: both come to one expression in |x|. Your formula is also
differentiated itself (order 2), so use mg.abs, which can be; np.abs cannot.
"""

import numpy as np

from minigrad.learn import Exercise, gradient, near

exercise = Exercise(
    id="softsign",
    chapter=1,
    minutes=8,
    needs=("square",),
    learns="the quotient rule, a sign, and ops that can be differentiated again",
    see="softsign",
)


# region yours
import minigrad as mg


def softsign_vjp(g, x):
    """Return the gradient for x of y = x / (1 + |x|)."""
    ### BEGIN SOLUTION
    return g / (1 + mg.abs(x)) ** 2
    ### END SOLUTION


# endregion


def softsign(xp, x):
    return x / (1 + xp.abs(x))


X = np.array([0.5, -2.0, 1.25, -0.3])


@exercise.criterion("positive", "right where x > 0")
def _(theirs):
    near(1 / 2.25, theirs.softsign_vjp(1.0, np.array(0.5)), "x = 0.5, g = 1")


@exercise.criterion("gradient", "gradcheck agrees on both sides of 0")
def _(theirs):
    gradient(softsign, [X], {"x": theirs.softsign_vjp})


@exercise.criterion("order 2", "its derivative is right too")
def _(theirs):
    gradient(softsign, [X], {"x": theirs.softsign_vjp}, order=2)


exercise.probe = lambda theirs: gradient(softsign, [X], {"x": theirs.softsign_vjp})
exercise.wrong(
    "no_square",
    ("(1 + mg.abs(x)) ** 2", "(1 + mg.abs(x))"),
    fails="positive",
    expect="power",
    source="newcomer.md section 3: no diagnosis today",
)
exercise.wrong("no_abs", ("mg.abs(x)", "x"), fails="gradient", expect="where_sign")
exercise.wrong("sign", ("g / (1 + mg.abs(x)) ** 2", "g * mg.sign(x) / (1 + mg.abs(x)) ** 2"), fails="gradient", expect="where_sign")
exercise.wrong(
    "numpy",
    ("mg.abs(x)", "np.abs(x)"),
    ("import minigrad as mg", "import minigrad as mg\nimport numpy as np"),
    fails="order 2",
    expect="numpy_in_formula",
    source="newcomer.md friction 12",
)
exercise.wrong("detached", ("mg.abs(x)", "mg.abs(x.detach() if isinstance(x, mg.Tensor) else x)"), fails="order 2", expect="detached")
exercise.wrong(
    "half_quotient",
    ("g / (1 + mg.abs(x)) ** 2", "g * (1 / (1 + mg.abs(x)) - x / (1 + mg.abs(x)) ** 2)"),
    fails="gradient",
    expect="where_sign",
)
exercise.hint(
    "start",
    "For x > 0 the function is x / (1 + x). What is its slope at 0, and what far out?",
    "Write the quotient rule for x > 0 and bring it to one fraction. Then do x < 0, where |x| is -x.",
    "Both sides give the same fraction, once it is written with |x|. It is never negative: the curve always rises.",
)
