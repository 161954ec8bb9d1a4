"""Samples of the sums over alignments."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.gradcheck.samples import Sample, samples


@samples("ctc_alpha")
def ctc_alpha(rng: np.random.Generator) -> Iterator[Sample]:
    jump = np.array([[False, False, False, True, False], [False, False, False, False, False]])
    yield Sample(rng.standard_normal((3, 2, 5)), rng.standard_normal((2, 5)), jump)
    yield Sample(rng.standard_normal((2, 1, 3)), rng.standard_normal((1, 3)), np.array([[True, True, True]]), label="jumps everywhere")
    yield Sample(rng.standard_normal((1, 1, 1)), rng.standard_normal((1, 1)), np.array([[False]]), label="one step, one place")
    yield Sample(rng.standard_normal((2, 0, 3)), rng.standard_normal((0, 3)), np.zeros((0, 3), bool), label="empty")
