"""Samples of the reductions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.gradcheck.samples import Sample, samples


def distinct(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, Any]:
    """Return numbers of both signs, no two of them, and no two absolute values, closer than 0.1."""
    n = math.prod(shape)
    return ((rng.permutation(n) + 1.0) * 0.2 * np.where(rng.random(n) < 0.5, -1, 1)).reshape(shape)


def reductions(x: Any, **params: Any) -> Iterator[Sample]:
    """Every kind of axis for an array of shape (2, 3, 4)."""
    yield Sample(x, **params)
    yield Sample(x, axis=1, **params)
    yield Sample(x, axis=-1, keepdims=True, **params)
    yield Sample(x, axis=(0, -1), **params)
    yield Sample(x, axis=(2, 0), keepdims=True, **params)
    yield Sample(x, keepdims=True, label="all axes kept", **params)


@samples("sum", "mean")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from reductions(rng.standard_normal((2, 3, 4)))
    yield Sample(np.array(1.5), label="0-d")
    yield Sample(rng.standard_normal((2, 3)), axis=(), label="no axis")
    yield Sample(rng.standard_normal((3, 1)), axis=1, label="length 1")
    yield Sample(rng.standard_normal((3, 2)), axis=0, label="first axis")
    yield Sample(rng.standard_normal((0, 3)), axis=1, label="empty")


@samples("prod")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    x = distinct(rng, 2, 3, 2) * 0.5
    yield from reductions(x)
    yield Sample(np.array(1.5), label="0-d")
    for zeros in (1, 2, 3):
        x = distinct(rng, 2, 4)
        x[1, :zeros] = 0
        yield Sample(x, axis=1, label=f"{zeros} zeros")
    yield Sample(rng.standard_normal((2, 0)), axis=1, label="empty")


@samples("max", "min", "logsumexp")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from reductions(distinct(rng, 2, 3, 4))
    yield Sample(np.array(1.5), label="0-d")
    yield Sample(distinct(rng, 3, 1), axis=1, label="length 1")


@samples("var", "std")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from reductions(rng.standard_normal((2, 3, 4)))
    yield Sample(rng.standard_normal((2, 3)), axis=0, correction=1)
    yield Sample(rng.standard_normal((2, 3)), axis=1, correction=1)
    yield Sample(rng.standard_normal((2, 5)), axis=1, correction=1.5, keepdims=True)


@samples("vector_norm")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from reductions(distinct(rng, 2, 3, 4))
    for ord in (1, 2, 3, 1.5, 0.5, 0, -1, -2.5, math.inf, -math.inf):
        yield Sample(distinct(rng, 2, 4), axis=1, ord=ord)
    yield Sample(distinct(rng, 2, 2, 2), axis=(0, 2), ord=3, keepdims=True)
    yield Sample(np.array(-1.5), label="0-d")
    yield Sample(np.array([0.0, 3.0, -4.0]), label="a zero among others")


@samples("all", "any", "count_nonzero")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from reductions(rng.integers(0, 2, (2, 3, 4)))
    yield Sample(np.array([1.0, 0.0, -2.0]))
    yield Sample(np.zeros((0, 2), dtype=bool), axis=0, label="empty")


@samples("argmax", "argmin")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    x = distinct(rng, 2, 3, 4)
    yield Sample(x)
    yield Sample(x, axis=1)
    yield Sample(x, axis=-1, keepdims=True)
    yield Sample(np.array([2.0, 7.0, 7.0, 2.0]), label="ties: the first")
