"""Other forms of a sample, other devices, and the steps of optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad.commands import main
from minigrad.gradcheck.checks.optimizers import OPTIMIZERS
from minigrad.gradcheck.checks.precision import device_rows
from minigrad.gradcheck.checks.variants import variant_rows
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.suite.run import check_optimizer


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def product(formula_a: Any, formula_b: Any) -> Problem:
    @mg.op
    def user_product(xp: Any, a: Any, b: Any) -> Any:
        return a * b

    user_product.vjp(a=formula_a, b=formula_b)
    return Problem(user_product, [rng().standard_normal((2, 3)), rng().standard_normal((2, 3))], [0, 1], ["a", "b"])


def failed(problem: Problem) -> set[str]:
    return {row.check for row in variant_rows("user_product", problem, rng()) if row.verdict == "fail"}


def test_a_right_op_passes_in_every_form() -> None:
    problem = product(lambda g, b: g * b, lambda g, a: g * a)
    assert not failed(problem)
    checks = {row.check for row in variant_rows("user_product", problem, rng())}
    assert {"layout: strided", "the same tensor twice", "inputs times 0.001", "inputs times 1000"} <= checks


def test_a_formula_that_reads_memory_and_not_elements_fails() -> None:
    def by_memory(g: Any, b: Any) -> Any:
        return g * np.frombuffer(b.tobytes(order="A")).reshape(b.shape)

    assert "layout: Fortran order" in failed(product(by_memory, lambda g, a: g * a))


def test_a_formula_that_is_right_for_numbers_of_one_size_only_fails() -> None:
    assert "inputs times 1000" in failed(product(lambda g, b: g * b.clip(-10, 10), lambda g, a: g * a))


def test_a_formula_that_adds_up_wrongly_for_one_tensor_twice_fails() -> None:
    def shared(g: Any, a: Any, b: Any) -> Any:
        return g * b * (2 if a is b else 1)

    assert "the same tensor twice" in failed(product(shared, lambda g, a: g * a))


def test_another_device_is_judged_against_float64_on_the_cpu() -> None:
    problem = product(lambda g, b: g * b, lambda g, a: g * a)
    rows = device_rows(problem, "cpu", rng())
    assert {row.check for row in rows} == {"cpu float64", "cpu float32"}
    assert all(row.verdict == "pass" for row in rows)
    low = product(lambda g, b: g * b if g.dtype == np.float64 else (g * b).astype(np.float16), lambda g, a: g * a)
    assert {row.check for row in device_rows(low, "cpu", rng()) if row.verdict == "fail"} == {"cpu float32"}


def test_the_command_on_a_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    """The strict double stands for a GPU; on a real one the same command runs."""
    with pretended_gpu():
        assert (
            main(
                ["gradcheck", "--device", "all", "--mode", "quick", "--order", "1", "exp", "matmul", "batch_norm", "softmax_cross_entropy"]
            )
            == 0
        )
    output = capsys.readouterr().out
    assert output.count("batch_norm") == 2, "a table for each device"


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_optimizers_get_the_gradients_that_differences_give(name: str) -> None:
    result = check_optimizer(f"optim.{name}", 0)
    assert result.ok, result


def test_a_wrong_gradient_leads_an_optimizer_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    formula = mg.OPS["tanh"].formulas[0]
    monkeypatch.setattr(formula, "function", lambda g, y: 1.001 * g * (1 - y * y))
    mg.OPS["tanh"].plans.clear()
    try:
        assert check_optimizer("optim.SGD", 0).verdict == "fail"
    finally:
        monkeypatch.undo()
        mg.OPS["tanh"].plans.clear()
