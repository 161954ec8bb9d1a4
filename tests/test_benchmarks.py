"""benchmarks/compare.py works and checks what it times. Times are no test."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def compare(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module("compare")
    for name in set(sys.modules) - before:
        if name in ("compare", "functional", "workloads", "jax_peer", "mygrad_peer", "floors"):
            del sys.modules[name]


def test_compares_and_writes_json(compare, monkeypatch, tmp_path, capsys):
    pytest.importorskip("torch", reason="the peer")
    target = tmp_path / "out.json"
    options = ["--workloads", "softmax_ce", "--peers", "torch", "--rounds", "2", "--json", str(target)]
    monkeypatch.setattr(sys, "argv", ["compare.py", *options])
    compare.main()
    found = json.loads(target.read_text())["softmax_ce"]
    assert set(found) == {"minigrad", "torch"}
    for row in found.values():
        assert set(row) == {"ms", "ratio", "spread", "peak_mb"}
        assert row["ms"] > 0
        assert row["spread"][0] <= row["ratio"] <= row["spread"][1]
    assert found["torch"]["ratio"] == 1
    assert "softmax_ce" in capsys.readouterr().out


@pytest.mark.parametrize("workload", ["mlp64", "attention", "bn_256x1024", "maxpool", "adam"])
def test_peers_agree(compare, workload):
    pytest.importorskip("torch", reason="the peer")
    steps = compare.steps_of(workload, ["minigrad", "torch"])
    assert compare.difference(workload, steps) < 1e-5


def test_a_peer_that_computes_something_else_is_not_timed(compare):
    steps = {"minigrad": lambda: [np.ones(3)], "torch": lambda: [np.array([1, 1, 1.01])]}
    with pytest.raises(SystemExit, match="minigrad and torch differ by"):
        compare.difference("made up", steps)


def test_an_unknown_workload_is_refused(compare, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["compare.py", "--workloads", "mlp65"])
    with pytest.raises(SystemExit):
        compare.main()
    assert "'mlp65' is not one of overhead, mlp64" in capsys.readouterr().err
