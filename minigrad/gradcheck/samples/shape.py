"""Samples of the shape ops."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.gradcheck.samples import Sample, samples


@samples("reshape")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)), shape=(3, 2))
    yield Sample(rng.standard_normal((2, 3, 2)), shape=(-1, 4))
    yield Sample(rng.standard_normal((2, 3)), shape=-1)
    yield Sample(np.array(1.5), shape=(1, 1), label="0-d")
    yield Sample(rng.standard_normal(1), shape=(), label="to 0-d")
    yield Sample(rng.standard_normal((0, 3)), shape=(3, 0), label="empty")


@samples("broadcast_to")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 1)), shape=(2, 3))
    yield Sample(rng.standard_normal(3), shape=(2, 2, 3))
    yield Sample(rng.standard_normal((1, 2, 1)), shape=(2, 3, 2, 2))
    yield Sample(np.array(1.5), shape=(2, 2), label="0-d")
    yield Sample(rng.standard_normal(1), shape=4)
    yield Sample(rng.standard_normal((1, 3)), shape=(0, 3), label="to empty")
    yield Sample(rng.standard_normal((2, 3)), shape=(2, 3), label="no change")


@samples("permute_dims")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    x = rng.standard_normal((2, 3, 4))
    yield Sample(x)
    yield Sample(x, axes=(2, 0, 1))
    yield Sample(x, axes=(-1, 0, -2), label="negative")
    yield Sample(np.array(1.5), axes=(), label="0-d")


@samples("swapaxes")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3, 4)), axis1=0, axis2=-1)
    yield Sample(rng.standard_normal((2, 3)), axis1=1, axis2=1)


@samples("moveaxis")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3, 4)), source=0, destination=-1)
    yield Sample(rng.standard_normal((2, 1, 3, 4)), source=(0, -1), destination=(2, 0))


@samples("squeeze")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    x = rng.standard_normal((1, 3, 1, 2, 1))
    yield Sample(x)
    yield Sample(x, axis=2)
    yield Sample(x, axis=(0, -1))
    yield Sample(rng.standard_normal((1, 1)), label="to 0-d")


@samples("expand_dims")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)), axis=1)
    yield Sample(rng.standard_normal((2, 3)), axis=(0, -1))
    yield Sample(np.array(1.5), axis=0, label="0-d")


@samples("flip")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    x = rng.standard_normal((2, 3, 2))
    yield Sample(x)
    yield Sample(x, axis=-2)
    yield Sample(x, axis=(0, 1))


@samples("roll")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    x = rng.standard_normal((3, 4))
    yield Sample(x, shift=2)
    yield Sample(x, shift=-5, axis=1)
    yield Sample(x, shift=(1, 2), axis=(0, -1))
    yield Sample(x, shift=1, axis=(0, 1), label="one shift along two axes")


@samples("transfer")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    from minigrad.core.device import CPU

    yield Sample(rng.standard_normal((2, 3)), source=CPU, target=CPU)
