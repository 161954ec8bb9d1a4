"""Batch norm in evaluation: running statistics

In training the layer normalizes with the statistics of the batch (variance divided by m) and updates
running = (1 - momentum) * running + momentum * batch, the variance there divided by m - 1, as PyTorch
does. In evaluation it uses the running statistics, changes nothing, and each sample's output depends
on that sample alone. Write forward, and backward: the gradient for x in the present mode.
"""

from minigrad.learn import Exercise, near, rng

exercise = Exercise(
    id="bn_running",
    chapter=5,
    minutes=25,
    needs=("bn_dx",),
    learns="two modes are two functions with two gradients; momentum's convention; m - 1",
    see="minigrad.nn.batch_normalization:BatchNorm1d",
)


# region yours
import numpy as np


class BatchNorm:
    def __init__(self, channels, momentum=0.1, eps=1e-5):
        self.mean, self.var = np.zeros(channels), np.ones(channels)
        self.momentum, self.eps, self.training = momentum, eps, True

    def forward(self, x):
        """Return y for x of shape (m, channels)."""
        ### BEGIN SOLUTION
        if self.training:
            m = len(x)
            mean, var = x.mean(axis=0), x.var(axis=0)
            self.mean = (1 - self.momentum) * self.mean + self.momentum * mean
            self.var = (1 - self.momentum) * self.var + self.momentum * var * m / (m - 1)
        else:
            mean, var = self.mean, self.var
        return (x - mean) / np.sqrt(var + self.eps)
        ### END SOLUTION

    def backward(self, g, x):
        """Return the gradient for x of forward(x) in the present mode. It changes no statistics."""
        ### BEGIN SOLUTION
        if not self.training:
            return g / np.sqrt(self.var + self.eps)
        rstd = 1 / np.sqrt(x.var(axis=0) + self.eps)
        xhat = (x - x.mean(axis=0)) * rstd
        return rstd * (g - g.mean(axis=0) - xhat * (g * xhat).mean(axis=0))
        ### END SOLUTION


# endregion


def numeric(layer_class, training, x, g, steps):
    out = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        values = []
        for sign in (1, -1):
            layer = layer_class(x.shape[1])
            for batch in steps:
                layer.forward(batch)
            layer.training = training
            moved = x.copy()
            moved[i] += sign * 1e-5
            values.append((g * layer.forward(moved)).sum())
        out[i] = (values[0] - values[1]) / 2e-5
    return out


STEPS = [3 + 2 * rng(k).standard_normal((6, 2)) for k in range(3)]


@exercise.criterion("training", "training normalizes with the batch")
def _(theirs):
    layer, x = theirs.BatchNorm(2), STEPS[0]
    near((x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5), layer.forward(x), "y in training")


@exercise.criterion("running", "the running statistics after three batches")
def _(theirs):
    layer = theirs.BatchNorm(2)
    mean, var = np.zeros(2), np.ones(2)
    for x in STEPS:
        layer.forward(x)
        mean, var = 0.9 * mean + 0.1 * x.mean(0), 0.9 * var + 0.1 * x.var(0, ddof=1)
    near(mean, layer.mean, "running mean")
    near(var, layer.var, "running variance")


@exercise.criterion("evaluation", "evaluation: a sample's output depends on that sample alone, and nothing is updated")
def _(theirs):
    layer = theirs.BatchNorm(2)
    for x in STEPS:
        layer.forward(x)
    layer.training = False
    mean = layer.mean.copy()
    alone = np.concatenate([layer.forward(x[None]) for x in STEPS[0]])
    near(layer.forward(STEPS[0]), alone, "samples one by one")
    near(mean, layer.mean, "running mean after evaluation", 0.0)


@exercise.criterion("gradients", "the gradient in both modes")
def _(theirs):
    g = rng(9).standard_normal((6, 2))
    for training in (True, False):
        layer = theirs.BatchNorm(2)
        for x in STEPS:
            layer.forward(x)
        layer.training = training
        near(
            numeric(theirs.BatchNorm, training, STEPS[1], g, STEPS), layer.backward(g, STEPS[1]), f"the gradient, training={training}", 1e-6
        )


exercise.wrong(
    "momentum_reversed",
    ("(1 - self.momentum) * self.mean + self.momentum * mean", "self.momentum * self.mean + (1 - self.momentum) * mean"),
    fails="running",
    expect="momentum_convention",
    source="CS231n, Keras and the paper's readers use 0.9 for what PyTorch calls 0.1",
)
exercise.wrong(
    "biased_running", ("var * m / (m - 1)", "var"), fails="running", expect="bessel", source="pytorch #3122, #19902, #77427, #106366"
)
exercise.wrong(
    "unbiased_batch",
    ("x.mean(axis=0), x.var(axis=0)\n", "x.mean(axis=0), x.var(axis=0, ddof=1)\n"),
    fails="training",
    expect="bessel",
    source="pytorch #19902",
)
exercise.wrong(
    "running_in_training",
    ("        return (x - mean) / np.sqrt(var + self.eps)", "        return (x - self.mean) / np.sqrt(self.var + self.eps)"),
    fails="training",
    expect="running_in_training",
)
exercise.wrong(
    "batch_in_eval",
    ("mean, var = self.mean, self.var", "mean, var = x.mean(axis=0), x.var(axis=0)"),
    fails="evaluation",
    expect="batch_in_evaluation",
)
exercise.wrong(
    "updates_in_eval",
    ("mean, var = self.mean, self.var", "mean, var = self.mean, self.var\n            self.mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)"),
    fails="evaluation",
    expect="updates_in_evaluation",
)
exercise.wrong(
    "training_gradient_in_eval",
    ("        if not self.training:\n            return g / np.sqrt(self.var + self.eps)\n", ""),
    fails="gradients",
    expect="mode_of_gradient",
)
exercise.hint(
    "start",
    "Write down for both modes: which mean and variance normalize, and which numbers change?",
    "In evaluation mean and var are given numbers. What then is left of the three ways from x to y?",
    "Two modes are two functions. In training the gradient is that of bn_dx; in evaluation only the direct way remains.",
)
