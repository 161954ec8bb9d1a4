"""The learner's folder: nothing that was written is ever lost, and progress is what happened."""

import json

import pytest

from minigrad.learn import CourseError, check
from minigrad.learn.study import free_name, open_study, read_answer
from minigrad.saving import CheckpointError


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found, new = open_study(None, None)
    assert new
    return found


def graded(study, text):
    id = study.current.id
    report = check(study.current, text)
    study.progress.checked(id, text, report)
    return report


def test_a_new_study_has_the_first_exercise_and_nothing_else(study, tmp_path):
    assert sorted(p.name for p in (tmp_path / "minigrad-course").iterdir()) == ["01_square.py", "progress.json"]
    assert study.text("square") == study.current.starter


def test_it_is_found_again_from_inside_and_outside(study, tmp_path, monkeypatch):
    study.start("softsign")
    for folder in (tmp_path, tmp_path / "minigrad-course"):
        monkeypatch.chdir(folder)
        again, new = open_study(None, None)
        assert (new, again.current.id) == (False, "softsign")


def test_start_never_overwrites(study):
    study.file("square").write_text("mine")
    study.start("square")
    assert study.text("square") == "mine"


def test_reset_keeps_every_version(study):
    for n in range(3):
        study.file("square").write_text(f"version {n}")
        study.reset()
    assert study.text("square") == study.current.starter
    kept = sorted(p.read_text() for p in study.folder.glob("*.bak*"))
    assert kept == ["version 0", "version 1", "version 2"]
    assert free_name(study.file("square")).name == "01_square.py.bak3"


def test_progress_counts_checks_hints_and_mistakes(study):
    report = graded(study, "def square_vjp(g, x):\n    return 2 * x\n")
    assert [study.next_hint(report)[0] for _ in range(4)] == [1, 2, 3, 3]
    graded(study, study.current.solution)
    record = json.loads((study.folder / "progress.json").read_text())["exercises"]["square"]
    assert (record["state"], record["checks"], record["hints"]) == ("passed", 2, 3)
    assert record["mistakes"] == ["cotangent_ignored"]
    assert len(record["sha256"]) == 64


def test_another_mistake_has_hints_of_its_own(study):
    first = graded(study, "def square_vjp(g, x):\n    return 2 * x\n")
    study.next_hint(first)
    second = graded(study, "def square_vjp(g, x):\n    return g * x\n")
    assert study.next_hint(second) == (1, second.hints[0])
    assert second.hints != first.hints


def test_hints_for_the_beginning_go_on_from_one_criterion_to_the_next(study):
    first = graded(study, study.current.starter)
    assert study.next_hint(first)[0] == 1
    unknown = graded(study, "def square_vjp(g, x):\n    return g * 2 * x + g * (x - 3) * (x + 1.7)\n")
    assert unknown.failed != first.failed
    assert study.next_hint(unknown)[0] == 2


def test_the_solution_is_shown_after_passing_or_after_all_hints(study):
    assert not study.may_see_solution()
    report = graded(study, "def square_vjp(g, x):\n    return 2 * x\n")
    for _ in range(3):
        study.next_hint(report)
    assert study.may_see_solution()
    assert "return g * 2 * x" in study.show_solution()
    graded(study, study.current.solution)
    assert study.progress.state("square") == "shown", "a solution that was read is not passed"


def test_what_comes_next(study):
    study.skip()
    assert study.following() == "softsign"
    study.start("softsign")
    assert graded(study, study.current.solution).ok
    assert study.following() == "topo"
    study.start("engine")
    assert graded(study, study.current.solution).ok
    assert study.done("topo"), "the last exercise of a chapter stands for the chapter"
    assert study.following() == "mean_axis"


def test_every_exercise_can_be_started_and_solved(study):
    for id in study.course.order:
        path = study.start(id)
        assert path.name.endswith(f"_{id}.py")
        assert compile(path.read_text(), str(path), "exec")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": 2}', '{"schema": 1, "course": "minigrad", "current": "square", "exercises": {"a": {"state": "x"}}}']
)
def test_a_broken_progress_file_is_one_sentence_and_stays(study, text):
    path = study.folder / "progress.json"
    path.write_text(text)
    with pytest.raises(CourseError, match="move it away to begin anew"):
        open_study(None, None)
    assert path.read_text() == text


def test_a_crash_while_progress_is_written_leaves_the_old_one(study, monkeypatch):
    before = (study.folder / "progress.json").read_text()

    def broken(*args, **options):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", broken)
    with pytest.raises(CheckpointError, match="what was there before is unchanged"):
        study.progress.save()
    assert (study.folder / "progress.json").read_text() == before


def test_an_answer_that_cannot_be_read_is_one_sentence(tmp_path):
    with pytest.raises(CourseError, match="there is no file"):
        read_answer(tmp_path / "01_square.py")
    (tmp_path / "a.py").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CourseError, match="no text in UTF-8"):
        read_answer(tmp_path / "a.py")
    (tmp_path / "b.py").write_bytes(b"#" * 10_000_000)
    with pytest.raises(CourseError, match="10,000,000 bytes"):
        read_answer(tmp_path / "b.py")
    with pytest.raises(CourseError, match="cannot be read"):
        read_answer(tmp_path)
