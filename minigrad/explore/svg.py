"""A trace as a drawing: one SVG, readable in light and in dark, without any other program."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

from minigrad.explore.files import write_text
from minigrad.explore.layout import layered
from minigrad.explore.wording import in_brief, labels, shape

MOST = 400  #: nodes that are drawn; a larger graph is for the explorer
HEIGHT, MARGIN, LETTER = 40.0, 16.0, 7.3

STYLE = """\
.mg{--ink:#1b1f24;--soft:#5b6570;--line:#9aa3ad;--card:#f4f6f8;--leaf:#dcebfa;--const:#ffffff;--back:#b3400c;font:12px system-ui,sans-serif}
@media(prefers-color-scheme:dark){.mg{--ink:#e8eaed;--soft:#aab2bb;--line:#6b7580;--card:#20252b;--leaf:#173450;--const:#15181d;--back:#ff9a5c}}
.mg rect{fill:var(--card);stroke:var(--line)}.mg .leaf rect{fill:var(--leaf)}.mg .const rect{fill:var(--const);stroke-dasharray:4 3}
.mg .made rect{stroke:var(--back)}.mg text{fill:var(--ink);text-anchor:middle}.mg .fact{fill:var(--soft);font-size:10px}
.mg path{fill:none;stroke:var(--line);stroke-width:1.3}.mg .cut{stroke-dasharray:4 3}"""


class Drawing:
    """A drawing, which a notebook shows and `save` writes."""

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def __str__(self) -> str:
        return self.svg

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | Path) -> Path:
        """Write the drawing to a file, such as ``"graph.svg"``."""
        return write_text(path, self.svg)


def draw(document: dict[str, Any]) -> Drawing:
    """Draw a trace: values downward in the order in which they were computed.

    Leaves are tinted, constants dashed; nodes that a backward pass made have an outline of another colour.

    Raises
    ------
    ValueError
        If there are too many nodes for a drawing that could be read.
    """
    nodes = document["nodes"]
    if len(nodes) > MOST:
        raise ValueError(f"a drawing of {len(nodes)} nodes could not be read (at most {MOST}): explore it, with trace.explore('out.html')")
    names = labels(document)
    lines = [_lines(node, name, document) for node, name in zip(nodes, names, strict=True)]
    sizes = [(max(64.0, LETTER * max(map(len, pair)) + 20), HEIGHT) for pair in lines]
    edges = [(ref["node"], node["id"]) for node in nodes for ref in node["inputs"] if ref and "node" in ref]
    layout = layered(sizes, edges)
    ports = _ports(edges, layout.edges)
    width, height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    title = escape(document["meta"]["title"] or "graph of the computation")
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="mg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" style="max-width:100%;height:auto" role="img" aria-label="{title}">'
        f"<title>{title}</title><style>{STYLE}</style>"
    )
    boxes = (_box(node, pair, spot, size[0]) for node, pair, spot, size in zip(nodes, lines, layout.nodes, sizes, strict=True))
    return Drawing("".join([head, *_edges(document, edges, ports, layout.edges), *boxes, "</svg>\n"]))


def _lines(node: dict[str, Any], name: str, document: dict[str, Any]) -> tuple[str, str]:
    """Return what stands in the box of a node: what it is, and its shape or number."""
    op = document["ops"][node["op"]]["name"] if node["op"] else ""
    constants = [str(ref["constant"]) for ref in node["inputs"] if ref and "constant" in ref]
    title = f"{op}({', '.join(constants)})" if constants else op
    heading = f"{node['name']} = {title}" if op and node["name"] else title or name
    value = next((v for v in node["values"] if v), None)
    if value is None:
        return _cut(heading), str(tuple(node["shapes"][0])) if node.get("shapes") else ""
    return _cut(heading), in_brief(value) if not value["shape"] else shape(value)


def _cut(text: str) -> str:
    return text if len(text) <= 36 else text[:33] + "..."


def _ports(edges: list[tuple[int, int]], chains: list[list[tuple[float, float]]]) -> list[float]:
    """Return how far from the middle of a node's upper side each edge ends: side by side, in the order in which they come."""
    coming = defaultdict(list)
    for k, (_, end) in enumerate(edges):
        coming[end].append(k)
    ports = [0.0] * len(edges)
    for ends in coming.values():
        ends.sort(key=lambda k: chains[k][-2][0])
        for place, k in enumerate(ends):
            ports[k] = (place - (len(ends) - 1) / 2) * min(14.0, 40.0 / len(ends))
    return ports


def _edges(
    document: dict[str, Any], edges: list[tuple[int, int]], ports: list[float], chains: list[list[tuple[float, float]]]
) -> Iterable[str]:
    carrying = {(step["to"]["node"], step["node"]) for step in document["backward"]}
    for edge, port, chain in zip(edges, ports, chains, strict=True):
        points = [(x + MARGIN, y + MARGIN) for x, y in chain]
        points[0] = points[0][0], points[0][1] + HEIGHT / 2
        points[-1] = points[-1][0] + port, points[-1][1] - HEIGHT / 2
        path = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
        for (x0, y0), (x1, y1) in pairwise(points):
            middle = (y0 + y1) / 2
            path += f"C{x0:.0f} {middle:.0f} {x1:.0f} {middle:.0f} {x1:.0f} {y1:.0f}"
        cut = "" if not document["backward"] or edge in carrying else ' class="cut"'
        yield f'<path{cut} d="{path}"/>'


def _box(node: dict[str, Any], lines: tuple[str, str], spot: tuple[float, float], width: float) -> str:
    x, y = spot[0] + MARGIN, spot[1] + MARGIN
    kind = node["kind"] + (" made" if node["pass"] else "")
    hover = [node["module"] or "", f"{node['source']['file']}:{node['source']['line']}  {node['source']['code']}" if node["source"] else ""]
    hover += [f"gradient{'' if g['pass'] == 1 else ' of pass ' + str(g['pass'])}: {in_brief(g['value'])}" for g in node["grads"]]
    title = "\n".join(line for line in hover if line)
    radius = 6 if node["kind"] == "op" else HEIGHT / 2
    box = f'x="{x - width / 2:.0f}" y="{y - HEIGHT / 2:.0f}" width="{width:.0f}" height="{HEIGHT:.0f}" rx="{radius:.0f}"'
    texts = f'<text x="{x:.0f}" y="{y - 3:.0f}">{escape(lines[0])}</text>'
    texts += f'<text class="fact" x="{x:.0f}" y="{y + 12:.0f}">{escape(lines[1])}</text>'
    return f'<g class="{kind}"><title>{escape(title)}</title><rect {box}/>{texts}</g>'
