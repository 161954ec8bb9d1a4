"""The kernels of cross-entropy against the formula, with and without Numba."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.mode import changed_mode
from minigrad.kernels import loops


@pytest.fixture(params=["NumPy", "Numba"], autouse=True)
def forms(request, monkeypatch):
    if request.param == "NumPy":
        monkeypatch.setattr(loops, "find", lambda family: None)
    elif find_spec("numba") is None:
        pytest.skip("the extra `fast` is not installed")


def run(x, labels, kernels=True):
    """Losses, probabilities, and the gradient of the mean loss."""
    with changed_mode(plain=not kernels), np.errstate(all="ignore"):
        t = mg.Tensor(x, requires_grad=True)
        losses, p = mg.softmax_cross_entropy(t, labels)
        losses.mean().backward()
    return losses.data, p.data, t.grad.data


@pytest.mark.parametrize(("dtype", "limit"), [(np.float32, 1e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("scale", [1, 30, 1000])
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (2, 3, 33), (400, 500)], ids=str)
def test_agrees(dtype, limit, scale, shape):
    """Against float64, relative to the largest value."""
    rng = np.random.default_rng(0)
    x, labels = (rng.standard_normal(shape) * scale).astype(dtype), rng.integers(0, shape[-1], shape[:-1])
    for a, b in zip(run(x, labels), run(x.astype(np.float64), labels, kernels=False), strict=True):
        assert a.dtype == dtype
        assert abs(a - b).max() <= limit * max(abs(b).max(), 1)


@pytest.mark.parametrize(
    "row",
    [[-1e9, -1e9, -1e9], [-200, -201, -300], [0, -50, -86.9], [0, -90, -103], [np.inf, 0, 1], [-np.inf, 0, 1], [-np.inf] * 3,
     [np.nan, 0, 1], [-np.nan, 0, 1], [-0.0, 0.0, -0.0]],
    ids=str,
)  # fmt: skip
def test_extreme_rows(row):
    """Each class in turn the label; beside a row that must not notice. Below 1e-37 digits may be lost, as in the formula."""
    for label in range(3):
        x, labels = np.array([row, [0.5, 1, 2]], np.float32), np.array([label, 1])
        for a, b in zip(run(x, labels), run(x, labels, kernels=False), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-37)


def test_layouts_and_integers():
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((6, 9)).astype(np.float32), rng.integers(0, 9, 12)[::2].astype(np.int32)
    for a, b in zip(run(x, labels), run(np.asfortranarray(x), labels, kernels=False), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    x.flags.writeable = False
    np.testing.assert_array_equal(run(x, labels)[1], run(x.copy(), labels)[1])


def test_the_mean_over_what_is_not_ignored():
    x, labels = np.random.default_rng(0).standard_normal((6, 9)).astype(np.float32), np.array([0, -100, 3, 8, -100, 2])
    results = []
    for kernels in (True, False):
        with changed_mode(plain=not kernels):
            t = mg.Tensor(x, requires_grad=True)
            loss = mg.nn.functional.cross_entropy(t, labels)
            loss.backward()
        results.append((loss.data, t.grad.data))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)
