"""Samples of the cumulative ops."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.gradcheck.samples import Sample, samples
from minigrad.gradcheck.samples.reduction import distinct


@samples("cumulative_sum", "cumulative_prod")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(distinct(rng, 5))
    yield Sample(distinct(rng, 2, 3, 2), axis=1)
    yield Sample(distinct(rng, 2, 3), axis=-1)
    yield Sample(distinct(rng, 1, 3), axis=0, label="length 1")
    yield Sample(rng.standard_normal((2, 0)), axis=1, label="empty")
    for zeros in ([0], [2], [1, 3], [0, 4]):
        x = distinct(rng, 5)
        x[zeros] = 0
        yield Sample(x, label=f"zeros at {zeros}")


@samples("linear_recurrence")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal(4), rng.standard_normal(4))
    yield Sample(rng.standard_normal(4), rng.standard_normal(4), reverse=True)
    yield Sample(rng.standard_normal((2, 3, 2)), rng.standard_normal((2, 3, 2)), axis=1)
    yield Sample(rng.standard_normal((2, 3)), rng.standard_normal((2, 3)), axis=-1, reverse=True)
    yield Sample(np.array([0.5, 0.0, 2.0]), np.array([1.0, 0.0, 3.0]), label="a zero")
    yield Sample(np.zeros((2, 0)), np.zeros((2, 0)), axis=1, label="empty")
    yield Sample(rng.standard_normal((2, 1)), rng.standard_normal((2, 1)), axis=1, label="one step")


@samples("cummax", "cummin", "logcumsumexp")
def running(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(distinct(rng, 5))
    yield Sample(distinct(rng, 2, 3, 2), axis=1)
    yield Sample(distinct(rng, 2, 7), axis=-1)
    yield Sample(distinct(rng, 1, 3), axis=0, label="length 1")
    yield Sample(rng.standard_normal((2, 0)), axis=1, label="empty")
