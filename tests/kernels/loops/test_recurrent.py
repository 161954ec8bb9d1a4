"""tanh as a ratio of polynomials, against NumPy's in float64."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba", reason="the extra `fast`")
from minigrad.kernels.loops.recurrent import tanh


def test_tanh():
    x = np.concatenate([np.linspace(-12, 12, 20_001), np.geomspace(1e-30, 1e30, 2_001), [0, np.inf, -np.inf]]).astype(np.float32)
    y = np.array([tanh(value) for value in x], np.float32)
    exact = np.tanh(x.astype(np.float64))
    assert (np.abs(y - exact) / np.spacing(np.abs(exact).astype(np.float32))).max() <= 7
    assert np.abs(y).max() == 1
    assert np.isnan(tanh(np.float32(np.nan)))
