"""What the page asks Python for, without a page: programs, exercises, what is kept."""

import base64
import io
import json
import zipfile

import pytest

from minigrad.commands import main
from minigrad.learn.course import OWN, read
from minigrad.playground.building import examples
from minigrad.playground.session import Session

COURSE = read(OWN)


class Page:
    """A page that only keeps what it is told."""

    def __init__(self, home):
        self.shown = []
        self.session = Session(lambda text: self.shown.append(json.loads(text)), str(home))

    def ask(self, do, **request):
        return json.loads(self.session.answer(json.dumps({"do": do, **request})))

    def run(self, text, step=False):
        self.shown.clear()
        return self.ask("run", text=text, step=step)["is"]

    def kinds(self):
        return [shown["kind"] for shown in self.shown]


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Page(tmp_path / "home")


# ------------------------------------------------------------------------------------------------------- programs


def test_a_program_prints_and_the_last_value_is_shown(page, capsys):
    done = page.run("print('one')\n[2, 3]")
    assert capsys.readouterr().out == "one\n[2, 3]\n"
    assert (done["ok"], done["line"]) == (True, None)


def test_each_run_begins_anew(page):
    assert page.run("x = 1")["ok"]
    assert not page.run("x")["ok"]
    assert "NameError" in page.shown[0]["text"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("def f():\n    return 1 / 0\nf()", 2, 'File "yours.py", line 2, in f'),
        ("x = (1,\n", 1, "SyntaxError"),
        ("import minigrad as mg\nmg.ones(2) @ mg.ones(3)", 2, "matmul: a has shape (2,) and b (3,)"),
        ("raise KeyboardInterrupt", 1, "stopped"),
        ("try:\n    1 / 0\nexcept Exception as error:\n    raise ValueError('no') from error", 4, "direct cause"),
    ],
)
def test_an_error_shows_the_learners_lines_alone(page, text, line, words):
    done = page.run(text)
    assert (done["ok"], done["line"]) == (False, line)
    assert page.kinds() == ["error"]
    assert words in page.shown[0]["text"]
    assert "minigrad/" not in page.shown[0]["text"]


def test_the_end_of_a_program_by_sys_exit_is_no_error(page):
    assert page.run("import sys\nsys.exit(3)")["ok"]
    assert page.shown == [{"kind": "text", "text": "sys.exit(3)\n"}]


def test_what_a_program_changes_of_the_modes_does_not_last(page, capsys):
    page.run("import minigrad as mg\nmg.no_grad().__enter__()")
    page.run("import minigrad as mg\nprint(mg.is_grad_enabled())")
    assert capsys.readouterr().out == "True\n"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("[3.0, 1.0, 2.0]", "picture"),
        ("np.eye(3)", "picture"),
        ("np.zeros((5, 1, 8, 8))", "picture"),
        ("[float('nan'), 1.0, float('inf'), 2.0]", "picture"),
        ("mg.ones(4)", "picture"),
        ("mg.ones(2, requires_grad=True).sum()", "trace"),
        ("'words'", "text"),
        ("np.zeros(0)", "text"),
        ("np.full(3, np.nan)", "text"),
        ("3.0", "text"),
        ("None", "text"),
    ],
)
def test_show(page, value, kind):
    assert page.run(f"import numpy as np, minigrad as mg\nshow({value})")["ok"]
    assert page.kinds() == [kind]


def test_step_through_records_the_last_backward_pass(page):
    text = "import minigrad as mg\nw = mg.tensor(3.0, requires_grad=True)\nfor k in range(3):\n    loss = w * w\n    loss.backward()"
    assert page.run(text, step=True)["ok"]
    assert page.kinds() == ["trace"]
    document = page.shown[0]["document"]
    assert [node["name"] for node in document["nodes"]] == ["w", "loss"]
    assert document["nodes"][1]["source"]["code"] == "w * w"


def test_step_through_without_a_backward_pass_says_what_to_do(page):
    done = page.run("x = 1", step=True)
    assert (done["ok"], page.shown[0]["text"]) == (
        False,
        "there is no backward pass to step through: call backward() on a loss, or show(loss)\n",
    )


def test_files_that_a_program_writes_are_offered(page):
    page.run("with open('a.csv', 'w') as file:\n    file.write('1,2')")
    assert page.shown == [{"kind": "file", "name": "a.csv", "content": base64.b64encode(b"1,2").decode()}]
    page.run("x = 1")
    assert page.shown == []


@pytest.mark.parametrize("example", examples(), ids=lambda example: example["name"])
def test_every_example_runs(page, example):
    done = page.run(example["text"])
    assert done["ok"], page.shown
    assert len(example["title"]) <= 100


# ------------------------------------------------------------------------------------------------------- exercises


def test_the_course_is_that_of_the_command(page):
    course = page.ask("exercises")["is"]
    assert [line["id"] for chapter in course["chapters"] for line in chapter["exercises"]] == list(COURSE.order)


def test_an_exercise_from_todo_to_passed(page):
    square = COURSE.exercise("square")
    begun = page.ask("start", id="square")["is"]
    assert begun["text"] == square.starter
    todo = page.ask("check", id="square", text=begun["text"])["is"]
    assert (todo["outcome"], todo["marks"][0][0]) == ("todo", "todo")
    wrong = square.solution.replace("g * 2 * x", "2 * x")
    failed = page.ask("check", id="square", text=wrong)["is"]
    assert failed["outcome"] == "failed"
    assert "it must be" in failed["facts"]
    passed = page.ask("check", id="square", text=square.solution)
    assert passed["is"]["outcome"] == "passed"
    assert passed["is"]["following"] == "softsign"
    assert "g * 2 * x" in passed["is"]["solution"]
    assert "progress.json" in passed["kept"]
    assert page.ask("exercises")["is"]["chapters"][0]["exercises"][0]["state"] == "passed"


def test_hints_come_one_by_one_and_then_the_solution(page):
    starter = page.ask("start", id="square")["is"]["text"]
    assert page.ask("solution", id="square")["is"]["why"]
    levels = [page.ask("hint", id="square", text=starter)["is"] for _ in range(3)]
    assert [hint["level"] for hint in levels] == [1, 2, 3]
    assert levels[2]["is_last"]
    assert "return g * 2 * x" in page.ask("solution", id="square")["is"]["text"]
    assert page.ask("exercises")["is"]["chapters"][0]["exercises"][0]["state"] == "shown"


def test_reset_gives_the_text_as_it_was(page):
    page.ask("check", id="square", text="x = 1")
    assert page.ask("reset", id="square")["is"]["text"] == COURSE.exercise("square").starter
    assert page.ask("start", id="square")["is"]["text"] == COURSE.exercise("square").starter


def test_an_unknown_exercise_is_a_sentence(page):
    assert page.ask("start", id="cube")["error"].startswith("there is no exercise 'cube'")


# ------------------------------------------------------------------------------------------------------- what is kept


def test_what_is_kept_comes_back(page, tmp_path, monkeypatch):
    kept = page.ask("check", id="square", text=COURSE.exercise("square").solution)["kept"]
    again = Page(tmp_path / "another home")
    assert "error" not in again.ask("restore", files=kept)
    assert again.ask("exercises")["is"]["chapters"][0]["exercises"][0]["state"] == "passed"
    assert again.ask("start", id="square")["is"]["text"] == COURSE.exercise("square").solution


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"progress.json": "no json"},
        {"progress.json": '{"schema": 99}'},
        {"01_square.py": "x"},
        {"progress.json": "x" * 3_000_000},
    ],
)
def test_files_of_something_else_change_nothing(page, files):
    before = page.ask("check", id="square", text=COURSE.exercise("square").solution)["kept"]
    answer = page.ask("restore", files=files)
    assert answer["error"]
    assert answer["kept"] == before


def test_the_exported_zip_is_a_folder_that_the_command_goes_on_from(page, tmp_path, monkeypatch, capsys):
    page.ask("check", id="square", text=COURSE.exercise("square").solution)
    exported = page.ask("export")["is"]
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(exported["content"]))) as archive:
        archive.extractall(tmp_path / "unpacked")
    monkeypatch.chdir(tmp_path / "unpacked")
    assert main(["learn", "list"]) == 0
    assert "# square" in capsys.readouterr().out
    again = Page(tmp_path / "another home")
    course = again.ask("import", content=exported["content"])["is"]
    assert course["chapters"][0]["exercises"][0]["state"] == "passed"


@pytest.mark.parametrize("content", ["", "AAAA", "%%%", base64.b64encode(b"PK\x05\x06" + bytes(18)).decode()])
def test_a_zip_of_something_else_is_a_sentence(page, content):
    assert page.ask("import", content=content)["error"]
