"""The command as its users meet it: learners, teachers, authors, and whoever types something wrong."""

import json
import os
import sys
import zipfile

import pytest

from minigrad import commands
from minigrad.learn.course import OWN, read

COURSE = read(OWN)


@pytest.fixture
def learn(capsys, monkeypatch, tmp_path):
    """Run ``minigrad learn`` in an empty folder; return exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        code = commands.main(["learn", *[str(a) for a in arguments]])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def answer(folder, id, wrong=None):
    exercise = COURSE.exercises[id]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / COURSE.filename(id)
    path.write_text(exercise.solution if wrong is None else exercise.with_mistake(exercise.wrong_answer(wrong)))
    return path


def test_without_a_terminal_it_prints_and_ends(learn, tmp_path):
    code, out, err = learn()
    assert (code, err) == (2, "")
    assert "01_square.py in your editor" in out
    assert "still TODO" in out
    code, again, _ = learn()
    assert code == 2
    assert len(again) < len(out), "the welcome is said once"
    assert "\x1b[" not in out


def test_a_learner_goes_through_the_first_chapter(learn, tmp_path):
    learn()
    folder = tmp_path / "minigrad-course"
    answer(folder, "square", "no_g")
    code, out, _ = learn("check")
    assert code == 1
    assert "you have 1.281, it must be -1.054" in out
    assert learn("next")[0] == 1
    assert "h1  Try g = 1 and g = 10" in learn("hint")[1]
    assert "h2  Your gradient for x is the same whatever g is." in learn("hint")[1]
    code, _, err = learn("solution", "--yes")
    assert code == 1
    assert "three hints first" in err
    assert "That was the last one" in learn("hint")[1]
    answer(folder, "square")
    code, out, _ = learn("check")
    assert code == 0
    for text in (
        "Passed: a formula multiplies",
        "return g * 2 * x",
        "In minigrad: minigrad/ops/elementwise.py, line",
        "learn next goes on",
    ):
        assert text in out
    code, out, _ = learn("next")
    assert "Softsign is y" in out
    assert (folder / "02_softsign.py").exists()
    code, out, _ = learn("next", "--skip")
    assert "Walk the graph" in out
    out = learn("list")[1]
    assert "# square" in out
    assert "- softsign" in out
    assert "> topo" in out


def test_check_as_json_and_of_a_file_that_lies_anywhere(learn, tmp_path):
    path = answer(tmp_path / "elsewhere", "bn_dx", "no_mean")
    code, out, _ = learn("check", path, "--json")
    report = json.loads(out)
    assert (code, report["failed"], report["mistakes"][0]["id"]) == (1, "x", "path_through_mean")
    assert sorted(os.listdir(tmp_path)) == ["elsewhere"], "nothing was noted"
    assert learn("check", answer(tmp_path / "elsewhere", "bn_dx"))[0] == 0


def test_checking_another_file_of_the_course_counts_there_and_goes_nowhere(learn, tmp_path):
    learn()
    path = answer(tmp_path / "minigrad-course", "bn_dx")
    assert learn("check", path)[0] == 0
    progress = json.loads((tmp_path / "minigrad-course" / "progress.json").read_text())
    assert (progress["current"], progress["exercises"]["bn_dx"]["state"]) == ("square", "passed")
    assert learn("--folder", "minigrad-course", "check", answer(tmp_path / "elsewhere", "bn_dx", "no_var"))[0] == 1


def test_reset_and_start(learn, tmp_path):
    learn("start", "bn_dx")
    path = tmp_path / "minigrad-course" / COURSE.filename("bn_dx")
    path.write_text("half edi")
    code, out, _ = learn("reset")
    assert code == 0
    assert f"{path.name}.bak" in out
    assert path.read_text() == COURSE.exercises["bn_dx"].starter


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["start", "nothing"], "there is no exercise 'nothing'"),
        (["check", "nowhere/01_square.py"], "there is no file"),
        (["check", "other.py"], "other.py is the name of no exercise"),
        (["--course", "nowhere"], "there is no course 'nowhere'"),
        (["--folder", "file/below"], "cannot be made"),
        (["collect", "nowhere", "--yes"], "there is no folder nowhere"),
        (["collect", ".", "--yes"], "no folder there holds an answer"),
        (["collect", "nowhere"], "there is no folder nowhere"),
        (["collect", "class"], "Without a terminal, say so with --yes"),
        (["dev"], "the following arguments are required"),
        (["dev", "new", "file"], "is there already"),
        (["dance"], "invalid choice: 'dance'"),
    ],
)
def test_bad_input_is_one_sentence(learn, tmp_path, arguments, says):
    (tmp_path / "file").write_text("")
    (tmp_path / "class" / "ada").mkdir(parents=True)
    (tmp_path / "class" / "ada" / "01_square.py").write_text("")
    code, _, err = learn(*arguments)
    assert code == 3
    assert says in err
    assert len(err.splitlines()) == 1


def test_collect_grades_again_and_counts_mistakes(learn, tmp_path):
    for name, wrong in (("ada", None), ("ben", "no_mean"), ("cem", "no_mean")):
        answer(tmp_path / "class" / name / "minigrad-course", "bn_dx", wrong)
        answer(tmp_path / "class" / name / "minigrad-course", "square")
    claim = {"schema": 1, "course": "minigrad", "current": "square", "exercises": {"bn_dx": {"state": "passed", "checks": 7, "hints": 2}}}
    (tmp_path / "class/ben/minigrad-course/progress.json").write_text(json.dumps(claim))
    (tmp_path / "class" / "notes").mkdir()
    code, out, err = learn("collect", "class", "--yes")
    assert (code, err) == (0, "")
    assert "1 of 3" in out
    assert "2 path_through_mean" in out
    document = json.loads((tmp_path / "class.json").read_text())
    assert [s["name"] for s in document["students"]] == ["ada", "ben", "cem"]
    ben = document["students"][1]["exercises"]["bn_dx"]
    assert (ben["passed"], ben["criterion"], ben["mistake"], ben["checks"], ben["hints"]) == (False, "x", "path_through_mean", 7, 2)
    assert document["exercises"]["bn_dx"] == {"started": 3, "passed": 1, "todo": 0, "mistakes": {"path_through_mean": 2}}
    assert learn("collect", "class/ada", "class/ben", "--yes", "--anonymous", "--json", "two.json")[0] == 0
    hashed = json.loads((tmp_path / "two.json").read_text())
    assert '"ada"' not in json.dumps(hashed)
    assert len(hashed["students"]) == 2


# ------------------------------------------------------------------------------------------------------- courses of one's own


def test_a_course_of_ones_own_from_a_folder_a_wheel_and_a_package(learn, tmp_path, monkeypatch):
    assert learn("dev", "new", "mine")[0] == 0
    code, out, _ = learn("--course", "mine", "dev", "check")
    assert code == 0, out
    assert "1 exercises" in out
    with zipfile.ZipFile(tmp_path / "mine-1-py3-none-any.whl", "w") as wheel:
        for path in (tmp_path / "mine").iterdir():
            wheel.write(path, f"somepackage/{path.name}")
    package = tmp_path / "site" / "somecourse"
    package.mkdir(parents=True)
    for path in (tmp_path / "mine").iterdir():
        if path.is_file():  # Python may have left its own folder there
            (package / path.name).write_text(path.read_text())
    (package / "__init__.py").write_text("")
    info = tmp_path / "site" / "somecourse-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somecourse\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[minigrad.courses]\ncubes = somecourse\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    for n, source in enumerate(("mine", "mine-1-py3-none-any.whl", "cubes")):
        folder = tmp_path / f"study{n}"
        code, out, err = learn("--course", source, "--folder", folder)
        assert (code, err) == (2, "")
        assert (folder / "01_cube.py").exists()
        assert learn("--folder", folder, "check")[0] == 2, "the folder knows its course"
    code, _, err = learn("--course", "other")
    assert "packages offer cubes" in err


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("course.toml", "title = 3\n", "title must be a text"),
        ("course.toml", "title = 'a'\nchapters = ['b']\norder = []\n", "order must name every exercise once"),
        ("course.toml", "title = 'a'\nchapters = ['b']\norder = ['cube']\nother = 1\n", "it knows no 'other'"),
        ("course.toml", "title = \n", "cannot be read"),
        ("cube.py", "def f(:\n", "does not run: SyntaxError"),
        ("cube.py", "x = 1\n", "declares no exercise"),
        ("cube.py", "from minigrad.learn import Exercise\nexercise = Exercise('cube', 1, 5)\n", "declares no criterion"),
        ("hints.toml", "factor = ['one', 'two']\n", "three hints for each mistake"),
    ],
)
def test_a_course_that_is_not_written_as_it_must_be(learn, tmp_path, file, text, says):
    learn("dev", "new", "mine")
    (tmp_path / "mine" / file).write_text(text)
    code, _, err = learn("--course", "mine", "dev", "check")
    assert code == 3
    assert says in err


def test_colour_is_left_out_where_it_is_not_wanted(tmp_path):
    pty = pytest.importorskip("pty", reason="pseudo-terminals are POSIX")
    import subprocess

    def shown(**variables):
        master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **variables}
        process = subprocess.Popen(
            [sys.executable, "-m", "minigrad", "learn", "list"], stdin=slave, stdout=slave, stderr=slave, cwd=tmp_path, env=environment
        )
        os.close(slave)
        text = b""
        while True:
            try:
                part = os.read(master, 4096)
            except OSError:
                break
            if not part:
                break
            text += part
        process.wait()
        os.close(master)
        return text.decode()

    assert "\x1b[36m" in shown()
    assert "\x1b[36m" not in shown(NO_COLOR="1")


@pytest.mark.parametrize("what", [["list"], ["hint"], ["solution", "--yes"]])
def test_what_only_looks_begins_no_course(learn, tmp_path, what):
    _, out, err = learn(*what)
    assert os.listdir(tmp_path) == []
    assert "minigrad learn" in out + err


def test_a_hint_for_an_error_of_python_is_its_line_and_uses_none_up(learn, tmp_path):
    learn()
    path = answer(tmp_path / "minigrad-course", "square")
    path.write_text(path.read_text().replace("return g * 2 * x", "return g * 2 * (x"))
    out = learn("hint")[1]
    line = path.read_text()[: path.read_text().index("return g")].count("\n") + 1
    assert f"'(' was never closed (line {line})" in out
    assert f"There is no hint for this: first mend what is said above (line {line})." in out
    progress = json.loads((tmp_path / "minigrad-course" / "progress.json").read_text())
    assert progress["exercises"]["square"]["hints"] == 0
