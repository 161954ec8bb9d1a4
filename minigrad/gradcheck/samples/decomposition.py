"""Samples of factorisations: well conditioned, with distinct eigenvalues and singular values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.gradcheck.samples import Sample, samples

Rng = np.random.Generator


def regular(rng: Rng, *shape: int) -> Any:
    """Matrices with singular values 1, 2, ... and vectors in which one component is clearly the largest: signs depend on it."""
    m, n = shape[-2:]
    k = min(m, n)
    left = np.linalg.qr(np.eye(m, k) + 0.2 * rng.standard_normal((*shape[:-2], m, k)))[0]
    right = np.linalg.qr(rng.standard_normal((*shape[:-2], n, k)))[0]
    return (left * np.arange(1.0, k + 1)) @ right.swapaxes(-1, -2)


@samples("det", "slogdet", "inv")
def square(rng: Rng) -> Iterator[Sample]:
    yield Sample(regular(rng, 3, 3))
    yield Sample(regular(rng, 2, 2, 2), label="a stack")
    yield Sample(np.array([[-2.0]]), label="1x1")
    yield Sample(regular(rng, 0, 2, 2), label="empty stack")


@samples("solve")
def solve(rng: Rng) -> Iterator[Sample]:
    for a, b in (
        ((3, 3), (3, 2)),
        ((3, 3), (3,)),
        ((2, 2, 2), (2, 2, 1)),
        ((2, 2, 2), (2,)),
        ((2, 2), (2, 2, 3)),
        ((2, 1, 2, 2), (3, 2, 1)),
        ((1, 1), (1, 1)),
        ((2, 2), (2, 0)),
    ):
        yield Sample(regular(rng, *a), rng.standard_normal(b))


@samples("cholesky")
def cholesky(rng: Rng) -> Iterator[Sample]:
    for shape in ((3, 3), (2, 2, 2), (1, 1), (0, 2, 2)):
        yield Sample(0.5 * rng.standard_normal(shape) + 2 * np.eye(shape[-1]))


@samples("eigh")
def eigh(rng: Rng) -> Iterator[Sample]:
    for shape in ((3, 3), (2, 2, 2), (1, 1), (0, 2, 2)):
        yield Sample(rng.standard_normal(shape) + np.diag(3.0 * np.arange(shape[-1])))


@samples("qr", "svd")
def any_shape(rng: Rng) -> Iterator[Sample]:
    for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 2), (3, 2, 1), (3, 1, 2), (1, 1), (3, 1), (0, 2, 2)):
        yield Sample(regular(rng, *shape))


@samples("pinv")
def pinv(rng: Rng) -> Iterator[Sample]:
    for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 2), (1, 1)):
        yield Sample(regular(rng, *shape))
    yield Sample(regular(rng, 3, 2), rcond=1e-10)
