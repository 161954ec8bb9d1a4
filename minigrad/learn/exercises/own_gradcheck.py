"""Write a gradcheck, and defeat the liars

Given are a function f from one array to an array, and a backward(g, x) that claims to be its gradient.
Write honest(f, backward, x): True if the claim holds; you have slope() of the last exercise. Thirteen
liars are waiting; some are right for a g of ones, one the first time it is called. An honest backward
must pass, also where its gradient is truly zero.
"""

from minigrad.learn import Exercise, Failed

exercise = Exercise(
    id="own_gradcheck",
    chapter=4,
    minutes=30,
    needs=("numdiff", "mean_axis"),
    learns="a check that can never fail proves nothing: random cotangents, several points, several calls",
    see="minigrad.gradcheck.check:gradcheck",
)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def centred(x):
    return x - x.mean(axis=0)


# region yours
import numpy as np


def slope(f, x):
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += 1e-5
        down[i] -= 1e-5
        g[i] = (f(up) - f(down)) / 2e-5
    return g


def honest(f, backward, x):
    """Whether backward(g, x) is the gradient of sum(g * f(x)), for every g and at every point like x."""
    ### BEGIN SOLUTION
    rng = np.random.default_rng(0)
    for trial in range(3):
        at = x + 0.1 * trial * rng.standard_normal(x.shape)
        g = rng.standard_normal(f(at).shape)
        kept, kept_x = g.copy(), at.copy()
        mine = backward(g, at)
        if np.shape(mine) != x.shape or not (g == kept).all() or not (at == kept_x).all():
            return False
        true = slope(lambda a: (g * f(a)).sum(), at)
        if not np.abs(mine - true).max() <= 1e-6 * max(1.0, np.abs(true).max()):
            return False
    return True
    ### END SOLUTION


# endregion

calls: list[int] = [0]
kept: list[np.ndarray] = []


def first_time(g, x):
    calls[0] += 1
    return g * 2 * x * (1 if calls[0] == 1 else 0.5)


def first_x(g, x):
    kept.append(x.copy())
    return g * 2 * kept[0]


def right_in_one_place(g, x):
    r = g * 2.1 * x
    r[0, 0] /= 1.05
    return r


def writes(g, x):
    r = g * 2 * x
    g *= 0
    return r


X = np.random.default_rng(5).standard_normal((4, 3))
HONEST = {
    "x * x": (lambda x: x * x, lambda g, x: g * 2 * x),
    "softmax": (softmax, lambda g, x: softmax(x) * (g - (g * softmax(x)).sum(-1, keepdims=True))),
    "centring": (centred, lambda g, x: g - g.mean(axis=0)),
    "a million times x * x": (lambda x: 1e6 * x * x, lambda g, x: g * 2e6 * x),
    "zero, truly": (lambda x: centred(x).sum(axis=0), lambda g, x: np.zeros(x.shape)),
}
LIARS = {
    "ignores g": (lambda x: x * x, lambda g, x: 2 * x),
    "a factor 2": (lambda x: x * x, lambda g, x: g * 4 * x),
    "softmax returns zero: right for g = 1": (softmax, lambda g, x: np.zeros(x.shape)),
    "centring returns zero: right for g = 1": (centred, lambda g, x: np.zeros(x.shape)),
    "softmax with the wrong sign: right for g = 1": (softmax, lambda g, x: softmax(x) * (g - (g * softmax(x)).sum(-1, keepdims=True)) * -1),
    "transposed use: sum over the wrong axis": (centred, lambda g, x: g - g.mean(axis=1, keepdims=True)),
    "off by one part in 1000": (lambda x: x * x, lambda g, x: g * 2 * x * 1.001),
    "right the first time": (lambda x: x * x, first_time),
    "right only at the first x": (lambda x: x * x, first_x),
    "right in one element": (lambda x: x * x, right_in_one_place),
    "nan": (lambda x: x * x, lambda g, x: g * np.nan),
    "writes to g": (lambda x: x * x, writes),
    "wrong shape": (lambda x: x.sum(axis=0), lambda g, x: g),
}


@exercise.criterion("honest", "honest ones pass")
def _(theirs):
    for name, (f, b) in HONEST.items():
        if not theirs.honest(f, b, X.copy()):
            raise Failed(f"{name}: this backward is right, and you call it a liar")


@exercise.criterion("liars", "every liar is found out")
def _(theirs):
    calls[0] = 0
    kept.clear()
    missed = [name for name, (f, b) in LIARS.items() if theirs.honest(f, b, X.copy())]
    if missed:
        raise Failed(f"{len(missed)} of {len(LIARS)} liars got away; one of them: {missed[0].partition(':')[0]}", missed)


exercise.wrong(
    "ones",
    ("g = rng.standard_normal(f(at).shape)", "g = np.ones(f(at).shape)"),
    fails="liars",
    expect="ones_cotangent",
    source="dlsyscourse hw1 gradient_check; cs249r_book #2053; HomericIntelligence/Mnemosyne #310, #730",
)
exercise.wrong(
    "sum_only", ("if not np.abs(mine - true).max()", "if not np.abs((mine - true).sum())"), fails="liars", expect="summed_difference"
)
exercise.wrong(
    "nan_passes",
    (
        "if not np.abs(mine - true).max() <= 1e-6 * max(1.0, np.abs(true).max()):",
        "if np.abs(mine - true).max() > 1e-6 * max(1.0, np.abs(true).max()):",
    ),
    fails="liars",
    expect="nan_compares_false",
)
exercise.wrong(
    "relative_only", ("1e-6 * max(1.0, np.abs(true).max())", "1e-6 * np.abs(mine).max()"), fails="honest", expect="zero_gradient"
)
exercise.wrong(
    "loose",
    ("<= 1e-6 *", "<= 1e-2 *"),
    fails="liars",
    expect="tolerance",
    source="mlpack #2474: CheckGradient(function) <= 0.4; HomericIntelligence: 10 %",
)
exercise.wrong("once", ("for trial in range(3)", "for trial in range(1)"), fails="liars", expect="one_call_only")
exercise.wrong(
    "not_zero",
    (
        "        true = slope(lambda a: (g * f(a)).sum(), at)\n"
        "        if not np.abs(mine - true).max() <= 1e-6 * max(1.0, np.abs(true).max()):\n"
        "            return False\n",
        "        if mine is None or not np.any(mine):\n            return False\n",
    ),
    fails="honest",
    expect="only_nonzero",
    source="cs249r_book PR #1336: tests only checked that grad is not None or non-zero",
)
exercise.wrong(
    "broadcasts",
    ("np.shape(mine) != x.shape or ", ""),
    fails="liars",
    expect="shape_unchecked",
    source="nn-zero-to-hero #59: cmp() compares [64] with [1, 64]",
)
exercise.hint(
    "start",
    "For which function of a single number does slope() give what backward(g, x) must return?",
    "Take a random g. The number is the sum of g times f; compare its slope with what backward says, element by element.",
    "Then think like a liar: another g, another x, another call; a shape that NumPy broadcasts; a result that is no number; writing to g.",
)
exercise.equivalent(
    "the learner chooses points and number of trials: these serve as well",
    "0 -> 1",
    "3 -> 4",
    "3 -> 2",
    "x + 0.1 * trial * rng.standard_normal(x.shape) -> x - 0.1 * trial * rng.standard_normal(x.shape)",
    "x + 0.1 * trial * rng.standard_normal(x.shape) -> x * (0.1 * trial * rng.standard_normal(x.shape))",
    "0.1 * trial * rng.standard_normal(x.shape) -> 0.1 * trial / rng.standard_normal(x.shape)",
    "0.1 * trial * rng.standard_normal(x.shape) -> 0.1 * trial + rng.standard_normal(x.shape)",
    "0.1 * trial -> 0.1 + trial",
    "0.1 -> 1.1",
    "0.1 -> 0.2",
)
exercise.equivalent(
    "the learner chooses the tolerance: these serve as well",
    "np.abs(mine - true).max() <= 1e-06 * max(1.0, np.abs(true).max()) -> np.abs(mine - true).max() < 1e-06 * max(1.0, np.abs(true).max())",
    "1e-06 -> 2e-06",
    "np.abs(true).max -> np.abs(true).min",
    "1.0 -> 2.0",
)
