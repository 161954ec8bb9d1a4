"""What runs say together, beside SciPy and by hand."""

import numpy as np
import pytest

from minigrad.training import accuracy, paired_difference, t_interval
from minigrad.training.statistics import t_quantile


def test_quantiles_are_those_of_the_tables():
    assert [round(t_quantile(0.975, n), 3) for n in (1, 2, 4, 7, 9, 30)] == [12.706, 4.303, 2.776, 2.365, 2.262, 2.042]


def test_quantiles_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    for n in range(1, 40):
        for p in (0.6, 0.9, 0.975, 0.995):
            assert t_quantile(p, n) == pytest.approx(stats.t.ppf(p, n), rel=1e-10)


def test_an_interval_holds_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [t_interval(rng.normal(1.0, 2.0, 5)) for _ in range(1000)]
    assert 0.93 < np.mean([i.low <= 1.0 <= i.high for i in intervals]) < 0.97


def test_a_paired_difference_takes_out_what_both_arms_share():
    shared = np.array([0.1, 5.0, -3.0, 2.0])
    d = paired_difference(shared + np.array([1.0, 1.1, 0.9, 1.0]), shared)
    assert d.mean == pytest.approx(1.0)
    assert d.excludes_zero
    assert d.low == pytest.approx(1 - 3.182446 * np.std([1, 1.1, 0.9, 1], ddof=1) / 2)
    assert str(d).startswith("+1 [+0.87")
    assert not paired_difference([1.0, -1.0], [0.0, 0.0]).excludes_zero


def test_what_makes_no_interval_is_refused():
    with pytest.raises(ValueError, match="at least two"):
        t_interval([1.0])
    with pytest.raises(ValueError, match="make no pairs"):
        paired_difference([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="between 0 and 1"):
        t_interval([1.0, 2.0], confidence=95)


def test_accuracy_counts_right_answers():
    logits = np.array([[0.0, 1.0], [2.0, 1.0], [np.nan, np.nan], [0.0, 3.0]])
    assert accuracy(logits, [1, 1, 0, 1]) == 0.5  # a NaN is no answer, though argmax takes it for class 0
    assert accuracy(logits, [1, -100, -100, 1]) == 1.0
    with pytest.raises(ValueError, match=r"integer targets of shape \(4,\), got float64"):
        accuracy(logits, [1.0, 1.0, 0.0, 1.0])
    with pytest.raises(ValueError, match="no answer"):
        accuracy(logits, [-1, -1, -1, -1])
