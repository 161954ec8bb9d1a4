"""The model of costs in benchmarks/scaling.py, where it can be worked out by hand."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCALING = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "scaling.py"))


def test_two_ranks_cost_the_same_around_a_ring_and_by_halving():
    assert SCALING["ring"](2, 1e6, 1e-5, 1e-9) == pytest.approx(2e-5 + 1e-3)
    assert SCALING["halving"](2, 1e6, 1e-5, 1e-9) == pytest.approx(2e-5 + 1e-3)
    assert SCALING["doubling"](2, 1e6, 1e-5, 1e-9) == pytest.approx(1e-5 + 1e-3)


def test_what_is_best_depends_on_size_and_ranks():
    best = SCALING["best"]
    assert best(1024, 8, 1e-5, 1e-9)[1] == "doubling"
    assert best(1024, 1e8, 1e-5, 1e-9)[1] == "halving"
    assert best(1024, 1e8, 0, 1e-9)[0] == pytest.approx(2 * 1023 / 1024 * 0.1)


def test_without_cost_of_talking_the_efficiency_is_one():
    assert SCALING["efficiency"](4096, (1e6, 1e-3, 2, 64), (0, 0)) == (1, 1)
    plain, synced = SCALING["efficiency"](8, (1e6, 1e-3, 2, 64), (1e-5, 1e-9))
    assert synced < plain < 1


def test_the_tables_are_printed(capsys):
    SCALING["paper"]()
    shown = capsys.readouterr().out
    assert shown.count("cnn64") == len(SCALING["NETWORKS"])
    assert "4,096" in shown
