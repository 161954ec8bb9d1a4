"""The laws of a course: minigrad's own keeps them, and each law notices what breaks it."""

import io

import pytest
from rich.console import Console

from minigrad.learn import authoring, laws
from minigrad.learn.course import OWN, read
from minigrad.learn.pool import Pool


@pytest.mark.slow
def test_the_own_course_keeps_every_law():
    out = io.StringIO()
    assert laws.prove(read(OWN), [], False, Console(file=out, width=200)) == 0, out.getvalue()
    rule, _, everything = out.getvalue().rpartition("by rule: ")[2].split()[:3]
    assert int(rule) >= 0.95 * int(everything)


@pytest.fixture
def course(tmp_path):
    folder = tmp_path / "course"
    authoring.new_course(folder)
    return folder


def findings(folder):
    found = read(folder)
    exercises = [found.exercise(id) for id in found.order]
    with Pool(1) as pool:
        return [finding for law in laws.QUICK + laws.SLOW for finding in law(found, exercises, pool)]


def test_a_new_course_keeps_every_law(course):
    assert findings(course) == []


SOLUTION = "return g * 3 * x * x"
BREAKS = [
    (
        1,
        f"    ### BEGIN SOLUTION\n    {SOLUTION}\n",
        f"    {SOLUTION}\n    ### BEGIN SOLUTION\n    pass\n",
        "the starter should be todo and is passed",
    ),
    (2, SOLUTION, f"{SOLUTION} * 1.001", "the solution fails"),
    (3, '"3 * x * x"), fails', '"g * (3 * x * x)"), fails', "'no_g' should fail at 'gradient', and passed"),
    (3, 'expect="factor_power"', 'expect="sign"', "should be recognised as 'sign', and is as factor_power"),
    (4, "The formula has two factors;", "It is g * 3 * x * x;", "which is part of the answer"),
    (4, '"start"', '"begin"', "no hints for whoever does not know how to begin"),
    (5, SOLUTION, f"t = 5.0\n    {SOLUTION} * t / t", "a change of the solution passes, and is not listed as equivalent: 5.0 -> 6.0"),
    (6, "Write the backward formula", "A. B. C. D. E. F. Write the backward formula", "7 sentences"),
    (6, 'id="cube", chapter=1', 'id="cube", needs=("later",), chapter=1', "does not come before it"),
    (7, "import numpy as np", "import numpy as np\nfrom minigrad.learn.exercises import square", "stands alone"),
]


@pytest.mark.parametrize(("law", "old", "new", "says"), BREAKS)
def test_each_law_notices_what_breaks_it(course, law, old, new, says):
    path = course / "cube.py"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    assert any(f.law == law and says in f.text for f in findings(course)), findings(course)


def test_a_solution_that_takes_too_long_is_noticed(course, monkeypatch):
    monkeypatch.setattr(laws, "SECONDS", 0.0)
    assert [f.law for f in findings(course)] == [2]


def test_an_equivalent_that_is_none_is_noticed(course):
    path = course / "cube.py"
    path.write_text(path.read_text() + 'exercise.equivalent("why", "3 -> 4", "no such -> change")\n')
    texts = [f.text for f in findings(course)]
    assert "listed as equivalent, and it is noticed: 3 -> 4" in texts
    assert "listed as equivalent, and no change of the solution: no such -> change" in texts
