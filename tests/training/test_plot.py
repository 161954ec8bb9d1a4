"""Pictures: points lie where their axes say, bands hold all runs, and what cannot be drawn is left out."""

import re
import sys
import xml.etree.ElementTree as ET
from importlib.util import find_spec
from io import BytesIO

import numpy as np
import pytest

import minigrad as mg
from minigrad.training.panels import Line, Panel
from minigrad.training.plot import BAD, GOOD, Picture, confusion_matrix, image_grid, png
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


# ------------------------------------------------------------------------------------------------- images and matrices


needs_matplotlib = pytest.mark.skipif(find_spec("matplotlib") is None, reason="the extra plot is not installed")


def pixels(picture):
    """The picture as bytes of red, green and blue."""
    from matplotlib import image

    return np.round(image.imread(BytesIO(picture.png))[..., :3] * 255).astype(int)


def share(picture, colour):
    """Which share of a picture has a colour, to a few steps."""
    rgb = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return (np.abs(pixels(picture) - rgb).max(axis=-1) <= 3).mean()


def middles(picture, down, across):
    """The colours in the middle of each field of a grid without titles."""
    p = pixels(picture)
    return np.array(
        [[p[(2 * i + 1) * len(p) // (2 * down), (2 * j + 1) * p.shape[1] // (2 * across)] for j in range(across)] for i in range(down)]
    )


GRAY = np.array([0.0, 0.5, 1.0, 0.25])[:, None, None] * np.ones((8, 8))


@needs_matplotlib
@pytest.mark.parametrize(
    "images",
    [GRAY, 6 * GRAY[:, None] - 3, mg.tensor(GRAY[:, None], requires_grad=True), np.round(GRAY * 255).astype(np.uint8)],
    ids=["floats", "other bounds", "tensor", "uint8"],
)
def test_images_side_by_side(images):
    found = middles(image_grid(images), 2, 2)
    np.testing.assert_allclose(found, np.array([[0, 127.5], [255, 63.75]])[..., None] * np.ones(3), atol=1)


@needs_matplotlib
def test_images_in_colour_and_in_one_row():
    colours = np.eye(3)[:, :, None, None] * np.ones((8, 10))
    np.testing.assert_array_equal(middles(image_grid(colours, columns=3), 1, 3)[0], 255 * np.eye(3, dtype=int))
    assert middles(image_grid(colours, columns=9), 1, 3).shape == (1, 3, 3)
    dark = image_grid(np.full((1, 8, 8), 100, np.uint8))
    assert middles(dark, 1, 1)[0, 0].tolist() == [100, 100, 100]


@needs_matplotlib
def test_titles_say_what_was_right():
    images = np.zeros((2, 8, 8))
    assert share(image_grid(images, ["a", "b"]), GOOD) == share(image_grid(images, ["a", "b"]), BAD) == 0
    mixed = image_grid(images, ["$█", "█\x1b[31m"], right=np.array([True, False]))
    assert share(mixed, GOOD) > 0
    assert share(mixed, BAD) > 0


@needs_matplotlib
def test_a_matrix_is_green_where_it_is_right_and_orange_elsewhere():
    right, wrong = confusion_matrix(np.diag([30, 20, 10])), confusion_matrix(mg.tensor([[0, 5], [3, 0]]), ["a", "b"])
    assert share(right, GOOD) > 0.1
    assert share(right, BAD) == 0
    assert share(wrong, BAD) > 0.1
    assert share(wrong, GOOD) == 0
    empty = confusion_matrix(np.zeros((2, 2), int))
    assert share(empty, GOOD) == share(empty, BAD) == 0
    assert share(confusion_matrix(np.eye(40, dtype=int), [f"class {i}" for i in range(40)]), GOOD) > 0.01


@needs_matplotlib
def test_a_picture_shows_itself_and_is_saved(tmp_path):
    picture = image_grid(GRAY)
    assert isinstance(picture, Picture)
    assert picture._repr_png_() == picture.png == image_grid(GRAY).png
    height, width = pixels(picture).shape[:2]
    assert repr(picture) == f"Picture({width} x {height} pixels; save(path) writes it)"
    picture.save(tmp_path / "grid.png")
    assert (tmp_path / "grid.png").read_bytes() == picture.png


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: image_grid(np.ones((2, 3))), ValueError, r"image_grid: the images have shape \(2, 3\); expected \(N, H, W\)"),
        (lambda: image_grid(np.ones((2, 4, 3, 3))), ValueError, r"shape \(2, 4, 3, 3\)"),
        (lambda: image_grid(np.ones((0, 3, 3))), ValueError, r"there is no image in an array of shape \(0, 3, 3\)"),
        (lambda: image_grid(np.ones((2, 3, 3)), ["a"]), ValueError, "there are 2 images and 1 titles"),
        (lambda: image_grid(np.ones((2, 3, 3)), right=[True]), ValueError, "there are 2 images and 1 right"),
        (lambda: image_grid(np.ones((2, 3, 3)), columns=0), ValueError, "columns must be at least 1, not 0"),
        (lambda: image_grid(np.array([["a"]])), TypeError, "image_grid shows arrays of numbers, not <U1"),
        (lambda: confusion_matrix(np.ones((2, 3))), ValueError, r"confusion_matrix: expected counts of shape \(K, K\), .*\(2, 3\)"),
        (lambda: confusion_matrix(-np.eye(2)), ValueError, "expected counts"),
        (lambda: confusion_matrix(np.eye(2), ["a"]), ValueError, "there are 2 classes in the matrix and 1 names"),
    ],
)
def test_what_is_no_picture(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"need matplotlib: pip install matplotlib \(the extra plot\)"):
        image_grid(GRAY)
