"""What gradcheck says where a numerical derivative is hard to get, or is none: verdict, first sentence, and no false sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minigrad.gradcheck import gradcheck
from minigrad.gradcheck.result import Result
from tests.gradcheck import planted

METHODS = ("auto", "differences")


def said(result: Result) -> str:
    return "\n".join([*(row.message for row in result.rows), *result.notes, *result.diagnosis])


def test_at_least_sixty_are_planted() -> None:
    kinds = (planted.RIGHT, planted.KINKS, planted.JUMPS, planted.NOT_FINITE, planted.NO_DERIVATIVE, planted.WRONG)
    assert sum(len(kind) for kind in kinds) >= 60


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", planted.RIGHT)
def test_a_right_gradient_never_fails(name: str, method: str) -> None:
    f, points = planted.RIGHT[name]
    for x in points:
        result = gradcheck(f, [x], method=method)
        assert result.verdict in ("pass", "cannot tell"), (x, result)
        assert result.diagnosis == [], x
        assert "kink" not in said(result), (x, result)
        assert "jump" not in said(result), (x, result)


@pytest.mark.parametrize("name", ["1 - cos x", "log cosh x", "exp x - 1", "sqrt(1 + x^2) - 1", "x - sin x"])
def test_small_values_pass_as_far_as_they_can(name: str) -> None:
    f, _ = planted.RIGHT[name]
    for x in planted.near(1e-2, 1e-3):
        assert gradcheck(f, [x], method="differences").ok, x


@pytest.mark.parametrize("name", ["log", "1 / x", "sqrt"])
def test_the_edge_of_a_domain_passes(name: str) -> None:
    f, _ = planted.RIGHT[name]
    for x in planted.single(1e-6, 1e-20, 1e-100):
        assert gradcheck(f, [x], method="differences").ok, x


@pytest.mark.parametrize("name", planted.WRONG)
def test_a_wrong_gradient_fails(name: str) -> None:
    f, points = planted.WRONG[name]
    for x in points:
        for method in METHODS:
            result = gradcheck(f, [x], method=method)
            assert result.verdict == "fail", (x, result)
            assert "analytic" in next(row.message for row in result.rows if row.check == "derivative"), result
            assert not {"kink", "jump"} & set(said(result).split()), (x, result)


@pytest.mark.parametrize("name", planted.KINKS)
def test_a_choice_at_a_kink_passes(name: str) -> None:
    for x in planted.KINK_POINTS:
        result = gradcheck(planted.KINKS[name], [x])
        assert result.ok, (x, result)
        assert "jump" not in said(result), x
        assert ("kink" in said(result)) == bool((x == 0).any()), (x, result)


@pytest.mark.parametrize("name", planted.JUMPS)
def test_beside_a_jump_a_gradient_may_be_one_of_the_slopes(name: str) -> None:
    value, slope = planted.JUMPS[name]
    for x in planted.JUMP_POINTS:
        result = gradcheck(planted.op(value, lambda g, x: g * slope(x)), [x])
        assert result.ok, (x, result)
        assert "1 at a jump" in said(result), (x, result)
        assert "kink" not in said(result), (x, result)


@pytest.mark.parametrize("error", planted.JUMP_ERRORS)
@pytest.mark.parametrize("name", planted.JUMPS)
def test_no_other_gradient_passes_at_a_jump(name: str, error: float) -> None:
    value, slope = planted.JUMPS[name]
    for x in planted.JUMP_POINTS:
        at = int(np.flatnonzero(x == 0)[0])
        result = gradcheck(planted.op(value, lambda g, x: g * (slope(x) + error * (x == 0))), [x])
        assert result.verdict == "fail", (x, result)
        assert f"at [{at}]" in result.diagnosis[0], result
        assert "the function jumps there" in result.diagnosis[0], result
        assert len(result.diagnosis) == 1, result
        assert "vacuous: the true gradient" not in said(result), result


@pytest.mark.parametrize("name", planted.NOT_FINITE)
def test_a_gradient_that_is_not_finite_gets_one_sentence(name: str) -> None:
    f, x, at, op = planted.NOT_FINITE[name]
    result = gradcheck(f, [x])
    assert result.verdict == "fail", result
    assert [row.check for row in result.rows if row.verdict == "fail"] == ["finite gradient"], result
    (sentence,) = result.diagnosis
    assert f"at {at}, where the function has a finite slope" in sentence
    assert op in sentence, sentence
    assert ("where() does not help" in sentence) == (name in planted.BEHIND_WHERE), sentence
    assert not result.notes
    assert "digits" not in str(result).splitlines()[0]


@pytest.mark.parametrize("name", planted.NO_DERIVATIVE)
def test_where_there_is_no_derivative_it_cannot_tell(name: str) -> None:
    f, x = planted.NO_DERIVATIVE[name]
    result = gradcheck(f, [x])
    assert result.verdict == "cannot tell", result
    assert "the function itself has no finite derivative" in said(result), result
    assert len([row for row in result.rows if row.verdict != "pass"]) == 1, result


def test_no_warning_of_numpy_is_shown(recwarn: Any) -> None:
    for f, x, _, _ in planted.NOT_FINITE.values():
        str(gradcheck(f, [x]))
    assert not recwarn.list


def test_digits_are_given_for_derivatives_only() -> None:
    adds = gradcheck(planted.op(lambda x: x + 0, lambda g, x: g + 1e-3), [planted.TRIPLE])
    assert adds.verdict == "fail"
    hinge = gradcheck(planted.op(lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0) + 2 * g * (x == 0)), [np.array([-1.0, 0.0, 1.0])])
    assert hinge.verdict == "fail"
    for result in (adds, hinge):
        assert "16.0 digits" not in str(result), result
        assert result.digits < 4
    assert "16.0" not in hinge._repr_html_()


def test_along_directions_a_failure_has_a_message() -> None:
    result = gradcheck(planted.op(lambda x: x * x, lambda g, x: 3 * g * x), [np.arange(1.0, 7.0)], directions=2)
    (row,) = (row for row in result.rows if row.check == "derivative")
    assert row.message.startswith("along a random direction: analytic"), row
