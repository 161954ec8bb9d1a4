"""Samples of pooling. Max pooling gets distinct values, well apart; ties are tested by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.gradcheck.samples import Sample, samples

Rng = np.random.Generator


def distinct(rng: Rng, *shape: int) -> np.ndarray:
    """Values of both signs, no two closer than 0.1."""
    n = int(np.prod(shape))
    return (rng.permutation(n) * 0.1 - 0.05 * n + 0.01).reshape(shape)


@samples("max_pool")
def max_pool(rng: Rng) -> Iterator[Sample]:
    yield Sample(distinct(rng, 2, 2, 6), kernel_size=2)
    yield Sample(distinct(rng, 1, 2, 4, 4), kernel_size=2)
    yield Sample(distinct(rng, 0, 1, 4, 4), kernel_size=2, label="empty batch")
    yield Sample(distinct(rng, 1, 1, 1, 1), kernel_size=1, label="1x1")
    yield Sample(distinct(rng, 1, 1, 5, 4), kernel_size=(3, 2), stride=1, label="overlapping")
    yield Sample(distinct(rng, 1, 1, 4, 7), kernel_size=(2, 3), stride=(3, 2), label="elements that no window sees")
    yield Sample(distinct(rng, 1, 1, 5, 5) - 9.0, kernel_size=3, stride=2, padding=1, label="all negative, padded")
    yield Sample(distinct(rng, 1, 1, 6), kernel_size=3, dilation=2, padding=1, stride=1)
    yield Sample(distinct(rng, 1, 1, 6, 7), kernel_size=(2, 3), stride=(3, 3), padding=(0, 1), ceil_mode=True)
    yield Sample(distinct(rng, 1, 1, 5), kernel_size=2, ceil_mode=True)
    yield Sample(distinct(rng, 1, 1, 2, 4, 3), kernel_size=2, stride=(1, 2, 1), label="3-d")


@samples("adaptive_max_pool")
def adaptive_max_pool(rng: Rng) -> Iterator[Sample]:
    yield Sample(distinct(rng, 2, 2, 6), output_size=3)
    yield Sample(distinct(rng, 1, 2, 5, 4), output_size=(3, None))
    yield Sample(distinct(rng, 1, 1, 3, 4), output_size=(1, 3))
    yield Sample(distinct(rng, 1, 1, 2), output_size=3, label="longer than the input")
    yield Sample(distinct(rng, 0, 1, 4), output_size=2, label="empty batch")


@samples("pick")
def pick(rng: Rng) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 2, 3)), rng.integers(0, 3, (2, 2, 4)))
    yield Sample(rng.standard_normal((1, 2, 3, 2)), rng.integers(0, 6, (1, 2, 2, 2)))


@samples("pick_transpose")
def pick_transpose(rng: Rng) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 2, 4)), rng.integers(0, 3, (2, 2, 4)), size=(3,))
    yield Sample(rng.standard_normal((1, 2, 2, 2)), rng.integers(0, 6, (1, 2, 2, 2)), size=(3, 2))


@samples("avg_pool")
def avg_pool(rng: Rng) -> Iterator[Sample]:
    for size, params in AVERAGES:
        yield Sample(rng.standard_normal((1, 2, *size)), **params)
    yield Sample(rng.standard_normal((0, 1, 4, 4)), kernel_size=2, label="empty batch")


@samples("avg_pool_transpose")
def avg_pool_transpose(rng: Rng) -> Iterator[Sample]:
    from minigrad.ops import avg_pool

    for size, params in AVERAGES:
        windows = avg_pool(np.zeros((1, 2, *size)), **params).shape
        yield Sample(rng.standard_normal(windows), size=size, **params)


AVERAGES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((6,), {"kernel_size": 2}),
    ((1, 1), {"kernel_size": 1}),
    ((5, 4), {"kernel_size": (3, 2), "stride": 1}),
    ((4, 7), {"kernel_size": (2, 3), "stride": (3, 2)}),
    ((4, 3), {"kernel_size": 2, "padding": 1}),
    ((4, 3), {"kernel_size": (3, 2), "stride": 2, "padding": 1, "count_include_pad": False}),
    ((5, 6), {"kernel_size": 2, "stride": 3, "padding": (1, 0), "ceil_mode": True}),
    ((6,), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
    ((4, 3), {"kernel_size": 2, "divisor_override": 3}),
    ((2, 3, 2), {"kernel_size": 2, "stride": 1}),
]


@samples("adaptive_avg_pool")
def adaptive_avg_pool(rng: Rng) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 2, 6)), output_size=3)
    yield Sample(rng.standard_normal((1, 2, 5, 4)), output_size=(3, None))
    yield Sample(rng.standard_normal((1, 1, 3, 4)), output_size=1)
    yield Sample(rng.standard_normal((1, 1, 2)), output_size=3, label="longer than the input")
    yield Sample(rng.standard_normal((0, 1, 4)), output_size=2, label="empty batch")
    yield Sample(rng.standard_normal((1, 1, 2, 3, 4)), output_size=(2, 2, 3), label="3-d")
