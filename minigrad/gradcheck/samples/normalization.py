"""Samples of layer, RMS, group, instance and local response norm, and of whitening."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.gradcheck.samples import Sample, samples

Rng = np.random.Generator


@samples("layer_norm")
def layer_norm(rng: Rng) -> Iterator[Sample]:
    for label, shape, axis, features in (
        ("one axis", (3, 4), -1, (4,)),
        ("two axes", (2, 3, 4), (-2, -1), (3, 4)),
        ("first axis", (4, 3), 0, (4,)),
        ("axes apart, out of order", (3, 2, 4), (2, 0), (3, 4)),
        ("a vector", (5,), 0, (5,)),
        ("two values", (3, 2), 1, (2,)),
        ("no samples", (0, 3), 1, (3,)),
    ):
        weight, bias = rng.standard_normal(features), rng.standard_normal(features)
        yield Sample(rng.standard_normal(shape) + 1, weight, bias, axis=axis, eps=0.5, label=label)
    x, weight, bias = rng.standard_normal((3, 4)), np.array([1.5, 0.0, -0.7, 1.0]), rng.standard_normal(4)
    yield Sample(x, weight, bias, label="weight zero and negative")
    yield Sample(x, weight, label="no bias")
    yield Sample(x, None, bias, label="no weight")
    yield Sample(x, eps=0.0, label="eps zero, neither weight nor bias")
    yield Sample(x * 1e-2, weight, bias, eps=1e-4, label="variance like eps")


@samples("rms_norm")
def rms_norm(rng: Rng) -> Iterator[Sample]:
    for label, shape, axis, features in (
        ("one axis", (3, 4), -1, (4,)),
        ("two axes", (2, 3, 4), (-2, -1), (3, 4)),
        ("first axis", (4, 3), 0, (4,)),
        ("one value", (3, 1), 1, (1,)),
        ("no samples", (0, 3), 1, (3,)),
    ):
        yield Sample(rng.standard_normal(shape) + 1, rng.standard_normal(features), axis=axis, eps=0.5, label=label)
    x = rng.standard_normal((3, 4))
    yield Sample(x, np.array([1.5, 0.0, -0.7, 1.0]), label="weight zero and negative")
    yield Sample(x, eps=0.0, label="eps zero, no weight")
    yield Sample(x * 1e-2, eps=1e-4, label="mean square like eps")


@samples("group_norm")
def group_norm(rng: Rng) -> Iterator[Sample]:
    for label, shape, groups in (
        ("(N, C)", (3, 4), 2),
        ("(N, C, L)", (2, 4, 3), 2),
        ("(N, C, H, W)", (2, 6, 1, 2), 3),
        ("one group", (2, 3, 2), 1),
        ("a group for each channel", (2, 3, 4), 3),
        ("no samples", (0, 4, 2), 2),
    ):
        weight, bias = rng.standard_normal(shape[1]), rng.standard_normal(shape[1])
        yield Sample(rng.standard_normal(shape) + 1, weight, bias, groups=groups, eps=0.5, label=label)
    x, weight, bias = rng.standard_normal((2, 4, 3)), np.array([1.5, 0.0, -0.7, 1.0]), rng.standard_normal(4)
    yield Sample(x, weight, bias, groups=2, label="weight zero and negative")
    yield Sample(x, weight, groups=2, label="no bias")
    yield Sample(x, None, bias, groups=2, label="no weight")
    yield Sample(x, groups=2, eps=0.0, label="eps zero, neither weight nor bias")


@samples("instance_norm")
def instance_norm(rng: Rng) -> Iterator[Sample]:
    for label, shape in (("(N, C, L)", (2, 3, 4)), ("(N, C, H, W)", (2, 2, 2, 3)), ("two values", (2, 3, 2)), ("no samples", (0, 3, 2))):
        weight, bias = rng.standard_normal(shape[1]), rng.standard_normal(shape[1])
        yield Sample(rng.standard_normal(shape) + 1, weight, bias, eps=0.5, label=label)
    x, weight, bias = rng.standard_normal((2, 3, 4)), np.array([1.5, 0.0, -0.7]), rng.standard_normal(3)
    yield Sample(x, weight, bias, label="weight zero and negative")
    yield Sample(x, weight, label="no bias")
    yield Sample(x, None, bias, label="no weight")
    yield Sample(x, eps=0.0, label="eps zero, neither weight nor bias")


@samples("local_response_norm")
def local_response_norm(rng: Rng) -> Iterator[Sample]:
    for size in (1, 2, 3, 9):
        x = rng.standard_normal((2, 5, 2))
        yield Sample(x, size=size, alpha=0.5, beta=0.6, k=1.5, axis=1, label=f"window of {size}")
    yield Sample(rng.standard_normal((3, 4)), size=3, label="defaults")
    yield Sample(rng.standard_normal((2, 2, 4)), size=2, alpha=1.0, beta=1.0, axis=-1, label="last axis")
    yield Sample(np.zeros((2, 3)), size=3, alpha=1.0, label="zeros")
    yield Sample(np.zeros((0, 3)), size=3, label="no samples")


@samples("moving_sum")
def moving_sum(rng: Rng) -> Iterator[Sample]:
    for before, after in ((0, 0), (1, 0), (0, 2), (2, 1), (6, 6)):
        yield Sample(rng.standard_normal((2, 5)), axis=1, before=before, after=after)
    yield Sample(rng.standard_normal((3, 2, 2)), axis=0, before=1, after=1)
    yield Sample(rng.standard_normal((2, 0)), axis=-1, before=1, after=1, label="empty")


@samples("lyapunov")
def lyapunov(rng: Rng) -> Iterator[Sample]:
    for n in (1, 2, 3):
        a = rng.standard_normal((n, n))
        yield Sample(a @ a.T + np.eye(n), rng.standard_normal((n, n)))
    yield Sample(2 * np.eye(3), rng.standard_normal((3, 3)), label="eigenvalues coincide")
    yield Sample(np.array([[2.0, 0.5], [-0.5, 1.0]]), rng.standard_normal((2, 2)), label="only the symmetric part counts")


@samples("whiten_zca")
def whiten_zca(rng: Rng) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((7, 3)) @ rng.standard_normal((3, 3)), eps=0.1)
    yield Sample(rng.standard_normal((6, 2)) + 3, eps=0.0, label="eps zero")
    yield Sample(rng.standard_normal((5, 2)), label="default eps")
    yield Sample(rng.standard_normal((3, 4)), eps=0.5, label="fewer samples than features")
    yield Sample(np.kron([[1.0], [-1.0]], np.eye(3)), eps=0.1, label="eigenvalues coincide")
    yield Sample(rng.standard_normal((4, 1)), eps=0.1, label="one feature")
