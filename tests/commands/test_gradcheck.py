"""``minigrad gradcheck``: what it prints and writes, and its exit codes."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import minigrad as mg
from minigrad import commands
from minigrad.gradcheck.report.compare import compare
from minigrad.gradcheck.report.document import document_of
from minigrad.gradcheck.report.html import fragment


def main(argv: list[str]) -> int:
    return commands.main(["gradcheck", *argv])


USER = """
import numpy as np
import minigrad as mg
from minigrad import nn
from minigrad.gradcheck.samples import Sample, samples

@mg.op
def right(xp, x):
    return x * x

right.vjp(x=lambda g, x: 2 * g * x)

@mg.op
def wrong(xp, x, w):
    return x * w

wrong.vjp(x=lambda g, w: g * w, w=lambda g, x, w: g * w)

@mg.op
def unsampled(xp, x):
    return x + 0

@samples("{module}.right")
def _(rng):
    yield Sample(rng.standard_normal(3))

@samples("{module}.wrong")
def _(rng):
    yield Sample(rng.standard_normal((4, 3)), rng.standard_normal((4, 3)))

class Net(nn.Module):
    def __init__(self):
        self.linear = nn.Linear(3, 2)

    def forward(self, x):
        return self.linear(x).tanh()

    @staticmethod
    def example_inputs():
        return [np.random.default_rng(0).standard_normal((4, 3))]

def outside():
    return mg.log, [np.array([-1.0])]

def single():
    return mg.exp, [np.ones(2, np.float32)]

def integers():
    return mg.exp, [np.arange(3)]

def overlapping():
    return mg.exp, [np.broadcast_to(np.array(2.0), (3,))]

@mg.op
def _writes(xp, x):
    x *= 2
    return x + 0

_writes.vjp(x=lambda g: 2 * g)

def changes_its_input():
    return _writes, [np.ones(2)]

def random():
    return lambda x: x * np.random.default_rng().standard_normal(), [np.ones(2)]
"""


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A package of somebody else, importable from the working directory."""
    name = f"user_{abs(hash(request.node.name)) % 10**8}"
    (tmp_path / f"{name}.py").write_text(USER.replace("{module}", name))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def test_all_reports_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = {kind: tmp_path / f"out.{kind}" for kind in ("json", "html", "junit")}
    assert main(["exp", "sqrt", "nn.Linear", "optim.SGD", "--mutants", *[f"--{kind}={path}" for kind, path in paths.items()]]) == 0
    text = capsys.readouterr().out
    document = json.loads(paths["json"].read_text())
    summary, mutants = document["summary"], document["mutants"]
    assert document["version"] == 1
    assert set(summary) == {"ops", "cases", "passed", "failed", "inconclusive", "seconds"}
    assert summary["ops"] == 4
    assert summary["cases"] == summary["passed"] == len(document["cases"])
    assert mutants["total"] == sum(mutants[key] for key in ("killed", "survived", "equivalent", "crashed"))
    assert mutants["survived"] == 0
    assert f"2 ops, 1 layer, 1 optimizer, {summary['cases']} cases, 0 failed, 0 cannot tell; {mutants['total']} mutants, 0 survived" in text
    for case in document["cases"]:
        assert {"op", "tag", "case", "device", "verdict", "digits", "seconds", "checks", "notes", "steps"} == set(case)
        for check in case["checks"]:
            assert set(check) >= {"check", "order", "input", "shape", "verdict", "error", "estimate", "digits", "slope", "message"}
    page = paths["html"].read_text()
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    assert json.loads(page.split('id="data">')[1].split("</script>")[0])["summary"] == summary
    suite = ET.parse(paths["junit"]).getroot()
    assert suite.attrib["tests"] == str(summary["cases"]) == str(len(suite.findall("testcase")))


def test_an_op_of_minigrad_by_its_path() -> None:
    command = [sys.executable, "-m", "minigrad", "gradcheck", "--module", "minigrad.ops:exp", "--mode", "quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # alone: no other test has loaded the samples
    assert done.returncode == 0, done.stderr
    assert "1 op, 3 cases, 0 failed" in done.stdout


def test_a_wrong_op_of_a_user(user: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    junit = tmp_path / "out.xml"
    assert main(["--module", f"{user}:right"]) == 0
    assert main(["--module", f"{user}:wrong", "--junit", str(junit)]) == 1
    text = " ".join(capsys.readouterr().out.split())
    assert "your gradient for w is right if you change, in formula" in text
    assert f"from {user} import wrong" in text
    assert ET.parse(junit).getroot().find("testcase/failure") is not None


@pytest.mark.parametrize(
    ("name", "code", "sentence"),
    [
        ("Net", 0, "1 op, 1 case, 0 failed"),
        ("outside", 2, "infinite or not a number"),
        ("changes_its_input", 1, "changed its argument x in place"),
        ("random", 1, "the function is random"),
        ("single", 3, "float32, which is too coarse"),
        ("integers", 3, "nothing to differentiate: the inputs are int64"),
        ("overlapping", 3, "share memory"),
        ("unsampled", 3, "has no samples: declare some with @samples"),
        ("missing", 3, "cannot find"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_exit_codes(user: str, capsys: pytest.CaptureFixture[str], name: str, code: int, sentence: str) -> None:
    assert main(["--module", f"{user}:{name}", "--order", "1"]) == code
    output = capsys.readouterr()
    assert sentence in " ".join((output.out + output.err).split())
    if code == 3:
        assert len(output.err.strip().splitlines()) == 1
        assert not output.out


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["expp"], "there is no op, layer or optimizer called 'expp'; did you mean exp"),
        (["--tag", "nothing"], "there is no tag 'nothing'"),
        (["--order", "0"], "--order is 1 or more"),
        (["--module", "nowhere"], "takes PACKAGE:NAME"),
        (["exp", "--json", "/nowhere/at/all.json"], "there is no folder"),
        (["exp", "--html", "/"], "cannot write /: it is a folder"),
        (["--compare", "a.json", "b.json"], "cannot read a.json"),
        (["--device", "tpu"], "invalid choice"),
        (["--nonsense"], "unrecognized arguments"),
    ],
)
def test_wrong_usage_is_one_sentence(argv: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 3
    output = capsys.readouterr()
    assert sentence in output.err
    assert len(output.err.splitlines()) == 1
    assert not output.out


MINE = """
import numpy as np
import minigrad as mg
from minigrad import nn
from minigrad.gradcheck.samples import Sample, samples

@mg.op
def cube(xp, x):
    return x**3

cube.vjp(x=lambda g, x: 3 * g * x * x)

@samples(__name__ + ".cube")
def cubes(rng):
    yield Sample(rng.standard_normal(3))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x):
        return mg.tanh(self.linear(x))

    @staticmethod
    def example_inputs():
        return [np.ones((4, 3)) * np.arange(4)[:, None]]

def gradcheck_of_arrays():
    return np.sin, [np.ones(2)], lambda g, x: {} * g * np.cos(x)
"""


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "mine_to_check.py").write_text(MINE.format(1))
    assert main(["mine_to_check.py", "--mode", "quick"]) == 0
    text = capsys.readouterr().out
    assert [line.split()[0] for line in text.splitlines()[1:4]] == ["cube", "Net", "gradcheck_of_arrays"]
    assert "3 ops, 3 cases, 0 failed" in text
    assert main(["mine_to_check.py:Net", "--mode", "quick"]) == 0
    assert "1 op, 1 case, 0 failed" in capsys.readouterr().out
    (tmp_path / "mine_and_wrong.py").write_text(MINE.format(2))
    assert main(["mine_and_wrong.py", "mine_to_check.py:Net"]) == 1
    assert "your gradient for x is 2 times the right one" in capsys.readouterr().out
    (tmp_path / "empty.py").touch()
    for names, says in [
        (["none.py"], "there is no file none.py"),
        (["mine_to_check.py:Nothing"], "has no Nothing"),
        (["mine_to_check.py", "exp"], "checked apart"),
        (["empty.py"], "has nothing to check"),
    ]:
        assert main(names) == 3
        assert says in capsys.readouterr().err


def test_the_fixture_for_pytest(tmp_path: Path) -> None:
    test = tmp_path / "test_mine.py"
    test.write_text(
        "import numpy as np\n\n"
        "def test_right(assert_gradients):\n    assert_gradients(np.sin, [np.ones(2)], vjp=lambda g, x: g * np.cos(x))\n\n"
        "def test_wrong(assert_gradients):\n    assert_gradients(np.sin, [np.ones(2)], vjp=lambda g, x: 3 * g * np.cos(x))\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "minigrad.gradcheck.pytest_plugin",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:minigrad",
        str(test),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "1 failed, 1 passed" in done.stdout
    assert "your gradient for x is 3 times the right one" in done.stdout
    assert "Traceback" not in done.stdout


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["batch_norm", "batch_normalization"] for line in lines)
    assert any(line.split() == ["nn.Linear", "nn"] for line in lines)
    assert not any("no samples" in line for line in lines)


def test_tags_and_quick_mode(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--tag", "norm", "--mode", "quick", "--order", "1"]) == 0
    text = capsys.readouterr().out
    assert "layer_norm" in text
    assert "batch_norm" in text
    assert "matmul" not in text


def test_fail_fast(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from minigrad.core.op import OPS

    formula = OPS["exp"].formulas[0]
    monkeypatch.setattr(formula, "function", lambda g, y: g * y * 1.01)
    OPS["exp"].plans.clear()
    try:
        assert main(["exp", "tanh", "--fail-fast", "--json", str(tmp_path / "f.json")]) == 1
    finally:
        monkeypatch.undo()
        OPS["exp"].plans.clear()
    assert [case["verdict"] for case in json.loads((tmp_path / "f.json").read_text())["cases"]] == ["fail"]


def document(**verdicts: str) -> dict[str, Any]:
    cases = [{"op": op, "case": "", "device": "cpu", "verdict": verdict, "digits": 12.0} for op, verdict in verdicts.items()]
    return {"version": 1, "cases": cases, "summary": {"seconds": 1.0}}


def test_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = document(exp="pass", tanh="fail"), document(exp="fail", tanh="pass")
    assert compare(old, old)[1] is False
    lines, worse = compare(old, new)
    assert worse
    assert "worse      exp: pass -> fail" in lines
    assert "better     tanh: fail -> pass" in lines
    fewer = document(exp="pass", tanh="fail")
    fewer["cases"][0]["digits"] = 9.0
    assert compare(old, fewer)[1]
    assert compare(old, document(exp="pass"))[1], "a case that is gone"
    paths = [tmp_path / "old.json", tmp_path / "new.json"]
    for path, content in zip(paths, (old, new), strict=True):
        path.write_text(json.dumps(content))
    assert main(["--compare", str(paths[0]), str(paths[0])]) == 0
    assert main(["--compare", str(paths[0]), str(paths[1])]) == 1
    paths[1].write_text("{}")
    assert main(["--compare", str(paths[0]), str(paths[1])]) == 3


def test_one_line_in_the_tests_of_another_package(user: str, tmp_path: Path) -> None:
    test = tmp_path / "test_theirs.py"
    test.write_text(f"from minigrad.gradcheck import gradient_tests\n\ntest_gradients = gradient_tests({user!r})\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(test)]
    outcome = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert outcome.returncode == 1
    assert "1 passed" in outcome.stdout, outcome.stdout
    assert "your gradient for w is" in outcome.stdout


def test_a_failure_shows_both_gradients_beside_the_formula(tmp_path: Path) -> None:
    """On the page, in its data and in a notebook."""
    lines = ["import minigrad as mg", "from minigrad.core.op import Op", "def f(xp, x):", "    return 2 * x"]
    (tmp_path / "wrong.py").write_text("\n".join([*lines, "twice = Op(f)", "twice.vjp(x=lambda g: 3 * g)", ""]))
    twice = runpy.run_path(str(tmp_path / "wrong.py"))["twice"]
    result = mg.gradcheck(twice, [np.array([1.0, 2.0])])
    case = document_of(result)["cases"][0]
    assert case["formulas"] == ["twice.vjp(x=lambda g: 3 * g)"]
    html = fragment(document_of(result))
    assert "<th>analytic</th><th>numeric</th><th>formula</th>" in html
    assert "twice.vjp(x=lambda g: 3 * g)" in html
    by_hand = mg.gradcheck(np.sin, [np.array([1.0])], vjp=wrong_slope)
    assert "return g * np.sin(x)" in document_of(by_hand)["cases"][0]["formulas"][0]


def wrong_slope(g: Any, x: Any) -> Any:
    return g * np.sin(x)
