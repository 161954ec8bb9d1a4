"""Lessons run from top to bottom, each in a namespace of its own, and name exercises that there are."""

from __future__ import annotations

import linecache
import re
from pathlib import Path

import pytest

from minigrad.learn.course import find

LESSONS = sorted((Path(__file__).parents[2] / "docs" / "lessons").glob("[0-9]_*.md"))
CELL = re.compile(r"^```\{code-cell\} python\n(?::[^\n]*\n)*(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs(path: Path) -> None:
    text, scope = path.read_text(), {"__name__": "__main__"}
    cells = list(CELL.finditer(text))
    assert cells
    assert len(cells) == text.count("```{code-cell}")
    for n, cell in enumerate(cells):
        code = "\n" * text[: cell.start(1)].count("\n") + cell[1]  # so that an error names the line of the page
        name = f"{path.name} cell {n}"
        linecache.cache[name] = len(code), None, code.splitlines(keepends=True), name  # as a notebook does: explore reads names there
        exec(compile(code, name, "exec"), scope)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_ends_in_exercises_that_there_are(path: Path) -> None:
    text = path.read_text().partition("## Exercises")[2]
    started = re.findall(r"minigrad learn start (\w+)", text)
    assert started
    assert set(started) <= set(find(None).order)
