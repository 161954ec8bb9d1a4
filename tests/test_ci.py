"""The steps of .ci/run, and what runs them side by side."""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minigrad import _system

ROOT = Path(__file__).parents[1]
pytestmark = [
    pytest.mark.skipif(not (ROOT / ".ci").is_dir(), reason="not a checkout"),
    pytest.mark.skipif(not _system.POSIX, reason="CI runs in Bash"),
]


@pytest.fixture
def ci(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(ROOT / ".ci"))
    return importlib.import_module("side_by_side")


@pytest.fixture
def steps(ci: Any) -> Any:
    return importlib.import_module("steps")


def test_two_steps_run_at_once_and_what_each_says_stays_together(ci: Any, capfd: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    assert ci.run([ci.Step(name, f"echo {name}1; sleep 1; echo {name}2") for name in "ab"], ["nothing: no reason"]) == 0
    assert time.monotonic() - began < 1.9
    out = capfd.readouterr().out
    assert "a1\na2\n" in out
    assert "b1\nb2\n" in out
    assert " - nothing: no reason\n" in out
    assert "all steps passed" in out


def test_what_a_step_skipped_is_told_with_its_reason(ci: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert ci.run([ci.Step("some", "echo 'SKIPPED [2] tests/test_a.py: no browser'; echo '3 passed'")], []) == 0
    assert "=== did not run\n - some: SKIPPED [2] tests/test_a.py: no browser\n" in capfd.readouterr().out


def test_a_failure_is_told_and_what_needed_it_is_not_run(ci: Any, capfd: pytest.CaptureFixture[str]) -> None:
    steps = [
        ci.Step("bad", "echo no; exit 3"),
        ci.Step("after", "echo never seen", needs="bad"),
        ci.Step("later", "echo never seen", needs="after"),
        ci.Step("other", "echo seen"),
    ]
    assert ci.run(steps, []) == 1
    out = capfd.readouterr().out
    assert "never seen\n---" not in out
    assert "other: passed" in out
    assert " - later: it needs after, of which one failed" in out
    assert out.endswith("FAILED: bad, after, later\n")


def test_a_step_that_does_not_end_is_ended_with_what_it_started(
    ci: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ci, "LIMIT", 0.5)
    assert ci.run([ci.Step("long", "sleep 60 & sleep 60")], []) == 1
    assert "stopped after 0.5 s" in capfd.readouterr().out


def test_steps_by_name_bring_what_they_need(ci: Any, capfd: pytest.CaptureFixture[str]) -> None:
    steps = [ci.Step("a", "true", installs=True), ci.Step("b", "true", needs="a"), ci.Step("c", "true")]
    assert ci.run(steps, [], ["b"]) == 0
    out = capfd.readouterr().out
    assert "a: passed" in out
    assert "b: passed" in out
    assert "c: passed" not in out
    assert " - what was not asked for" in out
    assert ci.run(steps, [], ["d"]) == 2
    assert "there is no step d; there are a, b, c" in capfd.readouterr().err


def test_what_takes_both_cores_is_not_passed_by_and_what_takes_none_does_not_wait(ci: Any) -> None:
    whole, short, install, one = ci.Step("w", "", cores=2), ci.Step("s", "", cores=0), ci.Step("i", "", installs=True), ci.Step("o", "")
    other = ci.Running(ci.Step("other", "true"))
    try:
        assert ci.ready([whole, short, install, one], [other], set()) == [short, install]
        assert ci.ready([one, whole], [other], set()) == [one]
        assert ci.ready([whole, one], [], set()) == [whole]
    finally:
        other.kill()
        other.output.close()


def test_every_step_needs_what_comes_before_it(steps: Any) -> None:
    names = [step.name for step in steps.STEPS]
    assert len(set(names)) == len(names)
    for position, step in enumerate(steps.STEPS):
        assert set(step.needs.split()) <= set(names[:position]) | {s.name for s in steps.STEPS if s.installs}, step.name


def test_what_pre_commit_checks_is_checked_here(steps: Any) -> None:
    hooks = re.findall(r"\{ id: (\w+)", (ROOT / ".pre-commit-config.yaml").read_text())
    assert hooks == ["format", "lint", "types", "laws"]
    for hook in hooks:
        assert any(step.command.endswith(f"--verbose {hook}") for step in steps.STEPS), hook
