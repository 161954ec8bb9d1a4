"""Why not simply normalize after the step

Section 2 of the batch norm paper: u is a fixed input, x = u + b with a learned b, and the layer
returns x - mean(x). A step that takes the mean for a constant changes b by -lr * sum(g); the output
does not change, so the same step comes again, and b grows without bound. Write naive_step (the mean is
a constant for the gradient), true_step (it is not), and explodes(step): a test that tells them apart
by what happens to b and to the output.
"""

from minigrad.learn import Exercise, Failed, near, rng

exercise = Exercise(
    id="bn_naive",
    chapter=5,
    minutes=20,
    needs=("mean_axis", "bn_dx"),
    learns="the gradient must know about the normalization: the paper's own argument, as a test",
)


# region yours
import numpy as np


def naive_step(b, u, g, lr):
    """One step on b with the mean of the batch taken for a constant. u and g have shape (m,)."""
    ### BEGIN SOLUTION
    return b - lr * g.sum()
    ### END SOLUTION


def true_step(b, u, g, lr):
    """One step on b with the gradient of sum(g * (x - x.mean())), x = u + b."""
    ### BEGIN SOLUTION
    return b - lr * (g - g.mean()).sum()
    ### END SOLUTION


def explodes(step):
    """Whether 100 steps leave the layer's output unchanged while b runs away."""
    ### BEGIN SOLUTION
    rng = np.random.default_rng(0)
    u, g, b = rng.standard_normal(8), rng.standard_normal(8) + 1.0, 0.0
    before = u + b - (u + b).mean()
    for _ in range(100):
        b = step(b, u, g, 0.1)
    after = u + b - (u + b).mean()
    return bool(abs(b) > 1.0 and np.abs(after - before).max() < 1e-9)
    ### END SOLUTION


# endregion


@exercise.criterion("naive", "the naive step")
def _(theirs):
    g = rng(1).standard_normal(8) + 1
    near(2.0 - 0.1 * g.sum(), theirs.naive_step(2.0, rng().standard_normal(8), g, 0.1), "b after one naive step")


@exercise.criterion("true", "the true step does not move b at all")
def _(theirs):
    g = rng(1).standard_normal(8) + 1
    near(2.0, theirs.true_step(2.0, rng().standard_normal(8), g, 0.1), "b after one true step")


@exercise.criterion("test", "explodes() tells the two apart")
def _(theirs):
    if theirs.explodes(naive_reference) is not True:
        raise Failed("explodes(naive step) must be True")
    if theirs.explodes(lambda b, u, g, lr: b):
        raise Failed("explodes() of a step that leaves b alone must be False")


@exercise.criterion("mutants", "explodes() is not fooled")
def _(theirs):
    for name, step in (
        ("b moves and comes back", lambda b, u, g, lr: b - lr * np.sin(50 * b) * 0),
        ("b is set to a constant", lambda b, u, g, lr: 0.5),
        ("b becomes infinite, and the output no number", lambda b, u, g, lr: np.inf),
        ("b runs away in steps too small to matter", lambda b, u, g, lr: b - 1e-9 * g.sum()),
    ):
        if theirs.explodes(step):
            raise Failed(f"explodes() says True for: {name}")


def naive_reference(b, u, g, lr):
    return b - lr * g.sum()


exercise.wrong("naive_is_true", ("return b - lr * g.sum()\n", "return b - lr * (g - g.mean()).sum()\n"), fails="naive", expect="not_naive")
exercise.wrong("true_is_naive", ("(g - g.mean()).sum()", "g.sum()"), fails="true", expect="path_through_mean")
exercise.wrong("mean_for_sum", ("return b - lr * g.sum()\n", "return b - lr * g.mean()\n"), fails="naive", expect="factor")
exercise.wrong(
    "g_zero_mean", ("rng.standard_normal(8) + 1.0", "(lambda t: t - t.mean())(rng.standard_normal(8))"), fails="test", expect="vacuous_test"
)
exercise.wrong("only_moves", ("abs(b) > 1.0 and ", "abs(b) > 0 and "), fails="mutants", expect="weak_test")
exercise.wrong(
    "always",
    ("return bool(abs(b) > 1.0 and np.abs(after - before).max() < 1e-9)", "return bool(np.abs(after - before).max() < 1e-9)"),
    fails="test",
    expect="weak_test",
)
exercise.hint(
    "start",
    "Move b by 1. What happens to x, to mean(x), and to the output?",
    "The gradient for b is a sum over the batch: in the naive step of g itself, in the true one of what centring passes back.",
    "For the test, run many steps from a situation in which the naive step does move b, and look at two things: b, and the output.",
)
exercise.equivalent(
    "the sum of g - mean(g) is zero, whatever it is multiplied with",
    "b - lr * (g - g.mean()).sum() -> b + lr * (g - g.mean()).sum()",
    "(g - g.mean()).sum -> (g - g.mean()).mean",
)
exercise.equivalent(
    "b cancels in the output, so neither its sign nor the bound on a change of zero matters",
    "u + b -> u - b",
    "u + b -> u - b (3)",
    "np.abs(after - before).max() < 1e-09 -> np.abs(after - before).max() <= 1e-09",
    "1e-09 -> 1.000000001",
    "1e-09 -> 2e-09",
    "np.abs(after - before).max -> np.abs(after - before).min",
)
exercise.equivalent(
    "the learner chooses the situation of the test: these serve as well",
    "0 -> 1",
    "rng.standard_normal(8) + 1.0 -> rng.standard_normal(8) - 1.0",
    "rng.standard_normal(8) + 1.0 -> rng.standard_normal(8) * 1.0",
    "0.0 -> 1.0",
    "100 -> 101",
    "100 -> 99",
    "8 -> 9",
    "8 -> 7",
    "1.0 -> 2.0",
    "0.1 -> 1.1",
    "0.1 -> 0.2",
    "abs(b) > 1.0 -> abs(b) >= 1.0",
    "8 -> 9 (2)",
    "8 -> 7 (2)",
    "1.0 -> 2.0 (2)",
)
