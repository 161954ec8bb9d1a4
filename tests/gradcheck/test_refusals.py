"""Bad inputs: every op refuses them with an error that says what came, and the check of that can fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.op import OPS, Op, op
from minigrad.gradcheck.checks.refusals import BAD, complaint, refusal_rows
from minigrad.gradcheck.samples.bad import Bad
from minigrad.gradcheck.samples.problems import op_names
from minigrad.gradcheck.suite.run import Options, cases_of, select


def test_every_op_has_bad_inputs() -> None:
    assert sorted(BAD) == op_names()
    assert all(BAD.values())


@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_inputs_are_refused(name: str) -> None:
    for row in refusal_rows(name, OPS[name]):
        assert row.verdict == "pass", row.message


def test_the_suite_makes_the_bad_calls() -> None:
    cases = {case["case"]: case for case in cases_of(select(["reshape"], [])[0], Options(order=1, mode="quick"))}
    assert cases["bad inputs"]["verdict"] == "pass"
    assert len(cases["bad inputs"]["checks"]) == len(BAD["reshape"])


@pytest.fixture
def declared() -> Iterator[Callable[[Any], Op]]:
    """Declare ops that are forgotten afterwards."""
    before = dict(OPS)
    yield op
    OPS.clear()
    OPS.update(before)


@pytest.mark.parametrize(
    ("message", "error", "words", "sentence"),
    [
        (None, ValueError, [], "no error"),
        ("short by 1", TypeError, [], "expected TypeError, got ValueError: short by 1"),
        ("short by 1", ValueError, ["by 2"], "the error does not name by 2"),
        ("short by 1", ValueError, ["by 1", "x: float64[2]"], ""),
    ],
)
def test_a_refusal_that_is_not_as_it_must_be_is_noticed(
    message: str | None, error: type[Exception], words: list[str], sentence: str, declared: Callable[[Any], Op]
) -> None:
    def shorten(xp: Any, x: Any) -> Any:
        if message:
            raise ValueError(message)
        return x

    found = complaint(declared(shorten), Bad(error, words, np.ones(2)), (np.ones(2),))
    assert found.startswith(sentence)
    assert bool(found) == bool(sentence)


def test_an_op_that_changes_its_argument_before_it_fails_is_noticed(declared: Callable[[Any], Op]) -> None:
    def halve(xp: Any, x: Any) -> Any:
        x /= 2
        raise ValueError("too late")

    x = mg.tensor([1.0, 2.0])
    assert complaint(declared(halve), Bad(ValueError, [], x), (x,)) == "an argument was changed"


def test_an_error_without_the_name_of_the_op_is_noticed(declared: Callable[[Any], Op]) -> None:
    def shorten(xp: Any, x: Any) -> Any:
        return x

    one = declared(shorten)
    one.name = "lengthen"  # Python's own error still says shorten()
    assert "does not name the op, lengthen" in complaint(one, Bad(TypeError, [], 1, 2, 3), (mg.ones(1), 2, 3))


def test_inputs_are_named_in_every_call_path() -> None:
    x, target = mg.ones(2, requires_grad=True), mg.zeros(2)
    np.testing.assert_array_equal(mg.sigmoid_cross_entropy(x, target=target).data, mg.sigmoid_cross_entropy(x, target).data)
    with pytest.raises(TypeError, match="'target'"):
        mg.sigmoid_cross_entropy(x)
