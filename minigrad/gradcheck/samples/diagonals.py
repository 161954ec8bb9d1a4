"""Samples of ops on triangles and diagonals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.gradcheck.samples import Sample, samples


@samples("tril", "triu")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((3, 3)))
    yield Sample(rng.standard_normal((2, 2, 4)), k=1)
    yield Sample(rng.standard_normal((4, 2)), k=-1)


@samples("diagonal")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((3, 3)))
    yield Sample(rng.standard_normal((2, 2, 4)), offset=1)
    yield Sample(rng.standard_normal((4, 3)), offset=-2)
    yield Sample(rng.standard_normal((2, 3)), offset=3, label="past the corner")


@samples("diag_embed")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal(3))
    yield Sample(rng.standard_normal((2, 2)), offset=1)
    yield Sample(rng.standard_normal((2, 2)), offset=-1, shape=(3, 4))
    yield Sample(rng.standard_normal((2, 3)), offset=1, shape=(3, 4))
