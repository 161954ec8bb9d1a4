"""A numerical derivative

Write slope(f, x): the gradient of a function f from an array to a number, by central differences,
without any formula. Two errors fight: a large step h sees the curve, a small one sees rounding.
Choose h so that nine digits are right for smooth functions of ordinary size, and seven for x near a
million. x must be as before afterwards, and f may keep what it is given.
"""

from minigrad.learn import Exercise, Failed, near, rng

exercise = Exercise(
    id="numdiff",
    chapter=4,
    minutes=15,
    learns="truncation against rounding: h near the cube root of 1e-16",
    see="minigrad.gradcheck.numerics.differentiation:slopes",
)


# region yours
import numpy as np


def slope(f, x):
    """The gradient of f at x, one element at a time."""
    ### BEGIN SOLUTION
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        h = 1e-5 * max(1.0, abs(x[i]))
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        g[i] = (f(up) - f(down)) / (up[i] - down[i])
    return g
    ### END SOLUTION


# endregion


@exercise.criterion("value", "four digits for sum(sin(x))")
def _(theirs):
    x = rng().standard_normal((3, 2))
    near(np.cos(x), theirs.slope(lambda a: np.sin(a).sum(), x), "cos(x)", 1e-4)


@exercise.criterion("digits", "nine digits")
def _(theirs):
    x = rng().standard_normal((3, 2))
    near(np.cos(x), theirs.slope(lambda a: np.sin(a).sum(), x), "cos(x)", 1e-9)


@exercise.criterion("large x", "seven digits for x around 1e6, where 1e-5 is lost in rounding")
def _(theirs):
    x = np.array([1e6, 3e6])
    near(2 * x, theirs.slope(lambda a: (a * a).sum(), x), "2 x", 1e-7)


@exercise.criterion("pure", "x is as before")
def _(theirs):
    x = rng().standard_normal((3, 2))
    before = x.copy()
    theirs.slope(lambda a: (a * a).sum(), x)
    near(before, x, "x afterwards", 0.0)


@exercise.criterion("f keeps what it is given", "f may keep its argument")
def _(theirs):
    seen = []
    theirs.slope(lambda a: (seen.append(a), (a * a).sum())[1], np.array([1.0, 2.0]))
    if len({tuple(a) for a in seen}) < 4:
        raise Failed("f was called with one array that changed later: it kept its arguments, and they are no longer what they were")


exercise.wrong("forward", ("(f(up) - f(down)) / (up[i] - down[i])", "(f(up) - f(x)) / h"), fails="digits", expect="one_sided")
exercise.wrong("tiny_h", ("1e-5 * max(1.0, abs(x[i]))", "1e-12"), fails="digits", expect="rounding", source="'the smaller the better'")
exercise.wrong("large_h", ("1e-5 * max(1.0, abs(x[i]))", "1e-3"), fails="digits", expect="truncation", source="dlsyscourse hw1 uses 1e-4")
exercise.wrong("absolute_h", ("1e-5 * max(1.0, abs(x[i]))", "1e-7"), fails="large x", expect="rounding")
exercise.wrong("no_2", ("(up[i] - down[i])", "h"), fails="value", expect="factor")
exercise.wrong("in_place", ("up, down = x.copy(), x.copy()", "up = down = x"), fails="value", expect="shared_memory")
exercise.wrong(
    "not_restored",
    (
        "        up, down = x.copy(), x.copy()\n"
        "        up[i] += h\n"
        "        down[i] -= h\n"
        "        g[i] = (f(up) - f(down)) / (up[i] - down[i])\n",
        "        x[i] += h\n        a = f(x)\n        x[i] -= 2 * h\n        g[i] = (a - f(x)) / (2 * h)\n",
    ),
    fails="pure",
    expect="not_restored",
    source="CS231n's eval_numerical_gradient restores by hand",
)
exercise.wrong(
    "all_at_once", ("up[i] += h\n        down[i] -= h", "up += h\n        down -= h"), fails="value", expect="all_elements_moved"
)
exercise.hint(
    "start",
    "Try h = 0.1, 0.001, ... for sin at 1 and print the error each time. Where is it smallest?",
    "One element at a time: move it up and down in copies of x, call f on both, divide by the distance between them.",
    "The error of central differences falls like h squared, rounding grows like 1e-16 / h. Where they meet is best; let h grow with x.",
)
exercise.equivalent(
    "every element is written to",
    "np.zeros -> np.ones",
)
exercise.equivalent(
    "the learner chooses the step: these serve as well",
    "1e-05 -> 2e-05",
    "1.0 -> 2.0",
)
