"""What of benchmarks/gpu.py can be run without a GPU: its checks, on the pretended one, and its refusal."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.strict_cuda import pretended_gpu

from minigrad.backends.cuda import cuda_status

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    with pretended_gpu():
        yield importlib.import_module("gpu_checks")


def test_the_rules_hold_for_the_double(checks: Any) -> None:
    assert checks.check_rules() == {"ok": True, "rules": len(importlib.import_module("support.rules").RULES), "wrong": {}}


def test_captured_equals_eager(checks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "fill_memory", lambda: None)  # 600 MB

    def small(nn: Any) -> Any:
        return nn.Sequential(nn.Linear(784, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 10))

    assert checks.check_capture(4, small, size=5)["ok"]


def test_the_models_are_the_same_in_both_frameworks(checks: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from minigrad import nn

    models = importlib.import_module("gpu_models")
    for name, (make, _, _) in models.TRAINING.items():
        ours = {key: tuple(value.shape) for key, value in make(nn).state_dict().items()}
        assert ours == {key: tuple(value.shape) for key, value in make(torch.nn).state_dict().items()}, name


def test_without_a_gpu_it_says_why_and_writes_nothing() -> None:
    if cuda_status().available:
        pytest.skip("there is a GPU")
    done = subprocess.run([sys.executable, BENCHMARKS / "gpu.py"], text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert "nothing can be measured here" in done.stdout
