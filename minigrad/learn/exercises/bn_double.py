"""Batch norm: the derivative of the derivative

Here is the formula in one line. It is right, and its own derivative is wrong, which gradient
penalties and Hessian products need. Find which value does not know that it depends on x, and repair
the formula with as small a change as you can.
"""

from minigrad.learn import Exercise, gradient, rng

exercise = Exercise(
    id="bn_double",
    chapter=5,
    minutes=15,
    needs=("bn_dx",),
    learns="a constant in the formula is a missing path at order 2",
    see="batch_norm",
    given="as_given",
)


# region yours
import minigrad as mg


def batch_norm_vjp(g, x, eps):
    """The gradient for x of (x - mean) / sqrt(var + eps)."""
    mean = x.mean(axis=0)
    var = ((x - mean) ** 2).mean(axis=0)
    ### BEGIN SOLUTION
    rstd = (var + eps) ** -0.5
    ### END SOLUTION
    xhat = (x - mean) * rstd
    return rstd * (g - g.mean(axis=0) - xhat * (g * xhat).mean(axis=0))


# endregion


def forward(xp, x):
    mean = x.mean(axis=0)
    return (x - mean) / xp.sqrt(((x - mean) ** 2).mean(axis=0) + 1e-3)


@exercise.criterion("order 1", "the gradient is still right")
def _(theirs):
    gradient(forward, [rng().standard_normal((5, 2))], {"x": lambda g, x: theirs.batch_norm_vjp(g, x, 1e-3)})


@exercise.criterion("order 2", "the derivative of the gradient is right")
def _(theirs):
    gradient(forward, [rng().standard_normal((5, 2))], {"x": lambda g, x: theirs.batch_norm_vjp(g, x, 1e-3)}, order=2)


exercise.wrong(
    "as_given",
    ("    rstd = (var + eps) ** -0.5\n", "    with mg.no_grad():\n        rstd = (var + eps) ** -0.5\n"),
    fails="order 2",
    expect="detached",
    source="codebases that keep rstd as a plain array between forward and backward",
)
exercise.wrong(
    "mean_unrecorded",
    ("    mean = x.mean(axis=0)\n", "    with mg.no_grad():\n        mean = x.mean(axis=0)\n"),
    fails="order 2",
    expect="detached",
)
exercise.wrong(
    "xhat_unrecorded",
    ("    xhat = (x - mean) * rstd\n", "    with mg.no_grad():\n        xhat = (x - mean) * rstd\n"),
    fails="order 2",
    expect="detached",
)
exercise.wrong(
    "all_detached",
    ("    mean = x.mean(axis=0)\n", "    x = x.detach() if isinstance(x, mg.Tensor) else x\n    mean = x.mean(axis=0)\n"),
    fails="order 2",
    expect="detached",
)
exercise.wrong("eps_differs", ("(var + eps) ** -0.5", "(var + 2 * eps) ** -0.5"), fails="order 1", expect="eps")
exercise.hint(
    "start",
    "The first derivative is right. Which line computes a value that is not recorded?",
    "A value that was computed without recording is a constant for the graph. Is it one?",
    "Everything computed from x depends on x, inside a backward formula as well: let it be recorded.",
)
