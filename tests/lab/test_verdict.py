"""Verdicts are what their rules say, on every combination of values; an effect needs size, an interval and a second block."""

import math

import pytest
from hypothesis import given, strategies as st

from minigrad.lab import Condition, Effect, Experiment, judge
from minigrad.lab.experiment import RELATIONS


def experiment(*rule, refuted=()):
    return Experiment("c", "s", "d", measure=lambda seed, s: {}, rule=rule, refuted=refuted, true="t", overstated="o")


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=4), st.sampled_from(sorted(RELATIONS)), st.floats(-10, 10))
def test_a_condition_holds_if_it_does_in_every_seed(values, relation, threshold):
    by_hand = all(eval(f"{v!r} {relation} {threshold!r}") for v in values)
    assert Condition("q", relation, threshold).holds(values) == by_hand
    mean = sum(values) / len(values)
    if abs(mean - threshold) > 1e-9:
        assert Condition("q", relation, threshold, over="the mean").holds(values) == eval(f"{mean!r} {relation} {threshold!r}")


def test_nothing_is_fulfilled_by_nan_or_by_no_seed():
    for relation in RELATIONS:
        assert not Condition("q", relation, 0.0).holds([math.nan, math.nan])
        assert not Condition("q", relation, 0.0).holds([])


@given(st.booleans(), st.booleans())
def test_all_some_none(a, b):
    rule = (Condition("a", ">", 0), Condition("b", ">", 0))
    verdict = judge(experiment(*rule), [{"a": [1.0 if a else -1.0], "b": [1.0 if b else -1.0]}])
    assert verdict.word == {2: "reproduced", 1: "depends", 0: "not reproduced"}[a + b]
    assert [line.startswith("holds") for line in verdict.because] == [a, b]
    assert not verdict.provisional


def test_where_refuted_is_given_it_says_what_refutes():
    rule = experiment(Condition("ratio", ">=", 5), refuted=(Condition("ratio", "<", 1.5),))
    words = [judge(rule, [{"ratio": values}]).word for values in ([5.0, 9.0], [1.0, 1.4], [1.0, 9.0], [2.0, 2.0])]
    assert words == ["reproduced", "not reproduced", "depends", "depends"]


UP, DOWN, NOISE, SMALL = [0.02, 0.03, 0.02, 0.03], [-0.02, -0.03, -0.02, -0.03], [0.2, -0.1, 0.1, -0.15], [0.001, 0.002, 0.001, 0.002]


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        (UP, UP, "reproduced"),
        (UP, DOWN, "no effect found"),  # it turned over
        (UP, NOISE, "no effect found"),
        (NOISE, NOISE, "no effect found"),
        (SMALL, SMALL, "no effect found"),  # sure, and too small to matter
        (DOWN, DOWN, "not reproduced"),  # the opposite is so
    ],
)
def test_an_effect_must_be_large_sure_and_repeat(first, second, word):
    verdict = judge(experiment(Effect("d")), [{"d": first}, {"d": second}])
    assert verdict.word == word
    assert not verdict.provisional


def test_an_effect_on_one_block_is_provisional_and_one_seed_finds_none():
    verdict = judge(experiment(Effect("d")), [{"d": UP}])
    assert str(verdict) == "reproduced (provisional)"
    assert judge(experiment(Effect("d")), [{"d": [1.0]}]).word == "no effect found"
    assert judge(experiment(Effect("d", sign=-1)), [{"d": DOWN}]).word == "reproduced"


def test_conditions_that_differ_between_blocks_depend_on_the_seeds():
    verdict = judge(experiment(Condition("q", ">", 0)), [{"q": [1.0]}, {"q": [-1.0]}])
    assert verdict.word == "depends"
    assert "seeds of block 2: not reproduced" in verdict.because[1]


def test_a_rule_about_what_was_not_measured_is_refused():
    with pytest.raises(ValueError, match=r"'speed', which was not measured; there are steps"):
        judge(experiment(Condition("speed", ">", 0)), [{"steps": [1.0]}])


def test_the_rule_in_words_names_every_threshold():
    rule = experiment(Condition("a", ">=", 5), Condition("b", "<", 0.25, over="the mean")).rule_in_words()
    assert rule == "reproduced if a >= 5 in every seed and b < 0.25 on average; not reproduced if none of it holds; else it depends"
    assert "no effect found if not" in experiment(Effect("d")).rule_in_words()
