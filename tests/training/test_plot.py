"""Pictures: points lie where their axes say, bands hold all runs, and what cannot be drawn is left out."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from minigrad.training.panels import Line, Panel
from minigrad.training.plot import png
from minigrad.training.svg import log_ticks, svg

SVG = "{http://www.w3.org/2000/svg}"


def points(element):
    return np.array([[float(v) for v in p.split(",")] for p in element.get("points").split()])


def test_equal_factors_are_equal_ways_on_a_logarithmic_axis():
    panel = Panel("t", "batch size", "sd", {"a": Line([1, 10, 100], [[1e-3, 1e-2, 1e-1]])}, log_x=True, log_y=True)
    (line,) = ET.fromstring(svg([panel])).iter(f"{SVG}polyline")
    steps = np.diff(points(line), axis=0)
    assert steps[0] == pytest.approx(steps[1], abs=0.2)
    assert steps[0, 0] > 0 > steps[0, 1]


def test_a_band_reaches_from_the_least_to_the_greatest_run_and_the_line_is_the_median():
    runs = [[0.0, 1.0], [1.0, 4.0], [2.0, float("nan")]]
    line = Line([0, 1], runs)
    assert line.band() == ([0.0, 1.0], [0.0, 1.0], [1.0, 2.5], [2.0, 4.0])
    root = ET.fromstring(svg([Panel("t", "x", "y", {"a": line})]))
    assert len(list(root.iter(f"{SVG}polygon"))) == 1
    assert not list(ET.fromstring(svg([Panel("t", "x", "y", {"a": Line([0, 1], runs[:1])})])).iter(f"{SVG}polygon"))


def test_what_has_no_logarithm_or_no_number_is_left_out():
    panel = Panel("t", lines={"a": Line([0, 1, 2, 3], [[1.0, 0.0, float("inf"), 10.0]])}, log_x=True, log_y=True)
    (line,) = ET.fromstring(svg([panel])).iter(f"{SVG}polyline")
    assert len(points(line)) == 1
    assert "nan" not in svg([Panel("nothing")])


def test_names_are_text_and_a_limit_is_dashed():
    text = svg([Panel("a < b", "x & y", "y", {"<i>": Line([0, 1], [[0, 1]], marks=True)}, limit=5.0)])
    root = ET.fromstring(text)
    assert {t.text for t in root.iter(f"{SVG}text")} >= {"a < b", "x & y", "<i>", "5"}  # the axis reaches the limit
    assert len(re.findall("stroke-dasharray", text)) == 1
    assert len(list(root.iter(f"{SVG}circle"))) == 2


def test_a_line_needs_a_value_for_each_x():
    with pytest.raises(ValueError, match="each of the 2 x, and there is one of 3"):
        Line([0, 1], [[1, 2, 3]])
    with pytest.raises(ValueError, match="there is none"):
        Line([0, 1], [])


def test_ticks_are_powers_of_ten():
    assert log_ticks(0.5, 3000) == [0.1, 1, 10, 100, 1000, 10000]
    assert log_ticks(16, 512) == [10, 20, 50, 100, 200, 500, 1000]
    assert log_ticks(3, 40) == [2, 5, 10, 20, 50]
    assert log_ticks(1, 1) == [1, 2]
    assert len(log_ticks(1e-40, 1)) <= 8


def test_a_png_has_the_same_panels():
    pytest.importorskip("matplotlib")
    panel = Panel("t", "x", "y", {"a": Line([1, 2], [[1, 2], [2, 3]]), "b": Line([1, 2], [[1, 2]], marks=True)}, log_x=True, limit=2)
    assert png([panel, panel])[:8] == b"\x89PNG\r\n\x1a\n"


def test_rows_stand_below_one_another_with_their_names():
    lines = {"long name of a thing that was measured twice": Line([1], [[1.0], [3.0]]), f"b{' and more' * 9}": Line([2], [[2.0]])}
    root = ET.fromstring(svg([Panel("t", y="steps", lines=lines, rows=True, limit=2.5)], "on these data"))
    a, b = root.iter(f"{SVG}circle")
    assert a.get("cx") == b.get("cx")  # the median of 1 and 3 is 2
    assert float(a.get("cy")) < float(b.get("cy"))
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert "on these data" in texts
    assert "long name of a thing that was" in texts  # on two lines
    assert "measured twice" in texts
    assert any(t.endswith("…") for t in texts)
