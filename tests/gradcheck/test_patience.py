"""A check that takes long says how far it is, and what would be quicker; others say nothing."""

import io
import re
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad.gradcheck.numerics import patience

X = np.random.default_rng(0).standard_normal((4, 5))


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("method", ["complex", "differences"])
def test_a_long_check_tells_once_where_it_is_no_terminal(monkeypatch, capsys, method):
    monkeypatch.setattr(patience, "PATIENT", 0.0)
    assert mg.gradcheck(lambda x: x * x, [X], method=method).ok
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert re.fullmatch(r"gradcheck: element 1 of 20, about \d+ s left; directions=8 takes about \d+ s", lines[0])


def test_on_a_terminal_each_line_takes_the_place_of_the_last_and_none_stays(monkeypatch):
    monkeypatch.setattr(patience, "PATIENT", 0.0)
    monkeypatch.setattr(patience, "PAUSE", 0.0)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert mg.gradcheck(lambda x: x * x, [X], method="differences").ok
    said = sys.stderr.getvalue()
    assert said.count("gradcheck: element") == 19
    assert "\n" not in said
    assert said.endswith("\r\x1b[K")


@pytest.mark.parametrize("directions", [None, 3])
def test_a_short_check_and_one_along_directions_say_nothing(monkeypatch, capsys, directions):
    monkeypatch.setattr(patience, "PATIENT", 0.0 if directions else 5.0)
    assert mg.gradcheck(lambda x: x * x, [X], directions=directions).ok
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("seconds", "words"), [(3.2, "3 s"), (99.0, "99 s"), (600.0, "10 min"), (36000.0, "10 h")])
def test_durations(seconds, words):
    assert patience._duration(seconds) == words
