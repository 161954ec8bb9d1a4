"""Samples of the recurrent ops: few steps and units, as every output depends on every input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.gradcheck.samples import Sample, samples


def _arrays(rng: np.random.Generator, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    return [rng.standard_normal(shape) for shape in shapes]


@samples("lstm")
def lstm(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(*_arrays(rng, (3, 2, 8), (2, 2), (2, 2), (8, 2)))
    yield Sample(*_arrays(rng, (2, 2, 12), (2, 2), (2, 3), (12, 2), (2, 3)), label="projection")
    yield Sample(*_arrays(rng, (1, 1, 4), (1, 1), (1, 1), (4, 1)), label="one step, one unit")


@samples("gru")
def gru(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(*_arrays(rng, (3, 2, 6), (2, 2), (6, 2), (6,)))
    yield Sample(*_arrays(rng, (2, 1, 6), (1, 2), (6, 2)), label="no bias")
    yield Sample(*_arrays(rng, (1, 1, 3), (1, 1), (3, 1), (3,)), label="one step, one unit")


@samples("rnn")
def rnn(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(*_arrays(rng, (3, 2, 2), (2, 2), (2, 2)))
    yield Sample(*_arrays(rng, (3, 2, 2), (2, 2), (2, 2)), nonlinearity="relu")
    yield Sample(*_arrays(rng, (1, 1, 1), (1, 1), (1, 1)), label="one step, one unit")
