"""Expressions of derivations as formulas, in MathML, which browsers show by themselves."""

from __future__ import annotations

import ast
from html import escape

#: operator -> its sign and how strongly it binds; a division is a fraction, a power stands above
SIGNS = {ast.Add: ("+", 1), ast.Sub: ("&minus;", 1), ast.Mult: ("&middot;", 2), ast.MatMult: ("", 2)}
STRONGEST = 9
MEANS = {"mean", "mean_of"}


def mathml(expression: str) -> str:
    """Return an expression as one MathML element.

    ``t.mean(axis=0)`` becomes t in angle brackets, ``.sum`` a sum, ``d(lambda t: f(t), x)`` the derivative of f(x) with respect to x.
    """
    return f"<math>{_of(ast.parse(expression, mode='eval').body, {})[0]}</math>"


def _of(node: ast.expr, names: dict[str, str]) -> tuple[str, int]:
    """Return an element, and how strongly it holds together; ``names`` are variables that stand for others."""
    if isinstance(node, ast.BinOp):
        return _binary(node, names)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return f"<mrow><mo>&minus;</mo>{_bound(node.operand, names, 2)}</mrow>", 1
    if isinstance(node, ast.Name):
        return f"<mi>{escape(names.get(node.id, node.id))}</mi>", STRONGEST
    if isinstance(node, ast.Constant) and not isinstance(node.value, str):
        return f"<mn>{escape(f'{node.value:g}' if isinstance(node.value, float) else repr(node.value))}</mn>", STRONGEST
    if isinstance(node, ast.Call):
        return _call(node, names), STRONGEST
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return f"<msup>{_bound(node.value, names, STRONGEST)}<mi>T</mi></msup>", STRONGEST
    return f"<mtext>{escape(ast.unparse(node))}</mtext>", STRONGEST


def _bound(node: ast.expr, names: dict[str, str], least: int) -> str:
    """Return an element, in brackets if it holds together less strongly than ``least``."""
    text, strength = _of(node, names)
    return text if strength >= least else f"<mrow><mo>(</mo>{text}<mo>)</mo></mrow>"


def _binary(node: ast.BinOp, names: dict[str, str]) -> tuple[str, int]:
    if isinstance(node.op, ast.Div):
        return f"<mfrac>{_of(node.left, names)[0]}{_of(node.right, names)[0]}</mfrac>", STRONGEST
    if isinstance(node.op, ast.Pow):
        return f"<msup>{_bound(node.left, names, STRONGEST)}{_of(node.right, names)[0]}</msup>", STRONGEST - 1
    if type(node.op) not in SIGNS:
        return f"<mtext>{escape(ast.unparse(node))}</mtext>", STRONGEST
    sign, strength = SIGNS[type(node.op)]
    right = _bound(node.right, names, strength + isinstance(node.op, ast.Sub) + isinstance(node.op, (ast.Mult, ast.MatMult)))
    return f"<mrow>{_bound(node.left, names, strength)}<mo>{sign}</mo>{right}</mrow>", strength


def _call(node: ast.Call, names: dict[str, str]) -> str:
    function, args = node.func, node.args
    name = function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    of_array = isinstance(function, ast.Attribute) and getattr(function.value, "id", "") not in ("np", "mg", "rng")
    if name == "d" and len(args) == 2 and isinstance(args[0], ast.Lambda):
        by, inner = args[1], args[0].args.args[0].arg
        if isinstance(by, ast.Name):
            f = _bound(args[0].body, {**names, inner: by.id}, 2)
            return f"<mrow><mfrac><mi>&part;</mi><mrow><mi>&part;</mi><mi>{escape(by.id)}</mi></mrow></mfrac>{f}</mrow>"
    if name in MEANS and (of_array or len(args) == 1):
        averaged = function.value if of_array and isinstance(function, ast.Attribute) else args[0]
        return f"<mrow><mo>&#x27E8;</mo>{_of(averaged, names)[0]}<mo>&#x27E9;</mo></mrow>"
    if name == "sum" and of_array and isinstance(function, ast.Attribute):
        return f"<mrow><mo>&sum;</mo>{_bound(function.value, names, 2)}</mrow>"
    if of_array or not name or any(isinstance(a, (ast.Lambda, ast.GeneratorExp, ast.Starred)) for a in args):
        return f"<mtext>{escape(ast.unparse(node))}</mtext>"
    inside = "<mo>,</mo>".join(_of(a, names)[0] for a in args)
    return f"<mrow><mi>{escape(name)}</mi><mo>(</mo>{inside}<mo>)</mo></mrow>"
