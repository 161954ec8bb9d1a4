"""How modules show themselves in a notebook."""

from xml.etree import ElementTree

import pytest

from minigrad import nn


def test_a_module_shows_itself_as_a_tree():
    html = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU())._repr_html_()
    ElementTree.fromstring(html)
    for text in ("0: <b>Linear</b>", "weight", "(4, 3)", "running_mean", "a buffer", "24 learned"):
        assert text in html


def test_treescope_shows_a_module_as_a_tree():
    treescope = pytest.importorskip("treescope")
    text = treescope.render_to_text(nn.Sequential(nn.Linear(3, 4), nn.ReLU()))
    assert "Sequential(" in text
    assert "Linear(" in text
    assert "weight=" in text
