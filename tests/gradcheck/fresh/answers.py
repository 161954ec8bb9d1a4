"""Wrong gradients as people write them, each with what is meant to be wrong, written down before any was shown to gradcheck.

Functions and backward passes are NumPy, as in a course's homework or a custom op; ``vjp(g, *inputs)`` gives the gradient for each input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

RNG = np.random.default_rng(20261127)
N = RNG.standard_normal


class Answer(NamedTuple):
    """A function, where it is checked, a wrong backward pass of it, and the mistake in words."""

    name: str
    f: Callable[..., Any]
    inputs: list[Any]
    vjp: Callable[..., Any]
    meant: str


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def standardize(x, axis=0, eps=1e-5):
    return (x - x.mean(axis=axis, keepdims=True)) / np.sqrt(x.var(axis=axis, keepdims=True) + eps)


def correlate(x, w):
    return sliding_window_view(x, len(w)) @ w


X, Y, P = N((4, 3)), N((4, 3)), np.abs(N((4, 3))) + 0.5
A, B = N((3, 4)), N((4, 2))
LABELS = np.array([0, 2, 1, 1])


def cross_entropy(x):
    return -np.log(softmax(x)[np.arange(4), LABELS]).mean()


def one_hot():
    return np.eye(3)[LABELS]


ANSWERS = [
    # --- reductions
    Answer("mean_as_sum", lambda x: x.mean(), [X], lambda g, x: g * np.ones_like(x), "the division by the number of elements is missing"),
    Answer("mean_by_rows", lambda x: x.mean(axis=0), [X], lambda g, x: np.broadcast_to(g, x.shape) / x.shape[1],
           "divides by the length of the wrong axis"),
    Answer("sum_first_row", lambda x: x.sum(axis=0), [X], lambda g, x: np.concatenate([g[None], np.zeros((3, 3))]),
           "the gradient reaches one row alone instead of every row"),
    Answer("sum_scaled", lambda x: x.sum(axis=1), [X], lambda g, x: np.repeat(g[:, None], 3, axis=1) / 3,
           "divides by the number of elements as a mean would"),
    Answer("norm_squared", lambda x: np.sqrt((x * x).sum()), [X], lambda g, x: g * 2 * x, "the gradient of the squared norm: not divided by 2 times the norm"),
    Answer("norm_not_divided", lambda x: np.sqrt((x * x).sum()), [X], lambda g, x: g * x, "the division by the norm is missing"),
    Answer("variance_centre", lambda x: x.var(), [X], lambda g, x: g * 2 * x / x.size, "the mean is not subtracted"),
    Answer("variance_unbiased", lambda x: x.var(axis=0), [X], lambda g, x: g * 2 * (x - x.mean(axis=0)) / (x.shape[0] - 1),
           "divides by m - 1 where the variance divides by m"),
    Answer("std_chain", lambda x: x.std(), [X], lambda g, x: g * 2 * (x - x.mean()) / x.size, "the gradient of the variance: the chain through the root is missing"),
    Answer("max_everywhere", lambda x: x.max(axis=1), [X], lambda g, x: np.repeat(g[:, None], 3, axis=1), "every element gets the gradient, not the largest alone"),
    Answer("max_of_wrong_axis", lambda x: x.max(axis=1), [X], lambda g, x: g[:, None] * (x == x.max(axis=0, keepdims=True)), "the mask is that of the largest along the other axis"),
    Answer("logsumexp_no_softmax", lambda x: np.log(np.exp(x).sum(axis=1)), [X], lambda g, x: g[:, None] * np.exp(x), "exp(x) is not divided by the sum of the exponentials"),
    Answer("cumsum_forward", lambda x: np.cumsum(x, axis=0), [X], lambda g, x: np.cumsum(g, axis=0), "the sum runs forward and not back"),
    # --- elementwise
    Answer("sigmoid_of_x", sigmoid, [X], lambda g, x: g * x * (1 - x), "x stands where sigmoid(x) belongs"),
    Answer("sigmoid_no_complement", sigmoid, [X], lambda g, x: g * sigmoid(x), "the factor 1 - y is missing"),
    Answer("tanh_no_square", np.tanh, [X], lambda g, x: g * (1 - np.tanh(x)), "tanh is not squared"),
    Answer("tanh_of_x", np.tanh, [X], lambda g, x: g * (1 - x**2), "x stands where tanh(x) belongs"),
    Answer("exp_power_rule", np.exp, [X], lambda g, x: g * x * np.exp(x - 1), "the power rule used on an exponential"),
    Answer("log_of_log", np.log, [P], lambda g, x: g / np.log(x), "divides by log(x) and not by x"),
    Answer("sqrt_no_half", np.sqrt, [P], lambda g, x: g / np.sqrt(x), "the factor 1/2 is missing"),
    Answer("cube_power", lambda x: x**3, [X], lambda g, x: g * 3 * x, "the power is 1 where it should be 2"),
    Answer("reciprocal_sign", lambda x: 1 / x, [P], lambda g, x: g / x**2, "the sign is missing"),
    Answer("relu_of_g", lambda x: np.maximum(x, 0), [X], lambda g, x: np.maximum(g, 0), "the mask is of the gradient and not of x"),
    Answer("relu_inverted", lambda x: np.maximum(x, 0), [X], lambda g, x: g * (x < 0), "the mask is inverted"),
    Answer("leaky_zero", lambda x: np.where(x > 0, x, 0.1 * x), [X], lambda g, x: g * (x > 0), "the slope of the negative side is missing"),
    Answer("silu_one_term", lambda x: x * sigmoid(x), [X], lambda g, x: g * sigmoid(x), "the product rule's second term is missing"),
    Answer("abs_identity", np.abs, [X], lambda g, x: g, "the sign of x is missing"),
    # --- two inputs
    Answer("mul_swapped", lambda a, b: a * b, [X, Y], lambda g, a, b: (g * a, g * b), "each gradient is multiplied by its own input instead of the other"),
    Answer("div_numerator", lambda a, b: a / b, [X, P], lambda g, a, b: (g / b, -g / b**2), "the numerator is missing in the gradient of the denominator"),
    Answer("div_square", lambda a, b: a / b, [X, P], lambda g, a, b: (g / b, -g * a / b), "the denominator is not squared in its own gradient"),
    Answer("sub_sign", lambda a, b: a - b, [X, Y], lambda g, a, b: (g, g), "the second gradient lacks its sign"),
    Answer("bias_mean", lambda x, b: x + b, [X, N(3)], lambda g, x, b: (g, g.mean(axis=0)), "the gradient of what was broadcast is averaged and not summed"),
    Answer("bias_first", lambda x, b: x + b, [X, N(3)], lambda g, x, b: (g, g[0]), "only the first row's gradient reaches what was broadcast"),
    Answer("matmul_untransposed", lambda a, b: a @ b, [N((3, 3)), N((3, 3))], lambda g, a, b: (g @ b, a @ g), "neither factor is transposed"),
    Answer("matmul_swapped", lambda a, b: a @ b, [N((3, 3)), N((3, 3))], lambda g, a, b: (b.T @ g, g @ a.T), "the factors stand in the wrong order"),
    Answer("linear_half", lambda x, w: x @ w.T, [X, N((2, 3))], lambda g, x, w: (g @ w, g.T @ x / len(x)), "the weight's gradient is divided by the batch"),
    # --- losses and softmax
    Answer("mse_no_two", lambda x: ((x - Y) ** 2).mean(), [X], lambda g, x: g * (x - Y) / x.size, "the factor 2 is missing"),
    Answer("mse_no_mean", lambda x: ((x - Y) ** 2).mean(), [X], lambda g, x: g * 2 * (x - Y), "the division by the number of elements is missing"),
    Answer("cross_entropy_no_batch", cross_entropy, [X], lambda g, x: g * (softmax(x) - one_hot()), "the mean over the batch is missing"),
    Answer("cross_entropy_sign", cross_entropy, [X], lambda g, x: g * (one_hot() - softmax(x)) / 4, "the sign is wrong"),
    Answer("cross_entropy_softmax", cross_entropy, [X], lambda g, x: g * softmax(x) / 4, "the label's 1 is not subtracted"),
    Answer("softmax_diagonal", softmax, [X], lambda g, x: g * softmax(x) * (1 - softmax(x)), "only the diagonal of the Jacobian: the other outputs' share is missing"),
    Answer("softmax_no_y", softmax, [X], lambda g, x: g * softmax(x), "the sum of g times y is not subtracted"),
    Answer("softmax_sum_g", softmax, [X], lambda g, x: softmax(x) * (g - g.sum(axis=-1, keepdims=True)), "the sum of g is not weighted by y"),
    # --- normalization
    Answer("batch_norm_constant_statistics", standardize, [N((6, 3))], lambda g, x: g / np.sqrt(x.var(axis=0) + 1e-5), "mean and variance are taken for constants"),
    Answer("batch_norm_no_eps", lambda x: standardize(x, eps=0.5), [N((6, 3))],
           lambda g, x: (g - g.mean(0) - standardize(x, eps=0.5) * (g * standardize(x, eps=0.5)).mean(0)) / np.sqrt(x.var(0)), "eps is missing in the backward pass"),
    Answer("layer_norm_over_batch", lambda x: standardize(x, axis=1), [N((4, 5))],
           lambda g, x: (g - g.mean(0) - standardize(x, 1) * (g * standardize(x, 1)).mean(0)) / np.sqrt(x.var(1, keepdims=True) + 1e-5),
           "the means of the backward pass are over the batch and not over the features"),
    Answer("rms_norm_no_projection", lambda x: x / np.sqrt((x * x).mean(axis=1, keepdims=True)), [X],
           lambda g, x: g / np.sqrt((x * x).mean(axis=1, keepdims=True)), "the root mean square is taken for a constant"),
    # --- shapes, indices, windows
    Answer("transpose_reshape", lambda x: x.T, [N((4, 3))], lambda g, x: g.reshape(4, 3), "reshaped where it should be transposed"),
    Answer("concat_swapped", lambda a, b: np.concatenate([a, b]), [N((2, 3)), N((2, 3))], lambda g, a, b: (g[2:], g[:2]), "the parts are given to the wrong inputs"),
    Answer("take_overwrites", lambda w: w[np.array([1, 1, 0])], [N((3, 2))], lambda g, w: _assigned(g, w), "rows that are taken twice get the last gradient and not the sum"),
    Answer("roll_same_way", lambda x: np.roll(x, 1, axis=0), [X], lambda g, x: np.roll(g, 1, axis=0), "rolled the same way again and not back"),
    Answer("flip_not", lambda x: x[::-1], [X], lambda g, x: g, "the order is not turned back"),
    Answer("conv_not_flipped", correlate, [N(7), N(3)], lambda g, x, w: (correlate(np.pad(g, 2), w), correlate(x, g)), "the kernel is not flipped in the gradient of the signal"),
    Answer("conv_gradient_short", correlate, [N(7), N(3)], lambda g, x, w: (np.concatenate([g, np.zeros(2)]) * w[0], correlate(x, g)), "only the kernel's first weight sends gradient back"),
    Answer("detached", lambda x: x * sigmoid(x).mean(), [X], lambda g, x: g * sigmoid(x).mean(), "the mean is taken for a constant"),
]  # fmt: skip


def _assigned(g: Any, w: Any) -> Any:
    z = np.zeros_like(w)
    z[np.array([1, 1, 0])] = g
    return z
