"""benchmarks/gpu without a GPU: its checks and measurements on the pretended one, at tiny sizes, and how it survives failures."""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.nccl_stand_in import NcclStandIn
from support.strict_cuda import pretended_gpu

from minigrad.backends.cuda import cuda_status
from minigrad.distributed.threads import Meeting

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Its modules, on the pretended GPU."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pretended_gpu():
        names = ("checks", "timings", "models", "part")
        main = importlib.import_module("gpu.__main__")
        yield SimpleNamespace(main=main, **{name: importlib.import_module(f"gpu.{name}") for name in names})


def tiny(nn: Any) -> Any:
    return nn.Sequential(nn.Linear(6, 4, bias=False), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 10))


# ------------------------------------------------------------------------------------------------------------ checks


def test_the_rules_hold_for_the_double(bench: Any) -> None:
    record = bench.part.Record()
    bench.checks.check_rules(record)
    assert record.found["rules"]["ok"], record.found


@pytest.mark.slow
def test_captured_equals_eager(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.checks, "fill_memory", lambda: None)  # 600 MB
    monkeypatch.setattr(bench.checks, "mlp", tiny)
    monkeypatch.setattr(bench.checks, "digits_cnn", lambda nn: nn.Sequential(nn.Conv2d(1, 1, 2), nn.Flatten(), nn.Linear(49, 10)))
    monkeypatch.setattr(bench.checks, "captured_equals_eager", partial(bench.checks.captured_equals_eager, steps=14))
    monkeypatch.setattr(bench.checks, "batch", lambda shape, size: bench.models.batch((6,) if shape == (784,) else shape, 5))
    record = bench.part.Record()
    bench.checks.check_capture(record)
    assert len(record.found) == 3
    for found in record.found.values():
        assert found == {"ok": True, "steps": 14, "largest difference of a loss": 0.0}


NAMES = ["batch_norm", "mean_cross_entropy", "linear", "svd"]


def test_ops_are_compared_in_both_precisions_by_formulas_and_kernels(bench: Any) -> None:
    record = bench.part.Record()
    bench.checks.check_ops(record, NAMES[:3], True, "float64", 1e-9)
    bench.checks.check_ops(record, NAMES[:3], True, "float32", 2e-4)
    assert [found["ok"] for found in record.found.values()] == [True, True], record.found
    bench.checks.check_ops(record, NAMES, False, "float64", 1e-9)
    assert record.found["float64"]["ok"], record.found
    assert record.found["float64"]["ops"] == 4


def test_a_wrong_op_is_found_and_the_others_are_checked_all_the_same(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def difference(name: str, *rest: Any) -> float:
        if name == "linear":
            raise RuntimeError("cudaErrorIllegalAddress\nmore")
        return math.inf if name == "batch_norm" else 1e-12

    monkeypatch.setattr(bench.checks, "difference", difference)
    record = bench.part.Record()
    bench.checks.check_ops(record, NAMES, False, "float64", 1e-9)
    found = record.found["float64"]
    assert (found["ok"], found["ops"], set(found["wrong"])) == (False, 4, {"batch_norm", "linear"})
    assert "RuntimeError: cudaErrorIllegalAddress" in found["wrong"]["linear"]
    late = bench.part.Record(until=0)
    bench.checks.check_ops(late, NAMES, False, "float64", 1e-9)
    assert "batch_norm, mean_cross_entropy, linear, svd" in late.found["float64, unchecked"]


def test_environment_and_gradients(bench: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    record = bench.part.Record()
    bench.checks.environment(record)
    assert record.found["device"] == "Pretended GPU"
    monkeypatch.setattr(bench.checks, "GRADCHECKED", ["matmul"])
    bench.checks.check_gradients(record)
    assert record.found["gradcheck"] == {"ok": True, "ops": ["matmul"]}


def test_collectives_of_one_rank(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    communicator = NcclStandIn(Meeting(1), 0)
    monkeypatch.setattr("minigrad.backends.cuda_nccl.connect", lambda size, rank, device, spread: (communicator, lambda: 0))
    record = bench.part.Record()
    bench.checks.check_collectives(record)
    assert record.found["calls"] == {"ok": True, "wrong": {}}, record.found
    assert record.found["batch norm"]["ok"], record.found
    monkeypatch.setattr(NcclStandIn, "allReduce", lambda self, *call: None)
    bench.checks.check_collectives(record)
    assert "all_reduce" in record.found["calls"]["wrong"]["float32"]


# ----------------------------------------------------------------------------------------------------------- timings


def test_training_steps_are_timed(bench: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """PyTorch's ways, where it is installed, on the CPU; where it is not, they are told to be not measured."""
    monkeypatch.setattr(bench.timings, "TRAINING", {"tiny": (tiny, (6,), 5)})
    monkeypatch.setattr(bench.timings, "SECONDS", 0.0)
    peer = importlib.util.find_spec("torch") is not None
    if peer:
        monkeypatch.setattr("torch.compile", lambda model: model)  # takes long
    record = bench.part.Record()
    bench.timings.training(record)
    bench.timings.compiled(record)
    assert set(record.found) == {f"tiny: {column}" for column in bench.main.COLUMNS}
    assert record.found["tiny: nodes"] == 12
    for column in bench.main.COLUMNS:
        value = record.found[f"tiny: {column}"]
        if column == "PyTorch CUDA graph" or (column.startswith("PyTorch") and not peer):
            assert value.startswith("not measured: ")
        else:
            assert value > 0


#: nodes that the graph of a step may have; the attention block, which takes a minute here, is captured small in test_cuda_capture.py
NODES = {"mlp, batch 64": 18, "digits cnn, batch 64": 39, "resnet 32x32, batch 64": 135}


@pytest.mark.slow
@pytest.mark.parametrize("name", NODES)
def test_the_models_can_be_captured_in_few_nodes(bench: Any, name: str) -> None:
    make, shape, _ = bench.models.TRAINING[name]
    assert bench.timings.nodes(make, shape, 2) <= NODES[name]


def test_bandwidth_is_measured(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"COPIED": 2**12, "NORMALIZED": ((2, 3, 4, 4), (5, 3)), "CLASSIFIED": (6, 4)}.items():
        monkeypatch.setattr(bench.timings, name, value)
    record = bench.part.Record()
    bench.timings.bandwidth(record)
    assert all(value > 0 for value in record.found["batch norm (5, 3)"].values())
    assert all(isinstance(value, (float, dict)) for value in record.found.values()), record.found
    assert len(record.found) == 4


def test_the_models_are_the_same_in_both_frameworks(bench: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from minigrad import nn

    for name, (make, _, _) in bench.models.TRAINING.items():
        ours = {key: tuple(value.shape) for key, value in make(nn).state_dict().items()}
        assert ours == {key: tuple(value.shape) for key, value in make(torch.nn).state_dict().items()}, name


# ---------------------------------------------------------------------------------------------------------- failures


def test_a_measurement_that_fails_does_not_lose_the_others(bench: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = bench.part.Record(tmp_path / "part.json")
    record.attempt("a", lambda: 1.5)
    record.attempt("b", lambda: 1 / 0)
    record.until = 0
    record.attempt("c", lambda: 2.5)
    found = json.loads((tmp_path / "part.json").read_text())
    assert found == {"a": 1.5, "b": "not measured: ZeroDivisionError: division by zero", "c": "not measured: out of time"}


def test_a_command_that_dies_or_does_not_end_is_told(bench: Any) -> None:
    status, said = bench.part.run([sys.executable, "-c", "import os; print('before', flush=True); os.abort()"], 20)
    assert status not in (0, None)
    assert "before" in said
    status, said = bench.part.run([sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"], 2)
    assert status is None
    assert "begun" in said


def test_a_part_that_dies_keeps_what_it_had_found(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def died(command: list[str], seconds: float) -> tuple[int, str]:
        Path(command[command.index("--file") + 1]).write_text('{"mlp: minigrad eager": 12.5}')
        return -6, "a long story"

    monkeypatch.setattr(bench.main, "run", died)
    results = bench.main.measure(["environment", "training"], tmp_path, SimpleNamespace(print=lambda *a, **k: None))
    assert results["training"]["mlp: minigrad eager"] == 12.5
    assert results["training"]["ended"].startswith("exit status -6")
    assert not bench.main.good(results["training"])
    assert json.loads((tmp_path / "gpu-unknown.json").read_text()) == results
    assert "| mlp | 12.5 | - |" in (tmp_path / "gpu-unknown.md").read_text()


def test_time_that_is_over_is_told(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.main, "TOTAL", 0)
    results = bench.main.measure(["rules"], None, SimpleNamespace(print=lambda *a, **k: None))
    assert results == {"rules": {"ended": "not begun: out of time"}}


def test_its_time_is_less_than_eight_minutes(bench: Any) -> None:
    assert bench.main.TOTAL + 10 < 480


def test_without_a_gpu_it_says_why_and_writes_nothing() -> None:
    if cuda_status().available:
        pytest.skip("there is a GPU")
    done = subprocess.run([sys.executable, BENCHMARKS / "gpu"], text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert "nothing can be measured here" in done.stdout
