"""``minigrad gradcheck --module``: what cannot be checked is one sentence and the exit code 3, never a traceback or a pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from minigrad.commands import main

SOURCES = {
    "plain": ("def f(x): return x * x", "f", "takes arguments"),
    "syntax": ("def f(: pass", "f", "SyntaxError"),
    "raises": ("1 / 0", "f", "ZeroDivisionError"),
    "exits": ("import sys; sys.exit(0)", "f", "SystemExit"),
    "missing": ("x = 1", "f", "cannot find"),
    "number": ("f = 3", "f", "is int"),
    "instance": ("from minigrad import nn\nf = nn.Linear(2, 3)", "f", "example_inputs"),
    "class_needs": ("class F:\n    def __init__(self, n): ...", "F", "raised TypeError"),
    "factory_exits": ("import sys\ndef f(): sys.exit(0)", "f", "SystemExit"),
    "shapes": ("import numpy as np\nfrom minigrad import nn\ndef f(): return nn.Linear(2, 3), [np.ones((4, 5))]", "f", "cannot be called"),
    "integers": ("import numpy as np\ndef f(): return abs, [np.arange(3)]", "f", "nothing to differentiate"),
    "no_pair": ("def f(): return 3", "f", "must be an op"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_what_cannot_be_checked_is_one_sentence(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, name, sentence = SOURCES[kind]
    (tmp_path / f"hostile_{kind}.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        code = main(["gradcheck", "--module", f"hostile_{kind}:{name}"])
    except SystemExit as stopped:
        code = stopped.code
    said = capsys.readouterr().err
    assert code == 3, said
    assert sentence in said
    assert "Traceback" not in said


def test_what_can_be_checked_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "friendly_one.py").write_text("import numpy as np\nimport minigrad as mg\ndef f(): return mg.tanh, [np.arange(3.0)]")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["gradcheck", "--module", "friendly_one:f"]) == 0
