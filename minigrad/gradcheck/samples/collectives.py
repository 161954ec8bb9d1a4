"""Samples of the collectives: the ranks lie along the last axis, and are checked all at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.distributed import Alone, Stacked
from minigrad.gradcheck.samples import Sample, samples

Rng = np.random.Generator


@samples("all_reduce", "all_gather")
def every_rank_alike(rng: Rng) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)), group=Stacked(3))
    yield Sample(rng.standard_normal(2), group=Stacked(2), label="a number on each rank")
    yield Sample(rng.standard_normal((2, 0, 3)), group=Stacked(3), label="empty")
    yield Sample(rng.standard_normal((2, 3)), group=Alone(), label="a group of one")


@samples("reduce_scatter")
def reduce_scatter(rng: Rng) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((3, 2, 3)), group=Stacked(3))
    yield Sample(rng.standard_normal((2, 2)), group=Stacked(2), label="a number on each rank")
    yield Sample(rng.standard_normal((1, 3)), group=Alone(), label="a group of one")


@samples("broadcast", "reduce_to")
def with_a_root(rng: Rng) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)), group=Stacked(3), root=1)
    yield Sample(rng.standard_normal((2, 3)), group=Stacked(3), root=2, label="the last rank")
    yield Sample(rng.standard_normal((2, 3)), group=Stacked(3), label="rank 0")
    yield Sample(rng.standard_normal((2, 3)), group=Alone(), label="a group of one")
