"""The generator: known answers, the array form against NumPy's own, distributions, state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from minigrad import random
from minigrad.random import Generator, philox


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**128 - 1), st.integers(0, 2**40), st.integers(1, 40))
def test_philox_in_arrays_equals_numpys_own(seed, first, blocks):
    expected = np.random.Philox(key=seed, counter=first).random_raw(4 * blocks)
    counters = np.arange(first + 1, first + 1 + blocks, dtype=np.uint64)
    np.testing.assert_array_equal(philox(np, counters, seed).ravel(), expected)


def test_same_seed_same_numbers_and_state_resumes():
    g = Generator(5)
    g.normal((3, 4))
    state = g.state
    a = g.uniform(7).data
    assert np.array_equal(Generator(5).normal((3, 4)).data, Generator(5).normal((3, 4)).data)
    other = Generator(0)
    other.state = state
    assert np.array_equal(other.uniform(7).data, a)
    assert not np.array_equal(Generator(6).uniform(7).data, Generator(5).uniform(7).data)


def test_draws_do_not_overlap():
    g = Generator(1)
    words = np.concatenate([g.bits(n, "cpu") for n in (1, 2, 3, 4, 5, 100)])
    assert len(set(words.tolist())) == len(words)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_uniform_is_uniform(dtype):
    u = Generator(2).uniform((100_000,), dtype=dtype).data
    assert u.dtype == dtype
    assert u.min() >= 0
    assert u.max() < 1
    counts = np.histogram(u, 50, (0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 95  # chi-squared with 49 degrees of freedom: p = 1e-4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_has_the_moments_of_the_normal_distribution(dtype):
    z = Generator(3).normal((200_001,), mean=1.0, std=2.0, dtype=dtype).data
    z = (z.astype(np.float64) - 1) / 2
    assert z.size == 200_001
    for power, moment, spread in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]:  # spread: variance of z**power
        assert abs((z**power).mean() - moment) < 5 * np.sqrt(spread / z.size)


def test_integers_bernoulli_permutation():
    g = Generator(4)
    draws = g.integers(-2, 3, (10_000,)).data
    assert sorted(set(draws.tolist())) == [-2, -1, 0, 1, 2]
    assert abs(g.bernoulli((10_000,), 0.3).data.mean() - 0.3) < 0.025
    assert sorted(g.permutation(50).tolist()) == list(range(50))
    assert g.uniform((0, 3)).shape == (0, 3)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"seed is an integer from 0"):
        Generator(-1)
    with pytest.raises(ValueError, match="there is none"):
        random.integers(3, 3)
    with pytest.raises(ValueError, match="probability"):
        random.bernoulli((2,), 1.5)
    with pytest.raises(TypeError, match="floating-point"):
        random.uniform((2,), dtype=np.int64)
    with pytest.raises(ValueError, match="negative"):
        random.normal((-1,))
