"""How a tensor shows itself in a notebook: facts, and a heat map of its first values."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

import minigrad as mg


def shown(x: mg.Tensor) -> tuple[dict[str, str], ElementTree.Element | None]:
    """The facts and the heat map."""
    page = ElementTree.fromstring(x._repr_html_())
    facts, *heat = page.findall("table")
    return {row[0].text or "": row[1].text or "" for row in facts.findall("tr")}, heat[0] if heat else None


def test_facts_and_heat_of_a_leaf() -> None:
    x = mg.tensor([[1.0, -2.0], [0.0, 4.0]], requires_grad=True)
    x.sum().backward()
    facts, heat = shown(x)
    assert facts == {"shape": "(2, 2)", "dtype": "float32", "device": "cpu", "from": "leaf", "|grad|": "2", "min, mean, max": "-2, 0.75, 4"}
    assert heat is not None
    assert [cell.text for cell in heat.iter("td")] == ["1", "-2", "0", "4"]
    assert heat.find("caption") is None


def test_what_is_not_finite_is_counted_and_marked() -> None:
    facts, heat = shown(mg.tensor([1.0, np.inf, np.nan]))
    assert facts["not finite"] == "2"
    assert facts["min, mean, max"] == "1, 1, 1"
    assert heat is not None
    assert [cell.text for cell in heat.iter("td")] == ["1", "!", "!"]
    assert "min, mean, max" not in shown(mg.tensor([np.nan]))[0]


def test_only_the_first_values_of_many() -> None:
    _, heat = shown(mg.zeros((100, 100)))
    assert heat is not None
    caption = heat.find("caption")
    assert caption is not None
    rows = len(heat.findall("tr"))
    assert caption.text == f"the first {rows} x {rows} values"


@pytest.mark.parametrize("x", [mg.zeros((0, 3)), mg.tensor([True, False])], ids=["empty", "bool"])
def test_what_has_no_heat(x: mg.Tensor) -> None:
    facts, heat = shown(x)
    assert heat is None
    assert "min, mean, max" not in facts


def test_a_scalar_and_a_result() -> None:
    facts, heat = shown(mg.tensor(2.0, requires_grad=True) * 2)
    assert facts["from"] == "multiply"
    assert heat is not None
    assert [cell.text for cell in heat.iter("td")] == ["4"]
