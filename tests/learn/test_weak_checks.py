"""The README's table of what weaker checks let pass is what the program counts."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_table_of_the_readme_is_counted() -> None:
    table = runpy.run_path(str(ROOT / "benchmarks" / "weak_checks.py"))["table"]
    assert table() in (ROOT / "README.md").read_text()
