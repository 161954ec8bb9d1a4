"""`explain`: for every op, from its declaration; as text, as HTML, as a command."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

import minigrad as mg
from minigrad.commands import main
from minigrad.core.op import Op
from minigrad.explanations.derivation import names, parse, text_of
from minigrad.explanations.explanation import Explanation
from minigrad.explanations.mathml import mathml
from minigrad.gradcheck.samples.problems import op_names
from minigrad.gradcheck.suite import run as _suite  # noqa: F401  (declares the ops of minigrad.distributed)


@pytest.mark.parametrize(
    "chosen",
    [pytest.param(op_names, id="all", marks=pytest.mark.slow), pytest.param(lambda: ["relu", "batch_norm", "floor", "take"], id="some")],
)
def test_an_op_is_explained(chosen: Callable[[], list[str]]) -> None:
    for name in chosen():
        op = mg.OPS[name]
        explanation = mg.explain(op) if name not in names() else Explanation(op, None)
        text = str(explanation)
        assert text.startswith(f"# {op.signature()}")
        for formula in op.formulas:
            if not set(formula.inputs) <= op.zeros:
                assert f"## The gradient for {', '.join(formula.inputs)}, which saves" in text
        assert "(its source is not at hand)" not in text
        assert all(reason in text for reason in op.reasons.values())


@pytest.mark.parametrize(
    ("name", "corner"),
    [
        ("relu", "at x = 0: 0; the slopes are 0 on the left, 1 on the right"),
        ("abs", "at x = 0: 0; the slopes are -1 on the left, 1 on the right"),
        ("maximum", "at a = b = 1: 0.5; the slopes are 0 on the left, 1 on the right"),
    ],
)
def test_the_gradient_at_a_corner_is_measured(name: str, corner: str) -> None:
    assert corner in str(mg.explain(name))


def test_a_smooth_op_has_no_corner() -> None:
    for name in ("sin", "tanh", "multiply", "gelu"):
        assert "no derivative" not in str(mg.explain(name))


def test_what_an_op_keeps_is_counted() -> None:
    assert "\ny: 48 bytes, of shape (2, 3)\n" in str(mg.explain(mg.exp))


def test_an_op_of_a_user() -> None:
    def twice(xp, x):
        """two x"""
        return 2 * x

    own = Op(twice)
    own.vjp(x=lambda g: 2 * g)
    assert "The gradient for x, which saves nothing" in str(mg.explain(own))
    assert "two x" in mg.explain(own)._repr_html_()


def test_what_is_no_op_is_refused() -> None:
    with pytest.raises(LookupError, match="near are softmax"):
        mg.explain("softmx")
    with pytest.raises(TypeError, match="takes an op or its name"):
        mg.explain(3)  # type: ignore[arg-type]


def test_formulas_are_mathml() -> None:
    assert mathml("a / (b + c)") == "<math><mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mi>c</mi></mrow></mfrac></math>"
    assert mathml("a * (b - c)").count("<mo>(</mo>") == 1
    assert mathml("a - (b - c)").count("<mo>(</mo>") == 1
    assert "&part;" in mathml("d(lambda t: t * t, x)")
    assert ">t<" not in mathml("d(lambda t: t * t, x)"), "the variable has the name of what is varied"
    for name in names():
        for line in parse(text_of(name)):
            for side in line.parts[1:3] if line.kind == "?" else ():
                ElementTree.fromstring(unescape(mathml(side).replace("&lt;", "")))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "exp", "--plain"]) == 0
    assert "4 of 4 lines hold" in capsys.readouterr().out
    assert main(["explain", "exp", "--line", "2"]) == 0
    assert capsys.readouterr().out.startswith("   2  ok ")
    assert main(["explain", "exp", "--html", str(tmp_path / "exp.html")]) == 0
    assert "<math>" in (tmp_path / "exp.html").read_text()
    capsys.readouterr()
    assert main(["explain", "relu", "--line", "1"]) == 1
    assert "it has no derivation" in capsys.readouterr().err
    assert main(["explain", "nothing_like_it"]) == 1
    assert "there is no op 'nothing_like_it'" in capsys.readouterr().err
