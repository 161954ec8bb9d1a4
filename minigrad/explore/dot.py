"""A trace in the DOT language of graphviz, as text."""

from __future__ import annotations

from typing import Any

from minigrad.explore.wording import labels, shape

SHAPES = {"leaf": "ellipse", "const": "ellipse", "op": "box"}


def as_dot(document: dict[str, Any]) -> str:
    """Return the graph as text for graphviz: boxes for ops, ellipses for leaves, dashed ones for constants."""
    lines = ["digraph {"]
    for node, name in zip(document["nodes"], labels(document), strict=True):
        value = next((v for v in node["values"] if v), None)
        op = document["ops"][node["op"]]["name"] if node["op"] else ""
        text = (f"{node['name']} = {op}" if node["name"] else op) if op else name
        label = f"{text}\n{shape(value)}" if value else text
        style = ', style="dashed"' if node["kind"] == "const" else ""
        lines.append(f'  {node["id"]} [label={_quoted(label)}, shape="{SHAPES[node["kind"]]}"{style}];')
    for node in document["nodes"]:
        lines += [f"  {ref['node']} -> {node['id']};" for ref in node["inputs"] if ref and "node" in ref]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
