"""Samples of ops that join, cut and repeat arrays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.gradcheck.samples import Sample, samples


@samples("concat")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)), rng.standard_normal((1, 3)))
    yield Sample(rng.standard_normal((2, 3)), rng.standard_normal((2, 1)), rng.standard_normal((2, 2)), axis=-1)
    yield Sample(rng.standard_normal((2, 1, 2)), rng.standard_normal((2, 2, 2)), axis=1)
    yield Sample(rng.standard_normal(3), label="a single one")
    yield Sample(rng.standard_normal((0, 2)), rng.standard_normal((2, 2)), label="one is empty")


@samples("stack")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)), rng.standard_normal((2, 3)))
    yield Sample(rng.standard_normal((2, 3)), rng.standard_normal((2, 3)), rng.standard_normal((2, 3)), axis=-1)
    yield Sample(rng.standard_normal((2, 3)), rng.standard_normal((2, 3)), axis=1)
    yield Sample(np.array(1.5), np.array(-0.5), label="0-d")


@samples("tile")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)), repetitions=(2, 1))
    yield Sample(rng.standard_normal((2, 3)), repetitions=2)
    yield Sample(rng.standard_normal(3), repetitions=(2, 1, 2), label="more numbers than axes")
    yield Sample(rng.standard_normal((2, 1, 2)), repetitions=(3, 1), label="fewer numbers than axes")
    yield Sample(np.array(1.5), repetitions=(3,), label="0-d")
    yield Sample(rng.standard_normal((2, 3)), repetitions=(0, 2), label="to empty")


@samples("repeat")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)), repeats=2)
    yield Sample(rng.standard_normal((2, 3)), repeats=3, axis=-1)
    yield Sample(rng.standard_normal((2, 1, 2)), repeats=3, axis=0)
    yield Sample(rng.standard_normal((2, 3)), repeats=(2, 0, 3), axis=1, label="each its own")
    yield Sample(rng.standard_normal(3), repeats=(1, 2, 3), label="each its own, flat")
    yield Sample(rng.standard_normal((2, 2)), repeats=0, axis=0, label="to empty")


@samples("pad")
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.standard_normal((2, 3)), pad_width=1)
    yield Sample(rng.standard_normal((2, 3)), pad_width=(1, 2), value=0.5)
    yield Sample(rng.standard_normal((2, 3)), pad_width=((0, 1), (2, 0)), value=-1.5)
    yield Sample(rng.standard_normal((0, 2)), pad_width=((1, 0), (0, 0)), label="empty")
    for mode in ("reflect", "edge", "wrap"):
        yield Sample(rng.standard_normal((2, 4)), pad_width=((0, 0), (2, 3)), mode=mode)
        yield Sample(rng.standard_normal((3, 3)), pad_width=((1, 2), (2, 1)), mode=mode)
        yield Sample(rng.standard_normal(3), pad_width=((2, 0),), mode=mode, label="in front")
        yield Sample(rng.standard_normal((3, 2, 3)), pad_width=((0, 1), (2, 0), (0, 2)), mode=mode, label="on one side")
        yield Sample(rng.standard_normal(1) if mode != "reflect" else rng.standard_normal(2), pad_width=3, mode=mode, label="wider than x")
