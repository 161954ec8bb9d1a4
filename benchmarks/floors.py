"""What NumPy itself needs for the bare matrix products, or the bare traffic of memory, of a workload.

A floor computes nothing that could be checked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from functional import LAYERS, Make
from workloads import Step, normal


def products(*sizes: tuple[int, int, int]) -> Make:
    """The matrix products (m, k, n) of a forward pass and of the gradients for both operands."""

    def make() -> Step:
        operands = [(normal(m, k), normal(k, n), normal(m, n)) for m, k, n in sizes]
        outs = [tuple(np.empty_like(a) for a in three) for three in operands]

        def step() -> list[Any]:
            for (a, b, c), (da, db, dc) in zip(operands, outs, strict=True):
                np.matmul(a, b, out=dc)
                np.matmul(c, b.T, out=da)
                np.matmul(a.T, c, out=db)
            return []

        return step

    return make


def traffic(*shape: int) -> Make:
    """Batch norm reads x, writes y; reads x and g, writes dx: what a cache that holds a channel cannot save."""

    def make() -> Step:
        x, g, y = normal(*shape), normal(*shape), np.empty(shape, np.float32)

        def step() -> list[Any]:
            np.copyto(y, x)
            np.add(x, g, out=y)
            return []

        return step

    return make


def floor_makes() -> dict[str, Make]:
    return {
        **{f"mlp{batch}": products(*[(batch, n, m) for n, m in LAYERS]) for batch in (64, 512)},
        **{f"bnmlp{batch}": products(*[(batch, n, m) for n, m in LAYERS]) for batch in (64, 512)},
        **{f"bn_{'x'.join(map(str, s))}": traffic(*s) for s in ((64, 32, 28, 28), (32, 64, 56, 56), (256, 1024))},
        "cnn64": products((16, 9, 64 * 784), (32, 144, 64 * 196), (64, 1568, 10)),
        "conv_small": products((32, 144, 64 * 196)),
        "conv_large": products((64, 288, 32 * 784)),
        "lstm": products((1600, 128, 512), *[(32, 128, 512)] * 50),
    }
