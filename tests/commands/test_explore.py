"""``minigrad explore``: a script is run and shown; what can be wrong with it is said in one sentence."""

from __future__ import annotations

import json
import re
import sys

import pytest

from minigrad import commands

SCRIPT = """\
import minigrad as mg

x = mg.tensor([1.0, -2.0], requires_grad=True)
data = [1, 2]
h = x * 3
loss = (h * h).sum()
if __name__ == "__main__":
    loss.backward()
print("from the script")
"""
NO_BACKWARD = SCRIPT.replace("loss.backward()", "pass")


@pytest.fixture
def explore(capsys, monkeypatch, tmp_path):
    """Write a script and run the command on it; return exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments, script=SCRIPT):
        (tmp_path / "lesson.py").write_text(script)
        before = sys.argv, list(sys.path)
        code = commands.main(["explore", *arguments])
        assert (sys.argv, sys.path) == before
        out, err = capsys.readouterr()
        return code, out, err

    return command


def test_the_program_as_text(explore):
    code, out, err = explore("lesson.py", "--text")
    assert (code, err) == (0, "")
    assert "from the script" in out
    assert "lesson.py: loss = 45, 3 ops, one backward pass" in out
    assert "lesson.py:5" in out


def test_a_variable_is_chosen_by_its_name(explore):
    script = SCRIPT.replace("loss.backward()", "loss.backward(retain_graph=True)") + "other = h.sum()\n"
    code, out, _ = explore("lesson.py:other", "--text", script=script)
    assert code == 0
    assert "lesson.py:other: other = -3, 2 ops, one backward pass" in out


def test_a_backward_pass_that_the_script_does_not_run_is_checked_and_opened_like_any_other(explore, tmp_path):
    script = (
        "import minigrad as mg\nx = mg.tensor([[1.0], [2.0], [4.0]], requires_grad=True)\nloss = (mg.batch_norm(x, axis=0)[0] ** 3).sum()\n"
    )
    pages = []
    for target, text in (("lesson.py:loss", script), ("lesson.py", script + "loss.backward()\n")):
        assert explore(target, "--check", "2", script=text)[0] == 0
        pages.append((tmp_path / "lesson.html").read_text())
    for page in pages:
        (data,) = re.findall('<script type="application/json"[^>]*>(.*?)</script>', page)
        nodes = json.loads(data)["nodes"]
        assert [len(node["check"]) for node in nodes if node["kind"] == "leaf"] == [2]
        assert ["six_lines" in node for node in nodes if node["op"] and "batch_norm" in node["op"]] == [True]


@pytest.mark.parametrize(
    ("arguments", "script", "message"),
    [
        (["nowhere.py"], SCRIPT, "there is no file nowhere.py"),
        (["lesson.py:z"], SCRIPT, "lesson.py has no variable z; its tensors are h, loss, x"),
        (["lesson.py:z"], "", "lesson.py has no variable z; it has no tensors"),
        (["lesson.py:data"], SCRIPT, "data in lesson.py is a list, not a tensor"),
        (["lesson.py:h"], SCRIPT, "the backward pass starts at a tensor of one element, and this one has shape (2,): take its .sum()"),
        (["lesson.py"], NO_BACKWARD, "lesson.py runs no backward pass: say which tensor to show, as lesson.py:loss"),
        (["lesson.py"], "x = (\n", "lesson.py:1 failed: SyntaxError: '(' was never closed"),
        (["lesson.py"], "import sys\nsys.exit(3)\n", "lesson.py ended by sys.exit(3) before it could be shown"),
        (["lesson.py"], "def f():\n    1 / 0\nf()\n", "lesson.py:2 failed: ZeroDivisionError: division by zero"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(explore, arguments, script, message):
    code, _, err = explore(*arguments, script=script)
    assert code == 1
    assert err.startswith(f"minigrad explore: {message}")
    assert err.count("\n") == 1


def test_wrong_use(explore):
    assert explore("lesson.py", "--check", "none")[0] == 2
