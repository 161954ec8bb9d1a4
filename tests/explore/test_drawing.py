"""The layout and the drawings: edges go down, nothing overlaps, nothing recurses, what a user wrote is only text."""

from __future__ import annotations

from itertools import pairwise
from time import process_time
from xml.etree import ElementTree

import pytest
from hypothesis import given, strategies as st
from support.traces import chain, cnn, reuse, transformer

import minigrad as mg
from minigrad.explore.layout import GAP, layered

SVG = "{http://www.w3.org/2000/svg}"


@st.composite
def graphs(draw):
    n = draw(st.integers(1, 25))
    edges = []
    for b in range(1, n):
        edges += [(a, b) for a in draw(st.lists(st.integers(0, b - 1), max_size=3))]
    return [(draw(st.integers(10, 200)), 40.0) for _ in range(n)], edges


@given(graphs())
def test_edges_go_down_and_nodes_do_not_overlap(graph):
    sizes, edges = graph
    layout = layered(sizes, edges)
    for (a, b), bends in zip(edges, layout.edges, strict=True):
        assert (bends[0], bends[-1]) == (layout.nodes[a], layout.nodes[b])
        ys = [y for _, y in bends]
        assert all(lower > upper for upper, lower in pairwise(ys))
    for a in range(len(sizes)):
        for b in range(a):
            (xa, ya), (xb, yb) = layout.nodes[a], layout.nodes[b]
            assert ya != yb or abs(xa - xb) >= (sizes[a][0] + sizes[b][0]) / 2 + GAP - 1e-6
    for (x, y), (width, height) in zip(layout.nodes, sizes, strict=True):
        assert x - width / 2 >= -1e-6
        assert x + width / 2 <= layout.width + 1e-6
        assert y - height / 2 >= 0
        assert y + height / 2 <= layout.height + 1e-6


def test_no_nodes():
    assert layered([], []) == ([], [], 0.0, 0.0)


def test_a_chain_of_10_000_nodes_does_not_recurse():
    start = process_time()
    layout = layered([(60.0, 40.0)] * 10_000, [(k, k + 1) for k in range(9_999)])
    assert process_time() - start < 5
    assert len({x for x, _ in layout.nodes}) == 1, "a chain is straight"


def parsed(trace) -> ElementTree.Element:
    return ElementTree.fromstring(trace.draw().svg)


@pytest.mark.parametrize("make", [reuse, lambda: cnn()[1], lambda: transformer()[1]])
def test_a_drawing_has_every_node_and_every_edge(make):
    with mg.record() as trace:
        make().backward()
    svg, nodes = parsed(trace), trace.document["nodes"]
    assert len(svg.findall(f"{SVG}g")) == len(nodes)
    assert len(svg.findall(f"{SVG}path")) == sum(bool(ref) and "node" in ref for node in nodes for ref in node["inputs"])


def test_names_are_text(tmp_path):
    hostile = '</text><script>alert(1)</script>" onload="alert(2)'
    x = mg.tensor([1.0], requires_grad=True, name=hostile)
    with mg.record(title=hostile) as trace:
        (x * 2).sum().backward()
    path = tmp_path / "graph.svg"
    trace.draw(path)
    svg = ElementTree.fromstring(path.read_text())
    assert {element.tag for element in svg.iter()} <= {f"{SVG}{tag}" for tag in ("svg", "title", "style", "path", "g", "rect", "text")}
    assert not [key for element in svg.iter() for key in element.attrib if key.startswith("on")]
    assert trace.to_dot().count('\\"') == 2


def test_a_drawing_of_too_many_nodes_is_refused_and_a_folder_that_is_none():
    with mg.record() as trace:
        chain(500).backward()
    with pytest.raises(ValueError, match="a drawing of 501 nodes could not be read"):
        trace.draw()
    with mg.record() as trace:
        reuse().backward()
    with pytest.raises(FileNotFoundError, match=r"^cannot write /nowhere/graph.svg: No such file or directory$"):
        trace.draw("/nowhere/graph.svg")


def test_dot_is_the_same_graph():
    with mg.record() as trace:
        reuse().backward()
    lines = trace.to_dot().splitlines()
    assert lines[0] == "digraph {"
    assert '  2 [label="h = multiply\\n(2, 3)", shape="box"];' in lines
    assert sum(" -> " in line for line in lines) == 8


def test_a_graph_shows_itself_without_a_record():
    x = mg.tensor([1.0, 2.0], requires_grad=True, name="x")
    svg = ElementTree.fromstring((x.exp() * x).sum().node._repr_svg_())
    assert [text.text for text in svg.iter(f"{SVG}text") if text.get("class") is None] == ["x", "exp", "multiply", "sum"]
    assert [text.text for text in svg.iter(f"{SVG}text") if text.get("class") == "fact"] == ["(2,)", "(2,)", "(2,)", "()"]
