"""Samples of the activation functions that are ops, away from their kinks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.gradcheck.samples import Sample, samples
from minigrad.gradcheck.samples.elementwise import signed

Rng = np.random.Generator
Samples = Iterator[Sample]


@samples("relu", "silu", "softsign", "tanhshrink")
def without_parameters(rng: Rng) -> Samples:
    yield Sample(signed(rng, (2, 3)))
    yield Sample(signed(rng, ()), label="0-d")
    yield Sample(signed(rng, (0, 2)), label="empty")


@samples("leaky_relu")
def leaky_relu(rng: Rng) -> Samples:
    yield Sample(signed(rng, (2, 3)))
    yield Sample(signed(rng, (4,)), negative_slope=0.3)
    yield Sample(signed(rng, (4,)), negative_slope=-1.5, label="a slope below 0")


@samples("elu")
def elu(rng: Rng) -> Samples:
    yield Sample(signed(rng, (2, 3)))
    yield Sample(signed(rng, (4,)), alpha=1.7)
    yield Sample(np.array([-0.5, -0.01, 0.5]), alpha=0.6, label="just below 0")


@samples("hardtanh")
def hardtanh(rng: Rng) -> Samples:
    yield Sample(np.array([-1.7, -0.4, 0.2, 1.8]))
    yield Sample(np.array([[-1.0, 0.3], [1.2, 2.6]]), min_val=-0.5, max_val=1.5)


@samples("gelu")
def gelu(rng: Rng) -> Samples:
    yield Sample(rng.normal(size=(2, 3)))
    yield Sample(np.array([-4.0, -1.0, 0.0, 2.5]))
    yield Sample(rng.normal(size=(2, 3)), approximate="tanh")
    yield Sample(rng.normal(size=()), label="0-d")


@samples("softplus")
def softplus(rng: Rng) -> Samples:
    yield Sample(rng.normal(size=(2, 3)))
    yield Sample(np.array([-1.0, 0.4, 3.0]), beta=2.5, threshold=4.0, label="both sides of the threshold")
    yield Sample(np.array([-1.0, 0.2, 1.3, 1.9, 6.0]), beta=3.0, threshold=5.0, label="beta and threshold not to be confused")


@samples("softmax", "log_softmax")
def along_an_axis(rng: Rng) -> Samples:
    yield Sample(rng.normal(size=(2, 3)))
    yield Sample(rng.normal(size=(2, 3, 2)), axis=1)
    yield Sample(rng.normal(size=(3, 2)), axis=-2)
    yield Sample(rng.normal(size=(2, 1)), axis=1, label="one entry")
    yield Sample(rng.normal(size=(3,)) + 800, label="large")
    yield Sample(np.zeros((0, 3)), label="empty")


@samples("dropout")
def dropout(rng: Rng) -> Samples:
    mask = np.array([[True, False, True], [True, True, False]])
    yield Sample(rng.normal(size=(2, 3)), mask, p=0.4)
    yield Sample(rng.normal(size=(2, 3)), mask, p=0.0)
    yield Sample(rng.normal(size=(2, 3)), np.zeros((2, 3), dtype=bool), p=1.0, label="nothing is kept")
