"""The page about diagnoses: it knows all of them, and its figures are those of the program that counts."""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.gradcheck.causes.search import BY_CHECK

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "diagnosis.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def diagnoses() -> Any:
    spec = importlib.util.spec_from_file_location("diagnoses", ROOT / "benchmarks" / "diagnoses.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_knows_every_diagnosis() -> None:
    causes = ROOT / "minigrad" / "gradcheck" / "causes"
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted(causes.glob("*.py")))
    ids = set(re.findall(r'(?:Diagnosis\(|yield|yield \()\s*"(\w+)",', sources)) | {name.replace(" ", "_") for name in BY_CHECK}
    ids |= set(re.findall(r'Diagnosis\("(\w+)" if .* else "(\w+)"', sources)[0])
    table = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    assert {name for row in table for name in re.findall(r"`(\w+)`", row)} == ids


def test_of_a_changed_formula_the_place_or_a_fact_is_named(diagnoses: Any) -> None:
    said = Counter(kind for kind, _ in diagnoses.of_an_op("tanh", 1))
    assert said[diagnoses.FALSE] == said[diagnoses.NOTHING] == 0
    assert said[diagnoses.PLACE] >= said.total() / 2
    assert said.total() == 20


def test_a_sentence_that_holds_for_these_numbers_only_is_false(diagnoses: Any, monkeypatch: Any) -> None:
    real, seeds = mg.gradcheck, []

    def checked(*args: Any, **options: Any) -> Any:
        result = real(*args, **options)
        seeds.append(None)
        if len(seeds) % 2:
            result.causes.append(type(result.causes[0])("coincidence", "a coincidence"))
        return result

    monkeypatch.setattr(mg, "gradcheck", checked)
    with np.errstate(all="ignore"):
        assert diagnoses.FALSE in {kind for kind, _ in diagnoses.of_an_op("tanh", 4)}


def test_an_argument_may_be_missing() -> None:
    @mg.op
    def scaled(xp: Any, x: Any, weight: Any = None) -> Any:
        return 2 * x if weight is None else x * weight

    scaled.vjp(x=lambda g: 3 * g, weight=lambda g, x: g * x)
    result = mg.gradcheck(scaled, (np.random.default_rng(0).standard_normal((3, 4)), None), wrt=[0])
    assert [cause.id for cause in result.causes] == ["factor", "repair"]
