"""Samples of batch norm and batch renormalization.

Large eps (0.5) beside small ones, as mistakes in the place of eps show only where eps is not small against the variance;
weights of zero and below; statistics over any axes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.gradcheck.samples import Sample, samples

Rng = np.random.Generator

#: label, shape of x, axes of the statistics, shape of what there is one of for each channel
LAYOUTS = (
    ("(N, C)", (5, 3), 0, (3,)),
    ("(N, C, L)", (2, 3, 4), (0, 2), (3,)),
    ("(N, C, H, W)", (2, 2, 2, 3), (0, 2, 3), (2,)),
    ("channels last", (2, 2, 2, 3), (0, 1, 2), (3,)),
    ("negative axis", (3, 4), -1, (3,)),
    ("axes out of order", (2, 3, 2), (-1, 0), (3,)),
    ("two axes kept", (4, 2, 3), (0,), (2, 3)),
    ("all axes", (2, 3), (0, 1), ()),
    ("two values", (2, 3), 0, (3,)),
    ("an axis of length 1", (4, 1, 2), (0, 2), (1,)),
)


def normal(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    """Draw an array: of shape (), too, where the generator gives a number."""
    return np.asarray(rng.standard_normal(shape))


def positive(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(rng.random(shape) + 0.5)


@samples("batch_norm")
def batch_norm(rng: Rng) -> Iterator[Sample]:
    for label, shape, axis, kept in LAYOUTS:
        eps = 0.5 if label == "two values" else 0.1
        yield Sample(rng.standard_normal(shape) + 1, normal(rng, kept), normal(rng, kept), axis=axis, eps=eps, label=label)
    x, weight, bias = rng.standard_normal((6, 3)), np.array([1.5, 0.0, -0.7]), rng.standard_normal(3)
    yield Sample(x, weight, bias, axis=0, label="weight zero and negative")
    yield Sample(x, weight, None, axis=0, label="no bias")
    yield Sample(x, None, bias, axis=0, label="no weight")
    yield Sample(x, axis=0, eps=0.0, label="eps zero, neither weight nor bias")
    yield Sample(x * 1e-2, weight, bias, axis=0, eps=1e-4, label="variance like eps")
    yield Sample(x * 1e3 + 1e4, weight, bias, axis=0, eps=0.5, label="large")
    yield Sample(x * np.array([1.0, 0.0, 1.0]) + 3, weight, bias, axis=0, eps=0.5, label="a constant channel")
    yield Sample(np.zeros((3, 0)), np.zeros(0), np.zeros(0), axis=0, label="no channels")


@samples("batch_norm_relu")
def batch_norm_relu(rng: Rng) -> Iterator[Sample]:
    for label, shape, axis, kept in LAYOUTS:
        bias = rng.choice([-0.3, 0.3], kept) if kept else np.array(0.3)  # a constant y is kept away from the kink
        yield Sample(rng.standard_normal(shape) + 1, normal(rng, kept), bias, axis=axis, eps=0.1, label=label)
    x = rng.standard_normal((6, 3))
    yield Sample(x, np.array([1.5, 0.0, -0.7]), np.array([0.1, 0.5, -0.2]), axis=0, label="weight zero and negative")
    yield Sample(x, axis=0, eps=0.5, label="neither weight nor bias")


@samples("fixed_batch_norm")
def fixed_batch_norm(rng: Rng) -> Iterator[Sample]:
    for label, shape, axis, kept in LAYOUTS:
        mean, var, weight, bias = normal(rng, kept), positive(rng, kept), normal(rng, kept), normal(rng, kept)
        yield Sample(rng.standard_normal(shape), mean, var, weight, bias, axis=axis, eps=0.1, label=label)
    x, mean, var = rng.standard_normal((4, 3)), rng.standard_normal(3), rng.random(3) + 0.5
    weight, bias = np.array([1.5, 0.0, -0.7]), rng.standard_normal(3)
    yield Sample(x, mean, var, weight, bias, axis=0, label="weight zero and negative")
    yield Sample(x, mean, var, weight, axis=0, eps=0.5, label="no bias")
    yield Sample(x, mean, var, None, bias, axis=0, eps=0.0, label="no weight, eps zero")
    yield Sample(x, mean, var, axis=0, label="neither weight nor bias")
    yield Sample(x, mean, np.array([0.0, 1e-3, 2.0]), weight, bias, axis=0, eps=0.1, label="variance zero")
    yield Sample(np.zeros((0, 3)), mean, var, weight, bias, axis=0, label="no samples")


@samples("batch_renorm")
def batch_renorm(rng: Rng) -> Iterator[Sample]:
    """Statistics so far from the running ones that r and d are clipped: only there the gradient is the derivative."""

    def running(kept: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(normal(rng, kept) + 9), np.asarray(positive(rng, kept) / 10)

    for label, shape, axis, kept in LAYOUTS:
        x = rng.permuted(np.linspace(-3, 5, int(np.prod(shape)))).reshape(shape)
        weight, bias = normal(rng, kept), normal(rng, kept)
        yield Sample(x, *running(kept), weight, bias, axis=axis, r_max=1.2, d_max=0.5, eps=0.1, label=label)
    x, weight, bias = rng.standard_normal((5, 3)), np.array([1.5, 0.0, -0.7]), rng.standard_normal(3)
    yield Sample(x, *running((3,)), weight, bias, axis=0, r_max=1.0, d_max=0.0, label="no correction: batch norm")
    yield Sample(3 * x, *running((3,)), weight, axis=0, r_max=1.1, d_max=1.0, label="no bias")
    yield Sample(x, *running((3,)), None, bias, axis=0, r_max=1.1, d_max=1.0, label="no weight")
