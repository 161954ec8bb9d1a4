"""The kernels of batch norm over ranks agree with its formula, for rows and columns, near zero and far from it."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.mode import changed_mode
from minigrad.distributed import spmd, sync_batch_norm, sync_batch_norm_relu
from minigrad.kernels import batch_norm_blocks, batch_norm_halves

SHAPES = [(7, 3), (200, 9000), (5, 4, 20), (3, 2, 600), (2, 200, 700), (9, 3, 40, 40), (2, 3, 300, 300)]


@pytest.mark.parametrize("op", [sync_batch_norm, sync_batch_norm_relu], ids=lambda op: op.name)
@pytest.mark.parametrize("mean", [0.3, 50.0])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_kernels_agree_with_the_formula(shape, mean, op):
    def run(group):
        rng = np.random.default_rng(group.rank)
        x, g = rng.normal(size=shape) + mean, rng.normal(size=shape)
        x[:, 0] -= mean  # channels near zero beside others
        w, b = rng.normal(size=shape[1]), rng.normal(size=shape[1])
        found = []
        for kernels in (True, False):
            leaves = [mg.Tensor(v, requires_grad=True) for v in (x, w, b)]
            with changed_mode(plain=not kernels):
                y, mu, var, m = op(*leaves, axis=(0, *range(2, len(shape))), group=group)
                gradients = mg.grad([y, mu, var], leaves, [g, np.cos(mu.data), np.cos(var.data)], retain_graph=True)
                gradients += mg.grad([y], leaves, [g])
            found.append([y.data, mu.data, var.data, m.data, *[v.data for v in gradients]])
        for fast, plain in zip(*found, strict=True):
            np.testing.assert_allclose(fast, plain, rtol=1e-9, atol=1e-11 * np.abs(plain).max())

    spmd(2, run)


def test_the_shapes_take_every_way():
    assert any(np.prod(shape[2:]) <= batch_norm_blocks.SHORT for shape in SHAPES)
    assert len(batch_norm_blocks.groups_of_columns(np.zeros(SHAPES[1]), 9000)) == 2
    parts = [batch_norm_blocks.blocks_of_channels(np.empty((s[0], s[1], int(np.prod(s[2:])))))[0] for s in SHAPES[3:]]
    assert any(isinstance(part[0], int) for part in parts)
    assert any(isinstance(part[0], slice) and len(part) > 1 for part in parts)
    assert batch_norm_halves._short(np.zeros((1, 1, batch_norm_blocks.SHORT)))
