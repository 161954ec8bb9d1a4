"""Samples of the losses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.gradcheck.samples import Sample, samples


@samples("softmax_cross_entropy")
def softmax_cross_entropy(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((4, 3)), np.array([2, 0, 0, 1]))
    yield Sample(rng.standard_normal((2, 3, 4)), rng.integers(0, 4, (2, 3)), label_smoothing=0.3)
    yield Sample(rng.standard_normal(5), np.array(3), label="one sample")
    yield Sample(rng.standard_normal((2, 3)) + 800, np.array([0, 2]), label="large logits")
    yield Sample(np.zeros((0, 3)), np.zeros(0, int), label="no samples")


@samples("mean_cross_entropy")
def mean_cross_entropy(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((4, 3)), np.array([2, 0, 0, 1]))
    yield Sample(rng.standard_normal((2, 3, 4)), rng.integers(0, 4, (2, 3)), label_smoothing=0.3)
    yield Sample(rng.standard_normal((4, 3)), np.array([2, 1, 0, 1]), ignore_index=1, label="some do not count")
    yield Sample(rng.standard_normal((3, 4)), np.array([2, -1, 0]), ignore_index=-1, label_smoothing=0.1, label="no class is ignored")
    yield Sample(rng.standard_normal(5), np.array(3), label="one sample")
    yield Sample(rng.standard_normal((2, 3)) + 800, np.array([0, 2]), label="large logits")


@samples("sigmoid_cross_entropy")
def sigmoid_cross_entropy(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)), rng.uniform(0, 1, (2, 3)))
    yield Sample(rng.standard_normal((2, 3)), rng.uniform(0, 1, 3), label="broadcast")
    yield Sample(rng.uniform(30, 40, 3) * np.array([1, -1, 1]), np.array([0.0, 1.0, 0.5]), label="large logits")
    yield Sample(np.array(0.3), np.array(0.7), label="0-d")


@samples("binary_cross_entropy")
def binary_cross_entropy(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.uniform(0.1, 0.9, (2, 3)), rng.uniform(0, 1, (2, 3)))
    yield Sample(rng.uniform(0.1, 0.9, (2, 3)), rng.uniform(0, 1, (2, 1)), label="broadcast")
    yield Sample(np.array(0.3), np.array(0.7), label="0-d")


@samples("huber")
def huber(rng: np.random.Generator) -> Iterator[Sample]:
    near, far = rng.uniform(-0.9, 0.9, (2, 3)), rng.uniform(1.1, 2, 3) * np.array([1, -1, 1])
    target = rng.standard_normal(3)
    yield Sample(near + target, target, label="near")
    yield Sample(np.concatenate([near[0], far]), np.zeros(6), label="near and far")
    yield Sample(np.array([[0.2, -0.3, 0.4], [0.8, -0.7, 0.1]]) + target, target, delta=0.5)
    yield Sample(np.array(0.3), np.array(0.7), delta=2.0, label="0-d")
