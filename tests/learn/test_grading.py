"""The grader: every exercise's starter, solution and known wrong answers, and what a text may do to it."""

import json
import subprocess
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.mode import RECORDING, mode
from minigrad.learn import Report, check
from minigrad.learn.course import OWN, read
from minigrad.learn.source import source_of

COURSE = read(OWN)
EXERCISES = COURSE.exercises
WRONG = [(id, wrong.id) for id, exercise in EXERCISES.items() for wrong in exercise.wrongs]
FIRST = {(id, exercise.wrongs[0].id) for id, exercise in EXERCISES.items() if exercise.wrongs}


def test_the_course_is_as_large_as_it_says():
    assert len(EXERCISES) == 25
    assert sum(len(e.criteria) for e in EXERCISES.values()) >= 89
    assert len(WRONG) >= 174


@pytest.mark.parametrize("id", EXERCISES)
def test_the_starter_fails_and_the_solution_passes(id):
    exercise = EXERCISES[id]
    started = check(exercise, exercise.starter)
    assert started.outcome == ("failed" if exercise.given else "todo"), started
    assert len(started.hints) == 3
    solved = check(exercise, exercise.solution)
    assert solved.ok, solved
    assert solved.passed == tuple(c.id for c in exercise.criteria)


@pytest.mark.parametrize(("id", "name"), [pytest.param(*w, marks=[] if w in FIRST else pytest.mark.thorough) for w in WRONG])
def test_a_known_wrong_answer_fails_at_its_criterion_and_its_mistake_is_recognised(id, name):
    exercise = EXERCISES[id]
    wrong = exercise.wrong_answer(name)
    report = check(exercise, exercise.with_mistake(wrong))
    assert (report.outcome, report.failed) == ("failed", wrong.fails), report
    assert wrong.expect in [mistake.id for mistake in report.mistakes], report
    assert all(report.hints)
    if report.gradient_checked:
        assert report.mistakes[0].by == "rule", report


@pytest.mark.parametrize("id", [id for id, exercise in EXERCISES.items() if exercise.see])
def test_what_an_exercise_points_to_is_there(id):
    assert "line" in source_of(EXERCISES[id].see)


# ------------------------------------------------------------------------------------------------ what a text may be and do

SQUARE = EXERCISES["square"]


@pytest.mark.parametrize(
    ("text", "failed", "line", "facts"),
    [
        ("", "runs", None, "square_vjp is no longer in the file"),
        ("def square_vjp(g, x)\n    return g\n", "runs", 1, "the file is no Python: expected ':'"),
        ("def square_vjp(g, x):\n    return g\n\0", "runs", None, "null bytes"),
        ("import no_such_package\n", "runs", 1, "ModuleNotFoundError: No module named 'no_such_package'"),
        ("def square_vj(g, x):\n    return g\n", "runs", None, "square_vjp is no longer in the file"),
        ("import sys\nsys.exit()\n", "runs", None, "ends the program (SystemExit)"),
        ("def square_vjp(g, x):\n    raise SystemExit(3)\n", "one number", None, "ends the program (SystemExit)"),
        ("def square_vjp(g, x):\n    pass\n", "one number", None, "you have None; is a return missing?"),
        ("def square_vjp(g, x):\n    return 'six'\n", "one number", None, "you have 'six', it must be a number"),
        ("def square_vjp(g):\n    return g\n", "one number", None, "takes 1 positional argument"),
        ("def square_vjp(g, x):\n    return [g, x]\n", "one number", None, "your shape is (2,), it must be ()"),
        ("def square_vjp(g, x):\n    y = 2\n    return y / 0\n", "one number", 3, "ZeroDivisionError: division by zero"),
        ("def square_vjp(g, x):\n    return square_vjp(g, x)\n", "one number", 2, "RecursionError"),
    ],
)
def test_whatever_is_wrong_is_one_sentence_with_the_line(text, failed, line, facts):
    report = check(SQUARE, text)
    assert (report.outcome, report.failed, report.line) == ("failed", failed, line)
    assert facts in report.facts
    assert "\n" not in report.facts


def test_a_file_that_is_far_too_long_is_not_read():
    report = check(SQUARE, "#" * 10_000_000)
    assert report.outcome == "cannot check"
    assert "10,000,000 characters" in report.facts


def test_what_is_printed_is_kept_up_to_a_bound():
    report = check(SQUARE, "print('x' * 10**6)\n" + SQUARE.solution)
    assert report.ok
    assert report.printed == "x" * 2000


def test_a_check_leaves_nothing_behind(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ops, modules, settings = set(mg.OPS), set(sys.modules), np.geterr()
    text = "import minigrad as mg\nmg.no_grad().__enter__()\n@mg.op\ndef left(xp, x):\n    return x\nprint(1)\n" + SQUARE.solution
    assert check(SQUARE, text).ok
    assert mode.get() == RECORDING
    assert set(mg.OPS) == ops
    assert not [name for name in set(sys.modules) - modules if "yours" in name or "exercise_" in name]
    assert np.geterr() == settings
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_the_grader_needs_no_process_of_its_own():
    command = "import minigrad.learn, sys; print([n for n in sys.modules if n in ('minigrad.learn.worker', 'minigrad.learn.screen')])"
    assert subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_same_text_gives_the_same_report():
    exercise = EXERCISES["bn_dx"]
    text = exercise.with_mistake(exercise.wrong_answer("no_mean"))
    assert check(exercise, text) == check(exercise, text)


def test_a_report_survives_json():
    exercise = EXERCISES["bn_dx"]
    report = check(exercise, exercise.with_mistake(exercise.wrong_answer("wrong_axis")))
    assert report.mistakes[0].axis == (0,)
    assert Report.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_an_unknown_mistake_gets_the_hints_of_the_exercise():
    report = check(SQUARE, "def square_vjp(g, x):\n    return g * 2 * x + g * x ** 5 - g * 1.7\n")
    assert report.mistakes == ()
    assert report.hints == SQUARE.hints["start"]


def test_a_known_wrong_answer_is_recognised_by_what_it_gives():
    adam = EXERCISES["adam"]
    own_way = adam.solution.replace("(np.sqrt(v_hat) + eps)", "np.sqrt(eps + v_hat)")
    report = check(adam, own_way)
    assert [(m.id, m.by) for m in report.mistakes] == [("eps_place", "answer")]


def test_a_formula_that_stops_is_told_with_its_line():
    exercise = EXERCISES["bn_dx"]
    text = exercise.solution.replace("g_bias = g.sum(axis=0)", "g_bias = (g + g.T).sum(axis=0)")
    report = check(exercise, text)
    assert report.facts.startswith("the formula stops with ValueError: operands could not be broadcast")
    assert report.line == text[: text.index("g_bias =")].count("\n") + 1


def test_a_gradient_left_out_is_told_in_the_learners_words():
    exercise = EXERCISES["bn_dx"]
    report = check(exercise, exercise.solution.replace("return g_x, g_weight, g_bias", "return g_x, g_weight"))
    assert report.facts == "your formula for x, weight, bias returned 2 gradients, expected 3"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "    return g_x, g_weight, g_bias\n",
            "",
            "your formula for x, weight, bias returned None; is a return missing? It must return a tuple",
        ),
        ("return g_x, g_weight, g_bias", "return g_x", "your formula for x, weight, bias returned one array of shape (6, 3); it must"),
        (
            "return g_x, g_weight, g_bias",
            "return 1, 2, 3",
            "your formula for input 'bias' returned a Python int; the input has shape (3,)",
        ),
        ("g_bias = g.sum(axis=0)", "g_bias = g.sum(axis=0", "the file is no Python: '(' was never closed"),
        ("g_bias = g.sum(axis=0)", "g_bias = gg.sum(axis=0)", "the formula stops with NameError: name 'gg' is not defined"),
        ("    m = len(x)", "    weight *= 2\n    m = len(x)", "your formula changes its argument weight in place"),
        ("    m = len(x)", "    g -= g.mean(axis=0)\n    m = len(x)", "your formula changes its argument g in place"),
        ("    m = len(x)", "    x -= x.mean(axis=0)\n    m = len(x)", "your formula gives another gradient the second time"),
    ],
)
def test_a_mistake_of_programming_is_told_as_one(old, new, words):
    exercise = EXERCISES["bn_dx"]
    assert old in exercise.solution
    report = check(exercise, exercise.solution.replace(old, new, 1))
    assert words in report.facts
    assert (report.about, report.hints) == ("", ())  # hints are about the mathematics, and are not used up


@pytest.mark.parametrize("call", ["np.mean(g, axis=0)", "np.asarray(g).mean(axis=0)", "(np.zeros_like(g) + g).mean(axis=0)"])
def test_a_function_of_numpy_is_named_where_the_formula_is_run_on_tensors(call):
    exercise = EXERCISES["bn_dx"]
    text = "import numpy as np\n" + exercise.solution.replace("g_bias = g.sum(axis=0)", f"g_bias = {call} * m")
    report = check(exercise, text)
    assert "given a tensor" in report.facts
    assert report.facts.startswith("the formula stops with")
    assert report.line == text[: text.index("g_bias =")].count("\n") + 1
    assert report.mistakes[0].id == "numpy_in_formula"


def test_what_is_still_to_do_has_its_line():
    exercise = EXERCISES["bn_dx"]
    report = check(exercise, exercise.solution.replace("g_bias = g.sum(axis=0)", "raise NotImplementedError"))
    assert (report.outcome, report.line) == ("todo", 8)
