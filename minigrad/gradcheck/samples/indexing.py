"""Samples of indexing, and of ordering."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.gradcheck.samples import Sample, samples
from minigrad.gradcheck.samples.reduction import distinct

#: (shape of x, key, label)
KEYS: list[tuple[tuple[int, ...], Any, str]] = [
    ((3, 4), 1, "integer"),
    ((3, 4), (-1, 2), "to 0-d"),
    ((3, 4), slice(0, 2), "slice"),
    ((3, 4), (slice(None, None, -2), slice(3, 0, -1)), "negative steps"),
    ((3, 4), (Ellipsis, None, 1), "ellipsis and a new axis"),
    ((3, 4), (), "nothing"),
    ((), (Ellipsis, None), "0-d"),
    ((3, 4), slice(2, 2), "to empty"),
    ((3, 4), (np.array([0, 2, 0, -1]),), "integers, one twice"),
    ((3, 4), (np.array([[0, 1], [2, 1]]), np.array([1, -1])), "integers that broadcast"),
    ((2, 3, 2), (np.array([0, 1, 1]), slice(0, 2), np.array([1, 0, 1])), "integers around a slice"),
    ((2, 3, 2), (1, slice(None), np.array([1, 0, 1])), "integer, slice, integers"),
    ((3, 4), (slice(1, None), None, np.array([3, 3])), "slice, new axis, integers"),
    ((3,), (np.array([True, False, True]),), "mask"),
    ((3, 4), (np.arange(12).reshape(3, 4) % 3 == 0,), "mask of all axes"),
    ((2, 3), (slice(None), np.array([True, False, True])), "mask of the last axis"),
    ((2, 3), (np.array([True, False]), np.array([2, 2])), "mask and integers"),
    ((3, 4), (np.zeros((2, 0), dtype=np.int64),), "no integers"),
    ((3,), (np.array(2),), "0-d integer array"),
]


@samples("getitem")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for shape, key, label in KEYS:
        yield Sample(np.asarray(rng.standard_normal(shape)), key=key, label=label)


@samples("add_at")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for shape, key, label in KEYS:
        x = np.asarray(rng.standard_normal(shape))
        yield Sample(x, np.asarray(rng.standard_normal(x[key].shape)), key=key, label=label)
    yield Sample(rng.standard_normal((3, 4)), rng.standard_normal(4), key=slice(0, 2), label="updates broadcast")
    yield Sample(rng.standard_normal((3, 4)), np.array(1.5), key=(np.array([1, 1]),), label="one update for all")


@samples("take")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal(4), np.array([0, 2, 2, -1]))
    yield Sample(rng.standard_normal((3, 4)), np.array([[0, 2], [2, 1]]), axis=0)
    yield Sample(rng.standard_normal((2, 3, 2)), np.array([2, 0, 2]), axis=-2)
    yield Sample(rng.standard_normal((2, 3)), np.array(1), axis=1, label="one index")
    yield Sample(rng.standard_normal((2, 3)), np.zeros(0, dtype=np.int64), axis=0, label="no index")


@samples("index_add")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal(4), np.array([0, 2, 2, -1]), rng.standard_normal(4))
    yield Sample(rng.standard_normal((3, 4)), np.array([[0, 2], [2, 1]]), rng.standard_normal((2, 2, 4)), axis=0)
    yield Sample(rng.standard_normal((2, 3, 2)), np.array([2, 0, 2]), rng.standard_normal((2, 3, 2)), axis=-2)
    yield Sample(rng.standard_normal((3, 2)), np.array([1, 1]), rng.standard_normal(2), axis=0, label="updates broadcast")


@samples("embedding")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((4, 3)), np.array([1, 3, 1]))
    yield Sample(rng.standard_normal((4, 2)), np.array([[0, 3], [3, 2]]), padding_idx=1, label="without the padding index")
    yield Sample(rng.standard_normal((4, 2)), np.array(2), label="one index")
    yield Sample(rng.standard_normal((3, 2, 2)), np.array([0, 2, 2]), padding_idx=1, label="a matrix for each index")


@samples("take_along_axis")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)), rng.integers(0, 3, (2, 4)))
    yield Sample(rng.standard_normal((2, 3, 2)), rng.integers(0, 3, (2, 2, 2)), axis=1)
    yield Sample(rng.standard_normal((3, 2)), rng.integers(0, 3, (4, 1)), axis=0, label="indices broadcast")
    yield Sample(rng.standard_normal(3), np.array([-1, 0, -1]), label="negative")


@samples("scatter_add")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)), rng.integers(0, 3, (2, 4)), rng.standard_normal((2, 4)))
    yield Sample(rng.standard_normal((2, 3, 2)), rng.integers(0, 3, (2, 2, 2)), rng.standard_normal((2, 2, 2)), axis=1)
    yield Sample(rng.standard_normal((3, 2)), rng.integers(0, 3, (4, 2)), np.array(1.5), axis=0, label="one update for all")


@samples("put_along_axis")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)), np.array([[2, 0], [1, 2]]), rng.standard_normal((2, 2)))
    yield Sample(rng.standard_normal((3, 2, 2)), rng.integers(0, 3, (1, 2, 2)), rng.standard_normal((1, 2, 2)), axis=0)


@samples("one_hot")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(np.array([2, 0, 1]), num_classes=3)
    yield Sample(np.array([[2, 0], [1, 1]]), num_classes=4, dtype=np.float64)


@samples("argsort", "sort")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(distinct(rng, 5))
    yield Sample(distinct(rng, 2, 3, 2), axis=1)
    yield Sample(distinct(rng, 3, 2), axis=0, descending=True)


@samples("topk")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(distinct(rng, 5), k=2)
    yield Sample(distinct(rng, 3, 2), k=1, axis=0, largest=False)
    yield Sample(distinct(rng, 2, 4), k=4, label="all of them")


@samples("searchsorted")
def searchsorted(rng: np.random.Generator) -> Iterator[Sample]:
    a = np.array([-1.0, 0.0, 0.0, 2.0])
    yield Sample(a, np.array([[-2.0, 0.0], [1.0, 3.0]]))
    yield Sample(a, np.array([0.0, 2.0]), side="right")
