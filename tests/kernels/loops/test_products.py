"""The product with a tile of the result in registers, against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba", reason="the extra `fast`")
from minigrad.kernels.loops import products

TOLERANCE = {np.float64: 1e-13, np.float32: 2e-6}


def normal(*shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("size", [(1, 1, 1), (8, 64, 32), (9, 5, 33), (17, 300, 31), (3, 0, 4), (0, 2, 3), (2, 3, 0)], ids=str)
@pytest.mark.parametrize("order", ["C", "F"])
def test_agrees(dtype, size, order):
    m, k, n = size
    a, b = (np.asarray(normal(*shape, dtype=dtype), order=order) for shape in ((m, k), (k, n)))
    start, y = normal(m, n, dtype=dtype, seed=1), np.empty((m, n), dtype)
    expected = start + a.astype(np.float64) @ b
    products.multiply_add(a, products.pack(b), start, y)
    np.testing.assert_allclose(y, expected, rtol=0, atol=TOLERANCE[dtype] * max(1, k))
    products.multiply_add(a, products.pack(b), start, start)
    np.testing.assert_array_equal(start, y)


@pytest.mark.parametrize("columns", [40, 64])
def test_stays_within_its_matrix(columns):
    a, b = normal(9, 7, dtype=np.float32), normal(7, columns, dtype=np.float32)
    whole = np.full((13, columns), 7, np.float32)
    products.multiply_add(a, products.pack(b), np.zeros((9, columns), np.float32), whole[2:11])
    np.testing.assert_allclose(whole[2:11], a @ b, rtol=0, atol=1e-5)
    assert (whole[[0, 1, 11, 12]] == 7).all()
