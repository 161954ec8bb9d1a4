"""Batch norm over ranks is batch norm of the whole batch: values, derivatives to third order, digits in float32."""

from __future__ import annotations

import re

import numpy as np
import pytest
from support.derivatives import SHARDS, batch_norm_error

import minigrad as mg
from minigrad import ops
from minigrad.core.mode import changed_mode
from minigrad.distributed import spmd, sync_batch_norm, sync_batch_norm_relu
from minigrad.gradcheck.mutants.changes import mutants_of
from minigrad.gradcheck.mutants.equivalence import REASONS, ROUNDED_AWAY
from minigrad.gradcheck.mutants.runner import MutantRunner

KERNELS = pytest.mark.parametrize("kernels", [True, False], ids=["kernels", "formula"])


@KERNELS
@pytest.mark.parametrize("size", [2, *(pytest.param(size, marks=pytest.mark.thorough) for size in (3, 4))])
@pytest.mark.parametrize("shape", [(3,), (3, 2, 4)], ids=str)
@pytest.mark.parametrize("statistics", [True, False], ids=["with statistics", "y alone"])
@pytest.mark.parametrize("alike", [True, False], ids=["weights alike", "weights differ"])
def test_derivatives_to_third_order(shape, size, statistics, alike, kernels):
    with changed_mode(plain=not kernels):
        assert max(spmd(size, lambda g: batch_norm_error(g, shape, statistics=statistics, alike=alike))) < 1e-12


@pytest.mark.parametrize("size", [2, 3, 4])
def test_a_large_mean_in_float64(size):
    errors = spmd(size, lambda g: batch_norm_error(g, (3, 4, 4), statistics=True, alike=True, mean=1e3, count=2))
    assert max(errors) < 1e-12


# ---------------------------------------------------------------------------------------------------------- digits in float32


def float32_error(mean: float, cotangent_mean: float, shape=(320, 2, 4, 4), op=sync_batch_norm) -> float:
    """Largest error of dL/dx on two unequal parts, against float64 in one process, relative to the largest element."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=shape) + mean).astype(np.float32)
    g = (rng.normal(size=shape) + cotangent_mean).astype(np.float32)
    axis = (0, *range(2, len(shape)))
    exact = mg.Tensor(x.astype(np.float64), requires_grad=True)
    ops.batch_norm(exact, axis=axis)[0].backward(mg.Tensor(g.astype(np.float64)))

    def run(group):
        part = slice(0, len(x) // 3) if group.rank == 0 else slice(len(x) // 3, None)
        mine = mg.Tensor(x[part], requires_grad=True)
        op(mine, axis=axis, group=group)[0].backward(mg.Tensor(g[part]))
        return mine.grad.data

    found, truth = np.concatenate(spmd(2, run)), exact.grad.data
    return float(np.abs(found - truth).max() / np.abs(truth).max())


@KERNELS
@pytest.mark.parametrize(("mean", "cotangent_mean"), [(0, 0), (1e3, 1), (1e3, 100), (1e4, 100), (-1e4, -100)])
@pytest.mark.parametrize("shape", [(320, 2, 4, 4), (5000, 3)], ids=["images", "columns"])
def test_float32_keeps_its_digits(mean, cotangent_mean, shape, kernels):
    with changed_mode(plain=not kernels):
        assert float32_error(mean, cotangent_mean, shape) < 1e-5


def test_mutants_that_only_rounding_shows_die_in_float32():
    """Among them the usual formula, without the third sum. (Those of the last x - mean - s/m are worth half a digit.)"""
    op = mg.OPS["sync_batch_norm"]
    runner = MutantRunner(op, "sync_batch_norm")
    (pattern,) = [change for _, change, reason in REASONS if reason == ROUNDED_AWAY]
    mutants = [m for m in mutants_of(op, 0) if re.fullmatch(pattern, m.change) and not m.change.startswith("centred - rest")]
    assert "h_centred - h * rest -> h_centred" in [m.change for m in mutants]
    right = max(float32_error(1e4, 100), weight_error())
    for mutant in mutants:
        with runner.replaced(0, mutant.function):
            try:
                found = max(float32_error(1e4, 100), weight_error())
            except Exception:  # a mutant may raise anything
                found = np.inf
        assert found > 50 * right, mutant.change
    assert len(mutants) > 10


def weight_error() -> float:
    """Error of dL/dweight in float32 at mean 1e4, where the rounding of the mean leaves most."""
    rng = np.random.default_rng(0)
    x, g = (rng.normal(size=(320, 2)) + 1e4).astype(np.float32), (rng.normal(size=(320, 2)) + 100).astype(np.float32)

    def gradient(x, g, op, **options):
        w = mg.Tensor(np.ones(2, x.dtype), requires_grad=True)
        op(mg.Tensor(x), w, axis=0, **options)[0].backward(mg.Tensor(g))
        return w.grad.data

    truth = gradient(x.astype(np.float64), g.astype(np.float64), ops.batch_norm)
    parts = spmd(2, lambda group: gradient(x[group.rank :: 2], g[group.rank :: 2], sync_batch_norm, group=group))
    return float(np.abs(sum(parts) - truth).max() / np.abs(truth).max())


# ---------------------------------------------------------------------------------------------------------- edges


def test_all_ranks_have_the_same_bits_of_the_statistics():
    x = np.random.default_rng(0).normal(size=(19, 3)).astype(np.float32)
    ends = np.cumsum([0, *SHARDS[4]])

    def run(group):
        part = x[ends[group.rank] : ends[group.rank + 1]]
        return [v.tobytes() for v in sync_batch_norm(part, axis=0, group=group)[1:]]

    found = spmd(4, run)
    assert all(f == found[0] for f in found)


def test_no_rank_has_a_value():
    def run(group):
        with pytest.raises(ValueError, match="sync_batch_norm: no rank has a value"):
            sync_batch_norm(np.zeros((0, 3)), axis=0, group=group)
        return group.calls

    assert spmd(3, run) == [1, 1, 1]


@KERNELS
def test_a_nan_or_an_infinity_on_one_rank_shows_on_all_in_its_channel_only(kernels):
    def run(group):
        x = np.random.default_rng(group.rank).normal(size=(4, 3))
        if group.rank == 1:
            x[0, 1], x[0, 2] = np.nan, np.inf
        with changed_mode(plain=not kernels), np.errstate(all="ignore"):
            return sync_batch_norm(x, axis=0, group=group)[0]

    for y in spmd(2, run):
        assert np.isfinite(y[:, 0]).all()
        assert np.isnan(y[:, 1]).all()
        assert not np.isfinite(y[:, 2]).any()


def test_views_that_are_read_only_strided_and_of_half_precision():
    x = np.random.default_rng(0).normal(size=(6, 8, 3)).astype(np.float16)
    x.flags.writeable = False
    whole = ops.batch_norm(x[::2, ::-2], axis=(0, 1))[0]

    def run(group):
        y, mean, _, m = sync_batch_norm(x[::2, ::-2][group.rank : group.rank + 1 + group.rank], axis=(0, 1), group=group)
        assert (y.dtype, mean.dtype, m.dtype) == (np.float16, np.float32, np.float32)
        return y

    np.testing.assert_allclose(np.concatenate(spmd(2, run)).astype(np.float32), whole.astype(np.float32), rtol=2e-3, atol=2e-3)


def test_one_rank_uses_y_and_the_other_the_mean():
    """The message of the backward pass has one layout, so ranks may differ in what their losses depend on."""

    def run(group):
        x = mg.Tensor(np.random.default_rng(group.rank).normal(size=(4, 3)), requires_grad=True)
        y, mean, _, _ = sync_batch_norm(x, axis=0, group=group)
        ((y**3).sum() if group.rank == 0 else mean.sum()).backward()
        return x.grad.data

    first, second = spmd(2, run)
    assert np.isfinite(first).all()
    assert np.isfinite(second).all()


@KERNELS
def test_with_relu(kernels):
    def run(group):
        rng = np.random.default_rng(group.rank)
        x, g = rng.normal(size=(5, 3, 4, 4)).astype(np.float32), rng.normal(size=(5, 3, 4, 4)).astype(np.float32)
        w, b = np.array([1.0, -2.0, 0.0], np.float32), np.array([0.1, 0.5, 0.3], np.float32)
        found = []
        for op in (sync_batch_norm_relu, lambda *args, **options: (ops.relu(sync_batch_norm(*args, **options)[0]),)):
            leaves = [mg.Tensor(v, requires_grad=True) for v in (x, w, b)]
            y = op(*leaves, axis=(0, 2, 3), group=group)[0]
            y.backward(mg.Tensor(g))
            found.append([y.data, *[v.grad.data for v in leaves]])
        for fused, apart in zip(*found, strict=True):
            np.testing.assert_allclose(fused, apart, rtol=1e-5, atol=1e-5)

    with changed_mode(plain=not kernels):
        spmd(2, run)
