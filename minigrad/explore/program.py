"""A trace as a program: each op a line, and beside it what its formulas send backward. The backward pass reads from bottom to top."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from minigrad.explore.wording import in_brief, in_short, labels, reference, rule_for, shape

WIDTH = 60  #: characters of a column
MOST = 200  #: lines of a program that are written; of a longer one the beginning and the end


def as_program(document: dict[str, Any]) -> str:
    """Write a trace as text."""
    names = labels(document)
    sent = defaultdict(list)
    for step in document["backward"]:
        sent[step["node"]].append(step)
    rows = [row for node in document["nodes"] for row in _rows(node, document, names, sent[node["id"]])]
    if len(rows) > MOST:
        left_out = len(rows) - MOST
        rows = [*rows[: MOST // 2], (f"... {left_out} lines left out ...", "", "", ""), *rows[-MOST // 2 :]]
    head = ("forward, downward", "", "", "backward, upward" if document["backward"] else "")
    return "\n".join([_title(document, names), "", *_table([head, *rows])])


def _title(document: dict[str, Any], names: list[str]) -> str:
    ops = sum(node["kind"] == "op" for node in document["nodes"])
    title = f"{document['meta']['title']}: " if document["meta"]["title"] else ""
    output = document["meta"]["output"]
    value = document["nodes"][output["node"]]["values"][output["output"]] if output else None
    result = f"{names[output['node']]} = {in_brief(value)}, " if output and value else ""
    passes = {0: "no backward pass", 1: "one backward pass"}.get(n := len(document["passes"]), f"{n} backward passes")
    return f"{title}{result}{ops} ops, {passes}"


def _rows(node: dict[str, Any], document: dict[str, Any], names: list[str], sent: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    value = next((v for v in node["values"] if v), None)
    facts = f"{shape(value)} {in_brief(value)}" if value else ""
    if node["kind"] != "op":
        grads = [f"{_tick(names[node['id']], g['pass'])} = {in_brief(g['value'])}" for g in node["grads"]]
        kind = "" if node["kind"] == "leaf" else "  (constant)"
        return [(f"{names[node['id']]}{kind}", facts, "", grads[0] if grads else ""), *[("", "", "", g) for g in grads[1:]]]
    op = document["ops"][node["op"]]
    inputs = [reference(ref, document, names) for ref in node["inputs"]]
    inputs += [f"{name}={value}" for name, value in node["params"].items() if f"{name}={value}" not in op["signature"]]
    place = f"{node['source']['file']}:{node['source']['line']}" if node["source"] else ""
    lines: list[str] = []
    for k, step in enumerate(sent):
        rule = rule_for(op, step["slot"])
        shared = k > 0 and len(rule["inputs"]) > 1 and rule is rule_for(op, sent[k - 1]["slot"]) if rule else False
        lines.append(_contribution(step, document, names, "the same" if shared else in_short(rule)))
    first = (f"{names[node['id']]} = {op['name']}({', '.join(inputs)})", facts, place, lines[0] if lines else "")
    return [first, *[("", "", "", line) for line in lines[1:]]]


def _contribution(step: dict[str, Any], document: dict[str, Any], names: list[str], rule: str) -> str:
    return f"{_tick(reference(step['to'], document, names), step['pass'])} += {_cut(rule)}  : {in_brief(step['add'])}"


def _tick(name: str, number: int) -> str:
    """Write a gradient: of the first pass d name, of the second d2 name."""
    return f"d {name}" if number == 1 else f"d{number} {name}"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    rows = [(*map(_cut, row[:3]), row[3]) for row in rows]
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    return ["  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]).rstrip() for row in rows]


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
