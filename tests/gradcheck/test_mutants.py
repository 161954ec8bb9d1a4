"""Mutants: every formula's are killed or explained, and a weak check shows that this means something."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.mode import changed_mode
from minigrad.core.op import OPS
from minigrad.gradcheck.checks.conventions import CONVENTIONS, convention_rows
from minigrad.gradcheck.checks.identities import IDENTITIES, identity_rows
from minigrad.gradcheck.mutants.changes import mutants_of
from minigrad.gradcheck.mutants.runner import SURVIVED, MutantRunner
from minigrad.gradcheck.mutants.score import outcomes
from minigrad.gradcheck.mutants.source import definition_of
from minigrad.gradcheck.samples.problems import op_names, problem_of, samples_of

#: ops whose formulas are tried in every run of the tests; the command tries all of them
QUICK = ("exp", "divide", "matmul", "maximum", "sum", "std", "softmax", "concat", "take_along_axis", "avg_pool", "softmax_cross_entropy")


def counted(name: str) -> tuple[Counter[str], list[str]]:
    """Count what becomes of the mutants of an op; list those that nothing explains."""
    found = list(outcomes(OPS[name], name))
    unexplained = [f"{name} {mutant.where}: {mutant.change}" for _, mutant, outcome, _ in found if outcome == SURVIVED]
    return Counter(outcome for _, _, outcome, _ in found), unexplained


@pytest.mark.parametrize("name", QUICK)
def test_no_mutant_survives(name: str) -> None:
    counts, unexplained = counted(name)
    assert not unexplained
    assert counts["killed"] > 5


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(op_names()) - set(QUICK)))
def test_no_mutant_of_any_op_survives(name: str) -> None:
    _, unexplained = counted(name)
    assert not unexplained


@pytest.mark.thorough
def test_a_cotangent_of_ones_misses_many_of_batch_norms_mutants() -> None:
    """The control: the check that several frameworks ship, on the very mutants that this suite kills."""
    op, name = OPS["batch_norm"], "batch_norm"
    runner = MutantRunner(op, name)
    points = [problem_of(op, sample) for sample in samples_of(name)[:3]]
    weak = [(p, p.pullback(p.inputs)) for p in points]
    right = [[g.data.copy() for g in pull(_ones(outputs))] for _, (outputs, pull) in weak]
    missed = killed = 0
    for index, mutant in runner.mutants():
        if runner.outcome(index, mutant) != "killed":
            continue
        killed += 1
        with runner.replaced(index, mutant.function):
            missed += all(_accepts(p, expected) for p, expected in zip(points, right, strict=True))
    assert killed > 150
    assert missed / killed >= 0.3, f"ones miss {missed} of {killed}"


def _ones(outputs: Any) -> list[Any]:
    return [np.ones(outputs[0].shape), *[None] * (len(outputs) - 1)]


def _accepts(problem: Any, expected: list[Any]) -> bool:
    """The usual weak check: a cotangent of ones, allclose with rtol 1e-4 and atol 1e-5."""
    try:
        outputs, pull = problem.pullback(problem.inputs)
        found = pull(_ones(outputs))
        return all(np.allclose(0 if g is None else g.data, e, rtol=1e-4, atol=1e-5) for g, e in zip(found, expected, strict=True))
    except Exception:
        return False


def test_mutants_are_what_they_say() -> None:
    found = {mutant.change: mutant.function for mutant in mutants_of(OPS["divide"], 1)}
    assert "-g * y / b -> -g * y * b" in found
    assert found["-g -> g"](2.0, 3.0, 5.0) == 2.0 * 5.0 / 3.0


def test_formulas_are_found_in_their_files() -> None:
    for name in op_names():
        for formula in OPS[name].formulas:
            if not set(formula.inputs) <= OPS[name].zeros:
                definition_of(formula.function)


def test_a_formula_without_source_has_no_mutants() -> None:
    @mg.op
    def twice(xp: Any, x: Any) -> Any:
        return 2 * x

    twice.vjp(x=eval("lambda g: 2 * g"))
    assert list(mutants_of(twice, 0)) == []


def test_formulas_are_as_before_afterwards() -> None:
    op = OPS["tanh"]
    before = [formula.function for formula in op.formulas]
    counted("tanh")
    assert [formula.function for formula in op.formulas] == before


@pytest.mark.parametrize("name", sorted(CONVENTIONS))
def test_conventions(name: str) -> None:
    with np.errstate(all="ignore"):
        for row in convention_rows(name, OPS[name]):
            assert row.verdict == "pass", row


def test_identities() -> None:
    checked = 0
    for name in IDENTITIES:
        for sample in samples_of(name):
            for row in identity_rows(name, OPS[name], sample):
                assert row.verdict == "pass", f"{name}{sample}: {row}"
                checked += 1
    assert checked > 300


def test_an_identity_that_does_not_hold_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    formula = OPS["softmax"].formulas[0]
    right = formula.function
    monkeypatch.setattr(formula, "function", lambda *args, **params: right(*args, **params) * (1 + 1e-6) + 1e-6)
    OPS["softmax"].plans.clear()
    try:
        with changed_mode(plain=True):
            rows = identity_rows("softmax", OPS["softmax"], samples_of("softmax")[0])
    finally:
        monkeypatch.undo()
        OPS["softmax"].plans.clear()
    assert {row.verdict for row in rows} == {"pass", "fail"}
