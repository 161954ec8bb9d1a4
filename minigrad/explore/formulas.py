"""What a trace says of an op, once however often it is applied: its formula, its rules, and what they need."""

from __future__ import annotations

import ast
import inspect
import linecache
from collections.abc import Callable
from functools import cache
from textwrap import dedent
from types import CodeType
from typing import Any

from minigrad.core._signature import parameters_of
from minigrad.core.formula import Formula
from minigrad.core.op import Op
from minigrad.ops.families import is_elementwise


def describe_op(op: Op) -> dict[str, Any]:
    """Return an op as the trace's JSON has it."""
    rules = [_rule(op, f) for f in op.formulas if not set(f.inputs) <= op.zeros]
    return {
        "name": op.name,
        "module": op.__module__,
        "doc": inspect.cleandoc(op.__doc__ or "").partition("\n")[0],
        "signature": op.signature(),
        "inputs": list(op.inputs),
        "outputs": list(op.outputs),
        "elementwise": is_elementwise(op) or (op.broadcasts and not op.__module__.startswith("minigrad.")),
        "code": code_of(op.forward),
        "rules": rules,
        "reasons": dict(op.reasons),
    }


def _rule(op: Op, formula: Formula) -> dict[str, Any]:
    kinds = dict.fromkeys(op.inputs, "input") | {f"{name}_shape": "shape" for name in op.inputs} | dict.fromkeys(op.outputs, "output")
    kinds |= dict.fromkeys(op.params, "parameter") | {f"g_{name}": "cotangent" for name in op.outputs} | {"g": "cotangent"}
    for name in op.inputs:  # an input comes before an output of its name
        kinds[name] = "input"
    needs = [{"name": p.name, "kind": kinds[p.name]} for p in parameters_of(formula.function)]
    return {"inputs": list(formula.inputs), "code": code_of(formula.function), "needs": needs}


def code_of(function: Callable[..., Any]) -> str:
    """Return the text of a function without its docstring; of a lambda, just that. Empty if it is not at hand."""
    lines = linecache.getlines(function.__code__.co_filename, getattr(function, "__globals__", None))
    found = _definition(function.__code__, "".join(lines))
    if found is None:
        return ""
    if isinstance(found, ast.Lambda):
        return ast.get_source_segment("".join(lines), found) or ""
    start, body = found.lineno - 1, found.body
    if ast.get_docstring(found) is not None and len(body) > 1:
        kept = lines[start : body[0].lineno - 1] + lines[body[0].end_lineno or 0 : found.end_lineno]
    else:
        kept = lines[start : found.end_lineno]
    return dedent("".join(kept)).strip()


def _definition(code: CodeType, text: str) -> ast.FunctionDef | ast.Lambda | None:
    """Find what a code object was compiled from: of several lambdas on a line, the one that holds its last instruction."""
    last = max((line, column) for line, _, column, _ in code.co_positions() if line is not None and column is not None)
    fitting = []
    for node in _functions(text):
        if isinstance(node, ast.Lambda):
            start, end = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
            if node.lineno == code.co_firstlineno and start <= last < end:
                fitting.append(node)
        elif code.co_firstlineno in (node.lineno, *(d.lineno for d in node.decorator_list)) and node.name == code.co_name:
            return node
    return fitting[-1] if fitting else None


@cache
def _functions(text: str) -> list[ast.FunctionDef | ast.Lambda]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return []
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.Lambda))]
