"""A user's scripts are clean to a type checker, and the mistakes that it should find are found.

The scripts import minigrad as an installed package is imported: what is checked is what its annotations and stubs say.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import minigrad as mg

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(mg.__file__).parents[1])}

#: a checker -> how it is run on files
CHECKERS = {
    "mypy": ["--strict", "--config-file", os.devnull],
    "pyright": ["--pythonpath", sys.executable],
}


def run(*command: str, cwd: Path) -> None:
    done = subprocess.run([sys.executable, *command], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def check(checker: str, *files: Path, cwd: Path) -> None:
    if find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    run("-m", checker, *CHECKERS[checker], *map(str, files), cwd=cwd)


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_scripts_are_clean(checker):
    check(checker, *SCRIPTS, cwd=SCRIPTS[0].parent)


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_every_public_name_is_known(checker, tmp_path):
    names = [f"{module}.{name}" for module in ("mg", "nn", "ops", "optim") for name in getattr(mg, module, mg).__all__]
    script = tmp_path / "names.py"
    script.write_text(
        "\n".join(["import minigrad as mg", "from minigrad import nn, ops, optim", *[f"print({name})" for name in names], ""])
    )
    check(checker, script, cwd=tmp_path)


@pytest.mark.parametrize("script", [s for s in SCRIPTS if s.stem != "mistakes"], ids=lambda s: s.stem)
def test_scripts_run(script):
    run("-W", "error", str(script), cwd=script.parent)
