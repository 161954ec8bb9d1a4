"""Adam

Write one step of Adam for one array: moving averages of g and of g * g, both started at 0 and
corrected for that, then p - lr * m_hat / (sqrt(v_hat) + eps). t counts steps from 1. With weight decay
wd > 0 do what AdamW does: shrink p by lr * wd, beside the gradient and not through it.
"""

from minigrad.learn import Exercise, near, rng

exercise = Exercise(
    id="adam", chapter=6, minutes=20, learns="bias correction; where eps stands; decoupled weight decay", see="minigrad.optim.adam:AdamW"
)


# region yours
import numpy as np


def adam_step(p, g, m, v, t, lr=0.01, b1=0.9, b2=0.999, eps=1e-8, wd=0.0):
    """Return p, m, v after step number t (the first is 1). No argument is changed."""
    ### BEGIN SOLUTION
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g * g
    m_hat = m / (1 - b1**t)
    v_hat = v / (1 - b2**t)
    p = p * (1 - lr * wd) - lr * m_hat / (np.sqrt(v_hat) + eps)
    return p, m, v
    ### END SOLUTION


# endregion


def run(step, n=3, **options):
    import minigrad as mg
    from minigrad import nn, optim

    p0 = rng().standard_normal(4)
    gs = [rng(k + 1).standard_normal(4) for k in range(n)]
    gs[1] = gs[1] * 1e-8
    theirs = nn.Parameter(mg.Tensor(p0.copy()))
    optimizer = optim.AdamW([theirs], lr=0.01, weight_decay=options.get("wd", 0.0), eps=options.get("eps", 1e-8))
    p, m, v = p0.copy(), np.zeros(4), np.zeros(4)
    for t, g in enumerate(gs, 1):
        theirs.grad = mg.Tensor(g.copy())
        optimizer.step()
        p, m, v = step(p, g.copy(), m, v, t, **options)
        near(theirs.data, p, f"p after step {t}", 1e-10)


@exercise.criterion("first", "the first step is lr * sign(g), whatever the size of g")
def _(theirs):
    near(
        np.array([-0.01, 0.01]),
        theirs.adam_step(np.zeros(2), np.array([3.0, -0.001]), np.zeros(2), np.zeros(2), 1)[0],
        "p after step 1 from 0",
        1e-4,
    )


@exercise.criterion("steps", "three steps, against minigrad's")
def _(theirs):
    run(theirs.adam_step)


@exercise.criterion("eps", "eps is added after the root")
def _(theirs):
    run(theirs.adam_step, eps=0.1)


@exercise.criterion("decay", "weight decay beside the gradient")
def _(theirs):
    run(theirs.adam_step, wd=0.5)


@exercise.criterion("pure", "m and v that were given are as before")
def _(theirs):
    m, v = np.ones(2), np.ones(2)
    theirs.adam_step(np.zeros(2), np.array([2.0, 3.0]), m, v, 2)  # g = 1 would be a fixed point of m, and show nothing
    near(np.ones(4), np.concatenate([m, v]), "m and v after the call", 0.0)


exercise.wrong(
    "no_correction",
    ("m_hat = m / (1 - b1**t)\n    v_hat = v / (1 - b2**t)", "m_hat, v_hat = m, v"),
    fails="first",
    expect="bias_correction",
)
exercise.wrong("only_m", ("v_hat = v / (1 - b2**t)", "v_hat = v"), fails="first", expect="bias_correction")
exercise.wrong("t_minus_1", ("b1**t)", "b1**(t + 1))"), fails="first", expect="step_count")
exercise.wrong("eps_inside", ("(np.sqrt(v_hat) + eps)", "np.sqrt(v_hat + eps)"), fails="first", expect="eps_place")
exercise.wrong(
    "coupled",
    ("    m = b1 * m + (1 - b1) * g\n", "    g = g + wd * p\n    m = b1 * m + (1 - b1) * g\n"),
    ("p * (1 - lr * wd)", "p"),
    fails="decay",
    expect="coupled_decay",
    source="Adam with L2 for AdamW",
)
exercise.wrong("v_of_m", ("(1 - b2) * g * g", "(1 - b2) * m * m"), fails="first", expect="second_moment_of_m")
exercise.wrong("in_place", ("m = b1 * m + (1 - b1) * g", "m *= b1\n    m += (1 - b1) * g"), fails="pure", expect="in_place")
exercise.wrong(
    "m_replaced",
    ("    m_hat = m / (1 - b1**t)\n", "    m = m / (1 - b1**t)\n    m_hat = m\n"),
    fails="steps",
    expect="corrected_value_stored",
    source="dlsyscourse hw2: bias-corrected value written back into the state",
)
exercise.hint(
    "start",
    "After the first step, what fraction of g has reached m? By what must you divide to get g back?",
    "Update m, then v; correct copies of both for the start at zero; take the step.",
    "After t steps the weights of an average that began at 0 sum to 1 minus the decay to the power t.",
)
