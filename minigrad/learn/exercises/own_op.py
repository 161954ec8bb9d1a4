"""Your own op, and samples that would notice

Declare the op logcosh, y = log(cosh(a x)) / a for a parameter a > 0, with its formula, right at every
order; the value must be right for x = 1000 too. Write samples(): a list of (x, a) pairs. Your samples
are put to the test: your formula is changed in one place at a time, and gradcheck on your samples must
notice each change.
"""

from minigrad.learn import Exercise, Failed, near, rng, verdict

exercise = Exercise(
    id="own_op",
    chapter=6,
    minutes=30,
    needs=("softsign", "logsumexp", "planted_bug"),
    learns="a formula is only as good as the samples that would notice it were wrong",
    see="minigrad.core.op:op",
)


# region yours
import numpy as np

import minigrad as mg


@mg.op
def logcosh(xp, x, *, a):
    """log(cosh(a x)) / a"""
    ### BEGIN SOLUTION
    z = xp.abs(a * x)
    return (z + xp.log1p(xp.exp(-2 * z)) - xp.log(2.0)) / a
    ### END SOLUTION


# its formula: logcosh.vjp(x=lambda g, x, *, a: ...)
### BEGIN SOLUTION
logcosh.vjp(x=lambda g, x, *, a: g * mg.tanh(a * x))
### END SOLUTION


def samples():
    """Return (x, a) pairs, x a float64 array away from kinks."""
    ### BEGIN SOLUTION
    return [(np.array([0.5, -1.2, 2.0]), 1.0), (np.array([[0.3, -0.7]]), 2.5)]
    ### END SOLUTION


# endregion


@exercise.criterion("value", "right, also for x = 1000")
def _(theirs):
    x = rng().standard_normal(4)
    near(np.log(np.cosh(2 * x)) / 2, theirs.logcosh(x, a=2.0), "logcosh")
    near(1000 - np.log(2), theirs.logcosh(np.array(1000.0), a=1.0), "logcosh(1000)")


@exercise.criterion("gradient", "gradcheck agrees at order 3, on the grader's points")
def _(theirs):
    from functools import partial

    verdict(mg.gradcheck(partial(theirs.logcosh, a=2.5), [rng().standard_normal(4) + 0.1], order=3))


@exercise.criterion("samples", "your own samples pass, and tell something")
def _(theirs):
    from functools import partial

    for x, a in theirs.samples():
        result = mg.gradcheck(partial(theirs.logcosh, a=a), [x], order=2)
        if not result.ok:
            raise Failed(f"for x = {x}, a = {a}: {result.verdict}")


@exercise.criterion("mutants", "every change of your formula is noticed by your samples")
def _(theirs):
    from functools import partial

    from minigrad.gradcheck.mutants.changes import mutants_of

    op = theirs.logcosh
    formula = op.formulas[0]
    right, survived, n = formula.function, [], 0
    for mutant in mutants_of(op, 0):
        n += 1
        formula.function = mutant.function
        op.plans.clear()
        try:
            killed = any(mg.gradcheck(partial(op, a=a), [x]).verdict == "fail" for x, a in theirs.samples())
        except Exception:
            killed = True
        if not killed:
            survived.append(mutant.change)
    formula.function = right
    op.plans.clear()
    if survived:
        raise Failed(f"{len(survived)} of {n} changes of your formula are not noticed by your samples, for example {survived[0]}")


exercise.wrong(
    "a_is_1",
    ("[(np.array([0.5, -1.2, 2.0]), 1.0), (np.array([[0.3, -0.7]]), 2.5)]", "[(np.array([0.5, -1.2, 2.0]), 1.0)]"),
    fails="mutants",
    expect="parameter_at_its_neutral_value",
)
exercise.wrong(
    "at_zero",
    ("[(np.array([0.5, -1.2, 2.0]), 1.0), (np.array([[0.3, -0.7]]), 2.5)]", "[(np.zeros(3) + 1e-9, 1.0)]"),
    fails="samples",
    expect="samples_at_zero",
)
exercise.wrong("factor", ("g * mg.tanh(a * x)", "g * a * mg.tanh(a * x)"), fails="gradient", expect="factor")
exercise.wrong("numpy", ("g * mg.tanh(a * x)", "g * np.tanh(a * x)"), fails="gradient", expect="numpy_in_formula")
exercise.wrong(
    "overflow",
    ("    z = xp.abs(a * x)\n    return (z + xp.log1p(xp.exp(-2 * z)) - xp.log(2.0)) / a\n", "    return xp.log(xp.cosh(a * x)) / a\n"),
    fails="value",
    expect="overflow",
)
exercise.wrong(
    "saturated",
    ("[(np.array([0.5, -1.2, 2.0]), 1.0), (np.array([[0.3, -0.7]]), 2.5)]", "[(np.array([30.0, -40.0]), 2.5)]"),
    fails="mutants",
    expect="samples_saturated",
)
exercise.hint(
    "start",
    "What is log(cosh(z)) for large z? Compare with z itself.",
    "cosh(z) is (exp(z) + exp(-z)) / 2. Take exp(|z|) out of it before the logarithm. For the slope: what is sinh / cosh?",
    "For the samples: several numbers of both signs where the curve bends, and more than one a, none of them neutral.",
)
exercise.equivalent(
    "the learner chooses the samples: these serve as well",
    "1.0 -> 2.0",
    "2.5 -> 3.5",
    "2.5 -> 5.0",
    "0.5 -> 1.5",
    "0.5 -> 1.0",
    "-1.2 -> +1.2",
    "2.0 -> 3.0 (2)",
    "2.0 -> 4.0 (2)",
    "1.2 -> 2.2",
    "1.2 -> 2.4",
    "0.3 -> 1.3",
    "0.3 -> 0.6",
    "-0.7 -> +0.7",
    "0.7 -> 1.7",
    "0.7 -> 1.4",
)
