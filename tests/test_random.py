"""The generator: known answers, the array form against NumPy's own, distributions, state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import minigrad as mg
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


def chi_squared(draws, p):
    expected = draws.size * np.asarray(p)
    return ((np.bincount(draws.ravel(), minlength=len(p)) - expected) ** 2 / expected).sum()


class TestCategorical:
    P = np.array([0.5, 0.2, 0.001, 0.099, 0.2])

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("offset", [0.0, -700.0, 80.0])
    def test_classes_come_as_often_as_they_should(self, dtype, offset):
        draws = Generator(7).categorical((np.log(self.P) + offset).astype(dtype), shape=(100_000,))
        assert (draws.dtype, draws.shape) == (np.int64, (100_000,))
        assert chi_squared(draws.data, self.P) < 23.5  # 4 degrees of freedom: p = 1e-4

    def test_each_row_has_its_own_probabilities_along_any_axis(self):
        rows = np.random.default_rng(0).dirichlet(np.ones(4), (2, 3))
        logits = np.log(rows)
        draws = Generator(8).categorical(mg.tensor(logits), shape=(20_000, 2, 3))
        for place in np.ndindex(2, 3):
            assert chi_squared(draws.data[:, *place], rows[place]) < 21.1  # 3 degrees of freedom: p = 1e-4
        other = Generator(8).categorical(np.moveaxis(logits, -1, 0), axis=0, shape=(20_000, 2, 3))
        np.testing.assert_array_equal(other.data, draws.data)
        assert Generator(8).categorical(logits).shape == (2, 3)
        assert Generator(8).categorical(logits[0, 0]).shape == ()

    def test_draws_are_independent(self):
        draws = Generator(9).categorical(np.zeros(3), shape=(50_000, 2)).data
        assert chi_squared(draws[:, 0] * 3 + draws[:, 1], np.full(9, 1 / 9)) < 32  # 8 degrees of freedom: p = 1e-4

    def test_the_same_seed_gives_the_same_draws(self):
        one, two, other = (Generator(seed).categorical(np.zeros(9), shape=(64,)).data for seed in (1, 1, 2))
        np.testing.assert_array_equal(one, two)
        assert (one != other).any()

    def test_what_has_no_probability_never_comes(self):
        logits = mg.tensor([-np.inf, 0.0, -np.inf, 0.0, -np.inf], requires_grad=True)
        draws = Generator(3).categorical(logits, shape=(10_000,))
        assert set(draws.data) == {1, 3}
        assert not draws.requires_grad

    @pytest.mark.parametrize(
        ("logits", "options", "message"),
        [
            (np.ones((2, 0)), {}, r"categorical: logits have shape \(2, 0\); expected classes along axis -1"),
            (np.float64(1), {}, r"shape \(\); expected classes along axis -1"),
            (np.ones(3), {"axis": 1}, r"expected classes along axis 1"),
            (np.ones(3), {"axis": None}, r"expected classes along axis None"),
            (np.ones((2, 3)), {"shape": (2, 5)}, r"shape is \(2, 5\); expected one that ends with \(2,\)"),
            (np.ones((2, 3)), {"shape": ()}, r"shape is \(\); expected one that ends with \(2,\)"),
            ([0.0, np.nan], {}, "logits are nan or inf"),
            ([0.0, np.inf], {}, "logits are nan or inf"),
            ([-np.inf, -np.inf], {}, "all of them -inf"),
        ],
    )
    def test_what_has_no_distribution_is_refused_and_nothing_is_drawn(self, logits, options, message):
        g = Generator(4)
        with pytest.raises(ValueError, match=message):
            g.categorical(logits, **options)
        assert g.state["counter"] == 0

    def test_a_captured_step_draws_anew_from_the_logits_of_now(self):
        weight = mg.tensor(np.zeros(6), requires_grad=True)
        seen = []
        for captured in (False, True):
            mg.manual_seed(5)

            def step(x):
                return random.categorical(x + weight, shape=(40, 6)[:1]) * 1.0

            run = mg.capture(step) if captured else step
            seen.append([run(mg.tensor(np.linspace(0, k, 6))).data.copy() for k in range(5)])
            if captured:
                assert run.captured, run.refusals
        np.testing.assert_array_equal(seen[0], seen[1])
        assert (seen[0][0] != seen[0][1]).any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_like_another_tensor(dtype):
    x = mg.ones((3, 4), dtype=dtype)
    for draw, same in [
        (random.uniform_like, random.uniform),
        (random.normal_like, random.normal),
    ]:
        mg.manual_seed(1)
        y = draw(x)
        mg.manual_seed(1)
        np.testing.assert_array_equal(y.data, same((3, 4), dtype=dtype).data)
        assert y.dtype == dtype
        assert draw(x, dtype="float32").dtype == "float32"
    ranks = random.integers_like(mg.zeros((50, 2), dtype="int16"), 2, 5)
    assert (ranks.shape, ranks.dtype, set(ranks.data.ravel())) == ((50, 2), np.int16, {2, 3, 4})


@pytest.mark.parametrize(("low", "high", "dtype"), [(0, 257, "uint8"), (-1, 3, "uint8"), (-129, 0, "int8"), (0, 129, "int8")])
def test_integers_that_do_not_fit_the_dtype_are_refused(low, high, dtype):
    with pytest.raises(ValueError, match=f"do not fit {dtype}"):
        mg.random.integers(low, high, (3,), dtype=dtype)
    with pytest.raises(ValueError, match=f"do not fit {dtype}"):
        mg.random.integers_like(mg.tensor(np.zeros(2, dtype)), low, high)


def test_integers_may_fill_the_dtype():
    drawn = mg.random.integers(-128, 128, (4000,), dtype="int8")
    assert drawn.dtype == np.int8
    assert (drawn.min().item(), drawn.max().item()) == (-128, 127)
