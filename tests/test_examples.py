"""Every example runs: with --quick, each in a process of its own, as a user would start it. They check their own results."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))
QUICKEST = {"batch_norm_by_hand", "custom_op", "second_order"}


def test_the_examples_are_found():
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize(
    "path", [pytest.param(p, marks=[] if p.stem in QUICKEST else pytest.mark.thorough) for p in EXAMPLES], ids=lambda path: path.stem
)
def test_example_runs(path, tmp_path):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MINIGRAD_DEVICE": "cpu"}
    command = [sys.executable, "-W", "error", str(path), "--quick"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
    assert not list(tmp_path.iterdir()), "an example leaves files behind"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_says_how_to_run_it(path):
    head = path.read_text(encoding="utf-8").split('"""')[1]
    assert f"python examples/{path.name} --quick" in head
