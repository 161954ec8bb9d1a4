"""Find the planted bug

A network is a list of ops, each a function with a formula, and at most one formula is wrong. Write
find(ops, inputs) with mg.gradcheck: the name of the op whose gradient is wrong, or None. inputs[k] is
an array that op k can be applied to. Not every wrong formula shows at every point: one is wrong only
where x < 0, one only at order 2, one only for a cotangent that is not constant.
"""

from minigrad.core.op import Op
from minigrad.learn import Exercise, Failed, rng

exercise = Exercise(
    id="planted_bug",
    chapter=4,
    minutes=20,
    needs=("own_gradcheck",),
    learns="bisecting a network with gradient checks; points and orders that hide a bug",
    see="minigrad.gradcheck.mutants.changes:mutants_of",
)


# region yours
import numpy as np

import minigrad as mg


def find(ops, inputs):
    """Return the name of the op with a wrong formula, or None."""
    ### BEGIN SOLUTION
    for op, x in zip(ops, inputs):
        for point in (x, -x, x + 0.3):
            if not mg.gradcheck(op, [point], order=2).ok:
                return op.name
    return None
    ### END SOLUTION


# endregion


def make(name, forward, formula):
    forward.__name__ = name
    op = Op(forward)
    op.vjp(x=formula)
    return op


def constant(t):
    return t.detach() if isinstance(t, mg.Tensor) else t


#: what may be said about a bug that was not found
NEEDS = {"leaky": "one that needs another point", "tanh2": "one that needs the second derivative"}
#: only the network as a whole is tested
WHOLE = """    def all_of_them(x):
        for op in ops:
            x = op(x)
        return x

    if not mg.gradcheck(all_of_them, [inputs[0]]).ok:
        return ops[-1].name
    for op, x in zip(ops, inputs):
"""
#: a check of one's own, with a cotangent of ones
ONES = """t = mg.Tensor(point.copy(), requires_grad=True)
            op(t).sum().backward()
            steps = 1e-5 * np.eye(point.size).reshape(point.size, *point.shape)
            n = np.array([(op(point + e).sum() - op(point - e).sum()) / 2e-5 for e in steps]).reshape(point.shape)
            if np.abs(t.grad.data - n).max() > 1e-6:"""


def network(bug=None):
    right = {
        "scale": (lambda xp, x: 3 * x, lambda g, x: g * 3),
        "leaky": (lambda xp, x: xp.where(x > 0, x, 0.1 * x), lambda g, x: g * mg.where(x > 0, 1.0, 0.1)),
        "centre": (lambda xp, x: x - x.mean(axis=0), lambda g, x: g - g.mean(axis=0)),
        "tanh2": (lambda xp, x: xp.tanh(x), lambda g, y: g * (1 - y * y)),
        "cube": (lambda xp, x: x**3, lambda g, x: g * 3 * x * x),
    }
    wrong = {
        "scale": lambda g, x: g * 3.001,
        "leaky": lambda g, x: g * mg.where(x > 0, 1.0, 0.2),
        "centre": lambda g, x: g * 0,
        "tanh2": lambda g, y: g * (1 - constant(y) * constant(y)),
        "cube": lambda g, x: g * 2 * x * x,
    }
    return [make(name, f, wrong[name] if name == bug else v) for name, (f, v) in right.items()]


INPUTS = [np.abs(rng(k).standard_normal((3, 2))) + 0.1 for k in range(5)]


@exercise.criterion("clean", "no bug: None")
def _(theirs):
    got = theirs.find(network(), INPUTS)
    if got is not None:
        raise Failed(f"nothing is wrong, and you say {got!r}")


@exercise.criterion("found", "every bug is found")
def _(theirs):
    for bug in ("cube", "scale", "centre", "leaky", "tanh2"):
        got = theirs.find(network(bug), INPUTS)
        if got != bug:
            raise Failed(f"a bug is planted ({NEEDS.get(bug, 'an ordinary one')}), and you say {got!r}")


exercise.wrong("one_point", ("(x, -x, x + 0.3)", "(x,)"), fails="found", expect="points")
exercise.wrong("order_1", ("order=2", "order=1"), fails="found", expect="order")
exercise.wrong(
    "whole",
    ("    for op, x in zip(ops, inputs):\n", WHOLE),
    fails="found",
    expect="not_bisected",
)
exercise.wrong(
    "own_ones",
    ("if not mg.gradcheck(op, [point], order=2).ok:", ONES),
    fails="found",
    expect="ones_cotangent",
)
exercise.hint(
    "start",
    "mg.gradcheck(op, [x]) returns a result; print it, and look at what .ok and str() say.",
    "Check each op by itself, with the input that belongs to it, and look where the inputs all have one sign.",
    "A wrong formula can hide at a point or at an order. Try points of every kind, and ask for the derivative of the derivative.",
)
exercise.equivalent(
    "the learner chooses points and order: these serve as well",
    "x + 0.3 -> x - 0.3",
    "x + 0.3 -> x * 0.3",
    "0.3 -> 1.3",
    "0.3 -> 0.6",
    "2 -> 3",
)
