"""What nodes and numbers are called where a trace is shown as text."""

from __future__ import annotations

import ast
import math
from collections import Counter
from functools import cache
from typing import Any


def labels(document: dict[str, Any]) -> list[str]:
    """Return a name for each node that no other has: its own, or that of its op, with its number where it is needed."""
    often = Counter(node["name"] for node in document["nodes"])
    found = []
    for node in document["nodes"]:
        base = node["name"] or (document["ops"][node["op"]]["name"] if node["op"] else node["kind"])
        found.append(base if node["name"] and often[base] == 1 else f"{base}#{node['id']}")
    return found


def reference(ref: dict[str, Any] | None, document: dict[str, Any], names: list[str]) -> str:
    """Write an input: what the node is called, and which of its outputs is meant; a constant as it is."""
    if ref is None:
        return "None"
    if "constant" in ref:
        return str(ref["constant"])
    node = document["nodes"][ref["node"]]
    outputs: list[str] = document["ops"][node["op"]]["outputs"] if node["op"] else ["y"]
    name = names[ref["node"]]
    return f"{name}.{outputs[ref['output']]}" if len(outputs) > 1 and ref["output"] else name


def input_name(op: dict[str, Any], slot: int) -> str:
    """Name of the input at a position; of an op that takes any number of inputs, with the position."""
    return op["inputs"][slot] if slot < len(op["inputs"]) and not _variadic(op) else f"{op['inputs'][0]}[{slot}]"


def _variadic(op: dict[str, Any]) -> bool:
    return f"*{op['inputs'][0]}" in op["signature"] if op["inputs"] else False


def rule_for(op: dict[str, Any], slot: int) -> dict[str, Any] | None:
    """Return the rule that gives the gradient of the input at a position."""
    name = op["inputs"][0] if _variadic(op) else op["inputs"][slot]
    return next((rule for rule in op["rules"] if name in rule["inputs"]), None)


def in_short(rule: dict[str, Any] | None) -> str:
    """Write a rule on one line: what it returns, if that is all it does; otherwise its name and what it is computed from."""
    if rule is None:
        return ""
    found = _parsed(rule["code"] or "")
    if isinstance(found, ast.Expr) and isinstance(found.value, ast.Lambda):
        return ast.unparse(found.value.body)
    name = "a formula"
    if isinstance(found, ast.FunctionDef):
        (*before, last) = found.body
        if not before and isinstance(last, ast.Return) and last.value is not None:
            return ast.unparse(last.value)
        name = found.name if found.name.strip("_") else name
    return f"{name}({', '.join(need['name'] for need in rule['needs'] if need['kind'] != 'parameter')})"


@cache
def _parsed(code: str) -> ast.stmt | None:
    """Return the one statement of a rule's code, None if there is none."""
    try:
        return next(iter(ast.parse(code).body), None)
    except SyntaxError:
        return None


def floats(value: dict[str, Any]) -> list[float]:
    """Return the numbers that a trace kept of an array."""
    return [float(x) if not isinstance(x, str) or x in ("nan", "inf", "-inf") else math.nan for x in value["data"]]


def norm(value: dict[str, Any]) -> float:
    """Return the Euclidean norm of an array; of a large one as it was recorded."""
    if "stats" in value:
        return float(value["stats"].get("norm", math.nan))
    found = floats(value)
    scale = max((abs(x) for x in found), default=0.0)
    if not scale or not math.isfinite(scale):
        return scale
    return scale * math.sqrt(sum((x / scale) ** 2 for x in found))


def shape(value: dict[str, Any]) -> str:
    """Write a shape as Python does."""
    return str(tuple(value["shape"]))


def in_brief(value: dict[str, Any] | None, most: int = 4) -> str:
    """Write an array in a few characters: its numbers if they are few, else its norm."""
    if value is None:
        return "not recorded"
    if "sample" not in value and len(value["data"]) <= most:
        shown = ", ".join(number(x) for x in floats(value))
        return shown if len(value["data"]) == 1 else f"[{shown}]"
    return f"norm {number(norm(value))}"


def number(x: float) -> str:
    """Write a number with four digits."""
    return f"{x:.4g}"


def size(n: int) -> str:
    """Write a number of bytes."""
    return f"{n} B" if n < 10_000 else f"{n / 1e3:.1f} kB" if n < 1e7 else f"{n / 1e6:.1f} MB"
