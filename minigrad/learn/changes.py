"""One-place changes of a solution: what a criterion that looks at everything would notice."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from minigrad.learn.exercise import Exercise

ARITHMETIC: dict[type, list[type]] = {
    ast.Add: [ast.Sub, ast.Mult],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div, ast.Add],
    ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.MatMult: [ast.Mult],
}
_PAIRS = ((ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.In, ast.NotIn))
COMPARISONS: dict[type, type] = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}
NAMES = {"sum": "mean", "mean": "sum", "max": "min", "zeros": "ones", "add": "subtract"}


@dataclass(frozen=True)
class Change:
    """A changed solution. ``name`` is what an author lists it by: the expression before and after."""

    name: str
    text: str


def changes_of(exercise: Exercise) -> Iterator[Change]:
    """Yield every change of the parts that the learner writes; equal names are numbered."""
    tree, lines = ast.parse(exercise.solution), _lines_to_write(exercise)
    seen: dict[str, int] = {}
    for node in ast.walk(tree):
        if getattr(node, "lineno", 0) not in lines:
            continue
        texts = set()
        for field, new in list(_replacements(node)):
            before, old = _source(node), getattr(node, field)
            setattr(node, field, new)
            name, text = f"{before} -> {_source(node)}", ast.unparse(ast.fix_missing_locations(copy.deepcopy(tree)))
            setattr(node, field, old)
            if text in texts:  # 1.0 + 1 and 1.0 * 2
                continue
            texts.add(text)
            seen[name] = seen.get(name, 0) + 1
            yield Change(name if seen[name] == 1 else f"{name} ({seen[name]})", text)


def _source(node: ast.AST) -> str:
    return " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split())


def _lines_to_write(exercise: Exercise) -> set[int]:
    """The lines of the solution that stand between its markers."""
    lines, inside, number = set(), False, 0
    for line in exercise.region.splitlines():
        if line.strip() in ("### BEGIN SOLUTION", "### END SOLUTION"):
            inside = "BEGIN" in line
            continue
        number += 1
        if inside:
            lines.add(number)
    return lines


def _replacements(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """Yield the field of a node and what it may be changed to."""
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        yield from (("op", other()) for other in ARITHMETIC.get(type(node.op), []))
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        yield "ops", [COMPARISONS[type(node.ops[0])](), *node.ops[1:]]
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "value", not node.value
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield "value", node.value + 1
        if node.value:
            yield "value", node.value * 2 if isinstance(node.value, float) else node.value - 1
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield "attr", NAMES[node.attr]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "op", ast.UAdd()
