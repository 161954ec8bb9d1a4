"""The example holds what it claims."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "batch_norm_by_hand.py"


@pytest.mark.parametrize("options", [["--quick"], []], ids=["quick", "full"])
def test_every_step_holds(options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", [str(EXAMPLE), *options])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(EXAMPLE), run_name="__main__")
    printed = capsys.readouterr().out
    assert end.value.code == 0, printed
    assert "every step holds" in printed
    assert "WRONG" not in printed
    assert printed.count(" ok ") >= 20
