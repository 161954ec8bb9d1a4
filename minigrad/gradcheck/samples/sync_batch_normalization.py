"""Samples of batch norm over ranks: the ranks lie along the last axis, each with a weight of its own, and are checked all at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.distributed import Alone, Stacked
from minigrad.gradcheck.samples import Sample, samples

Rng = np.random.Generator

#: label, shape of x on one rank, axes, shape of what there is one of for each channel
LAYOUTS = (
    ("(N, C)", (3, 2), 0, (2,)),
    ("(N, C, L)", (2, 2, 3), (0, 2), (2,)),
    ("channels last", (2, 2, 3), (0, 1), (3,)),
    ("two axes kept", (3, 2, 2), 0, (2, 2)),
    ("one value on each rank", (1, 3), 0, (3,)),
)


@samples("sync_batch_norm", "sync_batch_norm_relu")
def sync_batch_norm(rng: Rng) -> Iterator[Sample]:
    for label, shape, axis, kept in LAYOUTS:
        for group in (Stacked(3), Alone()):
            ranks = (3,) if group.size == 3 else ()
            if not ranks and label.startswith("one"):
                continue
            weight, bias = rng.standard_normal((*kept, *ranks)), rng.choice([-0.3, 0.3], (*kept, *ranks))
            where = "on each of 3 ranks, with a weight of its own" if ranks else "on one"
            yield Sample(rng.standard_normal((*shape, *ranks)) + 1, weight, bias, axis=axis, group=group, eps=0.1, label=f"{label} {where}")
    x, weight, bias = rng.standard_normal((4, 3, 2)), rng.standard_normal((3, 2)), rng.choice([-0.3, 0.3], (3, 2))
    yield Sample(x, weight, None, axis=0, group=Stacked(2), label="no bias")
    yield Sample(x, None, bias, axis=0, group=Stacked(2), label="no weight")
    yield Sample(x, axis=0, group=Stacked(2), eps=0.5, label="neither weight nor bias")
    yield Sample(x * 1e-2, weight, bias, axis=0, group=Stacked(2), eps=1e-4, label="variance like eps")
    yield Sample(np.zeros((3, 0, 2)), np.zeros((0, 2)), np.zeros((0, 2)), axis=0, group=Stacked(2), label="no channels")
