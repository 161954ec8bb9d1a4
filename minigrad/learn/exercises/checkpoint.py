"""Checkpointing: compute twice, keep less

The engine of the exercise `engine` keeps every intermediate value until backward. Write
checkpoint(f, x): the same value and gradients, but only x is kept, and f runs again when the gradient
arrives. f may be random: the second run must draw the same numbers as the first, so the state of rng
must be saved. f may use leaves besides x; their gradients must arrive too. recording[0] = False
switches recording off.
"""

import gc
from contextlib import suppress

import numpy as np

from minigrad.learn import Exercise, Failed, near, small_engine

exercise = Exercise(
    id="checkpoint",
    chapter=6,
    minutes=35,
    needs=("engine",),
    learns="memory against time; what 'the same computation again' includes",
    see="minigrad.checkpointing:checkpoint",
)
exercise.setup = small_engine.reset

# region yours
from minigrad.learn.small_engine import Tensor, recording, rng  # rng.bit_generator.state is what to save


def checkpoint(f, x):
    """Return f(x), keeping only x for the backward pass."""
    ### BEGIN SOLUTION
    state = rng.bit_generator.state
    before, recording[0] = recording[0], False
    try:
        y = f(x)
    finally:
        recording[0] = before

    def pull(g):
        now, rng.bit_generator.state = rng.bit_generator.state, state
        again = Tensor(x.data)
        f(again).backward(g)
        rng.bit_generator.state = now
        return (again.grad,)

    return Tensor(y.data, (x,), pull)
    ### END SOLUTION


# endregion


def alive(kind):
    gc.collect()
    return sum(isinstance(o, kind) for o in gc.get_objects())


def deep(w):
    def f(x):
        for _ in range(6):
            x = x * x + w
        return x

    return f


@exercise.criterion("value", "the value of f(x)")
def _(theirs):
    T = small_engine.Tensor
    near(deep(T(0.1))(T(0.3)).data, theirs.checkpoint(deep(T(0.1)), T(0.3)).data, "checkpoint(f, x)")


@exercise.criterion("gradient", "the gradients of x and of a weight that f uses")
def _(theirs):
    T = small_engine.Tensor
    a, w = T(0.3), T(0.1)
    deep(w)(a).backward(2.5)
    b, u = T(0.3), T(0.1)
    theirs.checkpoint(deep(u), b).backward(2.5)  # not 1: a cotangent of ones would not show that it is dropped
    if b.grad is None or u.grad is None:
        raise Failed(f"after backward {'x' if b.grad is None else 'the weight'} has no gradient")
    near(a.grad, b.grad, "x.grad")
    near(w.grad, u.grad, "w.grad")


@exercise.criterion("memory", "nothing is recorded in the forward pass, and after it only x is kept")
def _(theirs):
    T = small_engine.Tensor
    x, w, within = T(0.3), T(0.1), []

    def f(x):
        y = deep(w)(x)
        within.append(alive(T) - before)
        return y

    before = alive(T)
    y = theirs.checkpoint(f, x)  # noqa: F841 (it is to be alive)
    kept = alive(T) - before
    if kept <= 1 and within[0] > 3:
        raise Failed(f"{within[0]} tensors are alive while f runs: everything is recorded, and dropped only afterwards")
    if kept > 1:
        raise Failed(f"{kept} tensors are alive after the forward pass, and 1 (the result) is enough")


@exercise.criterion("random", "a random f draws the same numbers again")
def _(theirs):
    e = small_engine

    def f(x):
        return x * e.Tensor(e.rng.standard_normal(3))

    e.rng.bit_generator.state = np.random.default_rng(1).bit_generator.state
    x = e.Tensor(np.ones(3))
    y = theirs.checkpoint(f, x)
    values = y.data.copy()
    e.rng.standard_normal(5)  # something else is drawn before the gradient arrives
    following = e.rng.bit_generator.state
    y.backward(np.ones(3))
    near(values, x.grad, "for y = mask * x, x.grad is the mask")
    if e.rng.bit_generator.state != following:
        raise Failed("after backward the generator is not where it was before it: the numbers drawn next are not random but repeated")


@exercise.criterion("mode", "recording is as before, also after an error")
def _(theirs):
    e = small_engine

    def f(x):
        raise KeyError("in f")

    with suppress(KeyError):
        theirs.checkpoint(f, e.Tensor(1.0))
    was, e.recording[0] = e.recording[0], True
    if not was:
        raise Failed("after an error in f nothing is recorded any more: recording[0] was not set back")


exercise.wrong(
    "plain",
    (
        "    state = rng.bit_generator.state\n    before, recording[0] = recording[0], False\n",
        "    return f(x)\n    state = rng.bit_generator.state\n    before, recording[0] = recording[0], False\n",
    ),
    fails="memory",
    expect="nothing_freed",
)
exercise.wrong(
    "x_again",
    (
        "again = Tensor(x.data)\n        f(again).backward(g)\n        rng.bit_generator.state = now\n        return (again.grad,)",
        "f(x).backward(g)\n        rng.bit_generator.state = now\n        return (x.grad,)",
    ),
    fails="gradient",
    expect="counted_twice",
)
exercise.wrong(
    "no_state",
    ("now, rng.bit_generator.state = rng.bit_generator.state, state", "now = rng.bit_generator.state"),
    fails="random",
    expect="random_state",
    source="torch.utils.checkpoint preserve_rng_state exists for this",
)
exercise.wrong("state_not_restored", ("        rng.bit_generator.state = now\n", ""), fails="random", expect="random_state_left")
exercise.wrong("not_recording", ("        recording[0] = before\n", "        pass\n"), fails="gradient", expect="mode_left")
exercise.wrong(
    "no_finally",
    ("    try:\n        y = f(x)\n    finally:\n        recording[0] = before\n", "    y = f(x)\n    recording[0] = before\n"),
    fails="mode",
    expect="mode_left",
)
exercise.wrong("ones", ("f(again).backward(g)", "f(again).backward()"), fails="gradient", expect="cotangent_ignored")
exercise.hint(
    "start",
    "In the first run nothing shall be recorded. What must be true of the switch afterwards, even if f raises?",
    "The result is a Tensor with the one parent x. Its pull runs f again, recorded now, on an x of its own, and goes back from there.",
    "Besides x a random f depends on the generator: put it back to where the first run began, and afterwards to where it was.",
)
