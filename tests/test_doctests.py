"""The examples in docstrings run, and print what they say.

They may use what every example would else begin with: mg, np, nn, optim, F, a model of two inputs and three classes, its optimizer,
and batches of x and labels.
"""

from __future__ import annotations

import ast
import doctest
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.nn import functional as F

PACKAGE = Path(mg.__file__).parent


def examples() -> Iterator[tuple[str, str, str, int]]:
    """Of every docstring with an example: its module, the name of what it documents, its text and its line."""
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text()
        if ">>>" not in source:
            continue
        module = ".".join(["minigrad", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ">>>" in (text := ast.get_docstring(node) or ""):
                yield module, getattr(node, "name", module), text, node.body[0].lineno


def scene() -> dict[str, Any]:
    """What examples may use."""
    mg.manual_seed(0)
    model = nn.Linear(2, 3)
    x, labels = mg.random.normal((8, 2)), mg.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    return {
        "mg": mg,
        "np": np,
        "nn": nn,
        "optim": optim,
        "F": F,
        "model": model,
        "optimizer": optim.SGD(model.parameters(), lr=0.1),
        "x": x,
        "labels": labels,
        "loader": [(x, labels)] * 3,
    }


@pytest.mark.parametrize(("module", "name", "text", "line"), [pytest.param(*e, id=f"{e[0]}:{e[1]}") for e in examples()])
def test_example(module: str, name: str, text: str, line: int) -> None:
    test = doctest.DocTestParser().get_doctest(text, {**vars(import_module(module)), **scene()}, name, module, line)
    said: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)
    assert not result.failed, "".join(said)


def test_only_what_needs_a_gpu_is_not_run() -> None:
    skipped = {name for _, name, text, _ in examples() if "+SKIP" in text}
    assert skipped <= {"capture_on_gpu"}
