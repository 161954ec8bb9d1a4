"""Derivations: every line holds, and one that is changed in one place does not."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

import numpy as np
import pytest

from minigrad.explanations.derivation import derivation_of, distance, evaluate, names, parse, run
from minigrad.explanations.tools import namespace

SWAPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
ZERO, SHIFT, FREE = "zero has the sum and the mean zero", "a constant drops out of the slope", "the slope does not depend on it"
#: changed lines that hold all the same, and why
EQUIVALENT: dict[str, dict[str, str]] = {
    "batch_norm": {
        "2: xhat.sum(axis=0)": ZERO,
        "4: d(lambda t: (g * (weight * t - bias)).sum(), xhat)": SHIFT,
        "6: (-dxhat * rstd).sum(axis=0) - dvar * (-2 * (x - mean)).mean(axis=0)": "the second term is zero, as line 7 says",
        "6: (-dxhat * rstd).sum(axis=0) + dvar * (-2 * (x - mean)).sum(axis=0)": "the second term is zero",
        "6: (-dxhat * rstd).sum(axis=0) + dvar * (+2 * (x - mean)).mean(axis=0)": "the second term is zero",
        "7: (x - mean).sum(axis=0)": ZERO,
        "16: dx.mean(axis=0)": ZERO,
        "23: d(lambda t: (g * (weight * (t - mean) * rstd - bias)).sum(), x)": SHIFT,
        "23: d(lambda t: (g * (weight * (t + mean) * rstd + bias)).sum(), x)": SHIFT,
    },
    "convolution": {"8: (g * f(x, weight, 0 / bias)).sum()": "0 / bias is 0 as well"},
    "layer_norm": {
        "1: mg.layer_norm(x, weight, bias, axis=+1, eps=eps)[0]": "the last axis is axis 1",
        "2: xhat.sum(axis=1)": ZERO,
        "5: pull(lambda t: mg.layer_norm(t, weight, bias, axis=+1, eps=eps)[0], x, g)": "the last axis is axis 1",
        "6: d(lambda w: (g * (w * xhat - bias)).sum(), weight)": SHIFT,
        "7: d(lambda b: (g * (weight / xhat + b)).sum(), bias)": FREE,
        "8: dx.mean(axis=1)": ZERO,
        "10: pull(lambda t: mg.layer_norm(t, weight, bias, axis=+1, eps=eps)[0], x, g * (np.arange(4) == 2)[:, None])[[0, 1, 3]]": (
            "the last axis is axis 1"
        ),
    },
    "softmax": {"6: dx.mean(axis=1)": ZERO},
    "softmax_cross_entropy": {
        "4: d(lambda t: (g * np.log(np.exp(t).mean(axis=1))).sum(), x)": SHIFT,
        "6: d(lambda t: (g * (np.log(np.exp(t).mean(axis=1)) - (t * onehot).sum(axis=1))).sum(), x)": SHIFT,
        "9: dx.mean(axis=1)": ZERO,
    },
}


@pytest.mark.parametrize("name", names())
def test_every_line_holds(name: str) -> None:
    derivation = derivation_of(name)
    assert derivation is not None
    assert len(derivation.claims) >= 4
    wrong = [f"line {line.number or '>'}: {line.parts[0]}, error {line.error:.1e}" for line in derivation.lines if not line.holds]
    assert not wrong
    assert [line.number for line in derivation.claims] == list(range(1, len(derivation.claims) + 1))


def changes(expression: str) -> Iterator[str]:
    """An expression, changed in one place: another operator, mean for sum, the other sign."""
    tree = ast.parse(expression, mode="eval")
    for node in ast.walk(tree):
        field, new = "", None
        if isinstance(node, ast.BinOp) and type(node.op) in SWAPPED:
            field, new = "op", SWAPPED[type(node.op)]()
        elif isinstance(node, ast.Attribute) and node.attr in ("sum", "mean"):
            field, new = "attr", "mean" if node.attr == "sum" else "sum"
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            field, new = "op", ast.UAdd()
        if field:
            old = getattr(node, field)
            setattr(node, field, new)
            yield ast.unparse(copy.deepcopy(tree))
            setattr(node, field, old)


def survivors(name: str) -> tuple[list[str], int]:
    """The changed claims of a derivation that hold all the same, and how many changes there were."""
    derivation = derivation_of(name)
    assert derivation is not None
    known, left, count = namespace(), [], 0
    for line in derivation.lines:
        if line.kind == "=":
            known[line.parts[0]] = evaluate(line.parts[1], known)
        if line.kind != "?":
            continue
        for side in (1, 2):
            other = evaluate(line.parts[3 - side], known)
            for changed in changes(line.parts[side]):
                count += 1
                try:
                    with np.errstate(all="ignore"):
                        value = evaluate(changed, known)
                        apart = distance(value, other) if side == 1 else distance(other, value)
                except Exception:
                    continue
                if apart <= float(line.parts[3]):
                    left.append(f"{line.number}: {changed}")
    return left, count


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_a_slip_is_noticed(name: str) -> None:
    left, count = survivors(name)
    assert count
    assert left == list(EQUIVALENT.get(name, {}))


@pytest.mark.parametrize("name", names())
def test_every_mistake_that_it_shows_is_named(name: str) -> None:
    derivation = derivation_of(name)
    assert derivation is not None
    assert [line.parts[0] for line in derivation.lines if line.kind == ">" and "no rule names" in line.value] == []


def test_a_wrong_line_is_said_to_be_wrong() -> None:
    right, wrong, other_shape = run(parse("? a | 2 * 3 | 6 | 0\n? b | 2 * 3 | 7 | 1e-9\n? c | np.ones(3) | np.ones((1, 3)) | 1"))
    assert right.holds
    assert not wrong.holds
    assert wrong.error == pytest.approx(1 / 7)
    assert not other_shape.holds
    assert not run(parse("? nan | np.nan | 0 | 1"))[0].holds
    assert not run(parse("> no mistake | np.sin | [np.ones(2)] | lambda g, x: g * np.cos(x)"))[0].holds
    with pytest.raises(ValueError, match="has 4 parts"):
        parse("? a | b")
