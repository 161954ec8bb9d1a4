"""The kernels of batch norm against the formula: with and without Numba, long rows and short, means near zero and far from it."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.mode import changed_mode
from minigrad.kernels import batch_norm_blocks, loops

#: (N, C, ...): columns, in groups too; blocks of rows, with a rest and without; short rows; long rows, a few channels at a time and one
SHAPES = [
    (6, 5), (1, 3), (70, 4), (320, 512), (1037, 300), (130, 1030), (66, 9000), (9, 3, 4, 5), (300, 70, 7), (4, 500, 40), (3, 100, 600),
    (70, 3, 1024),
]  # fmt: skip
OPS = {"batch norm": mg.batch_norm, "and ReLU": mg.batch_norm_relu}


@pytest.fixture(params=["NumPy", "Numba"])
def forms(request, monkeypatch):
    if request.param == "NumPy":
        monkeypatch.setattr(loops, "find", lambda family: None)
    elif find_spec("numba") is None:
        pytest.skip("the extra `fast` is not installed")


def data(shape, mean=0.0, std=1.0, dtype=np.float64):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal(shape) * std + mean).astype(dtype)
    return x, *rng.standard_normal((2, shape[1])).astype(dtype), (rng.standard_normal(shape) + 0.5).astype(dtype)


def run(op, x, weight, bias, g, kernels=True):
    """y, mean, var and the gradients of x, weight and bias."""
    with changed_mode(plain=not kernels):
        leaves = [None if a is None else mg.Tensor(a, requires_grad=True) for a in (x, weight, bias)]
        outputs = op(*leaves, axis=(0, *range(2, x.ndim)))
        outputs[0].backward(g)
    return [*(o.data for o in outputs), *(t.grad.data for t in leaves if t is not None)]


def distances(ours, exact):
    for a in ours:
        assert a.dtype == ours[0].dtype
    return [float(abs(a - b).max() / max(abs(b).max(), 1e-30)) for a, b in zip(ours, exact, strict=True)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
@pytest.mark.parametrize("mean", [0.3, 1e4])
def test_float64(forms, op, shape, mean):
    arrays = data(shape, mean)
    assert max(distances(run(op, *arrays), run(op, *arrays, kernels=False))) <= (1e-11 if mean < 1 else 1e-9)


@pytest.mark.parametrize("shape", SHAPES[2:], ids=str)
@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
@pytest.mark.parametrize(("mean", "limit"), [(0.0, 2e-6), (0.95, 3e-6), (1.9, 3e-6), (100.0, 3e-6), (1e4, 3e-6)])
def test_float32(forms, op, shape, mean, limit):
    """Against float64. 0.95 is just near enough to zero for sums of squares of x itself."""
    arrays = data(shape, mean, dtype=np.float32)
    ours, exact = run(op, *arrays), run(mg.batch_norm, *(a.astype(np.float64) for a in arrays), kernels=False)
    if op is mg.batch_norm_relu:  # by hand, as a y of 1e-8 may have either sign
        arrays = (*arrays[:3], arrays[3] * (ours[0] > 0))
        exact = run(mg.batch_norm, *(a.astype(np.float64) for a in arrays), kernels=False)
        exact[0] = np.maximum(exact[0], 0)
    assert max(distances(ours, exact)) <= limit


@pytest.mark.parametrize("shape", SHAPES[2:], ids=str)
def test_tiny_variance(forms, shape):
    """The variance keeps its digits far below eps."""
    arrays = data(shape, 1e-4, 1e-7, np.float32)
    ours, exact = run(mg.batch_norm, *arrays), run(mg.batch_norm, *(a.astype(np.float64) for a in arrays), kernels=False)
    np.testing.assert_allclose(ours[2], exact[2], rtol=1e-5)
    assert max(distances(ours, exact)) <= 1e-5


@pytest.mark.parametrize("shape", SHAPES[2:], ids=str)
@pytest.mark.parametrize("value", [0.0, 0.1, -1234.5])
def test_a_constant_channel_among_others(forms, shape, value):
    """It gives its bias."""
    x, weight, bias, g = data(shape, dtype=np.float32)
    x[:, 1] = value
    ours = run(mg.batch_norm, x, weight, bias, g)
    np.testing.assert_allclose(ours[0][:, 1], bias[1], rtol=1e-5, atol=1e-5)
    assert ours[2][1] <= 1e-12 * value**2
    assert all(np.isfinite(a).all() for a in ours)


@pytest.mark.parametrize("shape", SHAPES[2:], ids=str)
def test_large_values_whose_squares_overflow(forms, shape):
    x, *rest = data(shape, 1e20, 1e17, np.float32)
    ours, exact = (run(mg.batch_norm, *[a.astype(dtype) for a in (x, *rest)]) for dtype in (np.float32, np.float64))
    np.testing.assert_allclose(ours[0], exact[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours[2], exact[2], rtol=1e-5)


@pytest.mark.parametrize("shape", [(70, 4), (70, 3, 1024), (9, 3, 4)], ids=str)
def test_nan_stays_in_its_channel(forms, shape):
    x, *rest = data(shape)
    x[2, 1] = np.nan
    y, mean, var, *_ = run(mg.batch_norm, x, *rest)
    assert np.isnan(y[:, 1]).all()
    assert np.isnan([mean[1], var[1]]).all()
    assert np.isfinite(y[:, 0]).all()
    assert np.isfinite(y[:, 2:]).all()


@pytest.mark.parametrize("shape", [(70, 4), (70, 3, 1024), (9, 3, 4)], ids=str)
def test_strided_and_read_only_arrays_and_no_parameters(forms, shape):
    x, _, _, g = data(shape)
    exact = run(mg.batch_norm, x, None, None, g, kernels=False)
    strided = np.stack([g, g], axis=-1)[..., 0]
    for a in (x, strided):
        a.flags.writeable = False
    for a, b in zip(run(mg.batch_norm, x, None, None, strided), exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)
    backwards = run(mg.batch_norm, x[::-1], None, None, g[::-1])
    np.testing.assert_allclose(backwards[0], exact[0][::-1], rtol=1e-11, atol=1e-11)


def test_the_mean_of_a_million_equal_values(forms):
    """Sums in float32 alone would give 0.09999."""
    x = np.full((1_000_000, 1), 0.1, np.float32)
    np.testing.assert_allclose(mg.batch_norm(x, axis=0)[1], x[:1, 0], rtol=1e-7)


def test_the_shapes_above_meet_every_case():
    """Blocks of rows that end with a rest of fewer than are summed together, and rows worked on side by side."""
    x = np.zeros(SHAPES[4], np.float64)
    assert len(batch_norm_blocks.blocks_of_rows(x)) > 1
    assert len(x) % batch_norm_blocks.ROWS
    x = np.zeros(SHAPES[3], np.float64)
    (repeated,) = batch_norm_blocks.side_by_side(x, batch_norm_blocks.blocks_of_rows(x), np.zeros(512))
    assert repeated.size > 512
    assert len(batch_norm_blocks.groups_of_columns(np.zeros(SHAPES[6]), 9000)) == 2
    assert isinstance(batch_norm_blocks.blocks_of_channels(np.zeros(SHAPES[-1]))[0][0], int)
    assert len(batch_norm_blocks.blocks_of_channels(np.zeros(SHAPES[-2]))[0]) > 1
