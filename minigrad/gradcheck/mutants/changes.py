"""Mutants: a backward formula with one thing changed in its source, to see whether the suite would notice.

The syntax tree of a formula (`minigrad.gradcheck.mutants.source`) is changed in one place, and the result is compiled in the namespace
of the formula. The private functions that a formula calls in its own file are changed too. What is changed is what people
get wrong: an operator, an operand left out, a constant, a sum for a mean, an axis, a transposition, one name for another.
Statements that only check arguments and raise are left alone.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from minigrad.core.op import Op
from minigrad.gradcheck.mutants.source import Definition, Source, put

ARITHMETIC: tuple[type[ast.operator], ...] = (ast.Add, ast.Sub, ast.Mult, ast.Div)
REDUCTIONS = {"sum": "mean", "mean": "sum"}
TRANSPOSITIONS = ("swapaxes", "transpose", "permute_dims", "matrix_transpose", "moveaxis")
LONGEST = 240  #: characters of the description of a change that shows what is around it
RIVALS = 3  #: names tried in the place of another: the first ones and the last ones of those there are


@dataclass(frozen=True)
class Mutant:
    """A changed formula. ``change`` says what was changed, ``where`` in which function and line; ``old`` and ``new`` are expressions."""

    change: str
    where: str
    function: Callable[..., Any]
    place: tuple[Any, ...] = ()  #: where in the syntax tree, for those made there
    old: ast.expr | None = None
    new: ast.expr | None = None
    check: str = "value"  #: which check must notice it: "value", "backward" or "second order"

    @property
    def shared(self) -> bool:
        """Whether the changed place is in a function that the formula calls, and not in the formula."""
        return bool(self.place and self.place[1])

    def tripwire(self) -> Callable[..., Any]:
        """Return the formula with an exception in the changed place, to see whether that is ever run."""
        return self._with("__reached__()")

    def shape_only(self) -> Callable[..., Any]:
        """Return the right formula, but for the changed name, of which only shape and dtype can be used."""
        assert isinstance(self.old, ast.Name)
        return self._with(f"__shape_only__({self.old.id})")

    def _with(self, expression: str) -> Callable[..., Any]:
        source, *place = self.place
        return source.compiled(*place, ast.parse(expression, mode="eval").body)  # type: ignore[no-any-return]


class Reached(Exception):
    """Raised by a tripwire."""


def mutants_of(op: Op, index: int) -> Iterator[Mutant]:
    """Yield the mutants of formula number ``index`` of an op; none if its source is not at hand."""
    function = op.formulas[index].function
    try:
        source = Source(function, NAMES)
    except LookupError:
        return
    for name, definition in source.targets():
        for parent, field, position, old in list(_places(definition)):
            for new in _replacements(old, parent, definition):
                place = (source, name, definition, parent, field, position)
                where = f"{name or 'formula'}, line {old.lineno}"
                yield Mutant(_change(parent, field, position, old, new), where, source.compiled(*place[1:], new), place, old, new)


def _places(definition: Definition) -> Iterator[tuple[ast.AST, str, int | None, ast.expr]]:
    """Yield every expression of the body that may be changed, with the place that holds it."""
    body = [definition.body] if isinstance(definition, ast.Lambda) else definition.body
    stack: list[tuple[ast.AST, str, int | None, ast.AST]] = []
    if isinstance(definition, ast.Lambda):
        stack.append((definition, "body", None, body[0]))
    else:
        stack += [(definition, "body", i, statement) for i, statement in enumerate(body)]
    while stack:
        parent, field, position, node = stack.pop()
        if isinstance(node, (ast.Raise, ast.Assert, ast.JoinedStr)) or _only_raises(node):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        if isinstance(node, ast.expr):
            yield parent, field, position, node
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list") or isinstance(value, ast.arguments):
                continue
            if isinstance(value, list):
                stack += [(node, name, i, v) for i, v in enumerate(value) if isinstance(v, ast.AST)]
            elif isinstance(value, ast.AST):
                stack.append((node, name, None, value))


def _only_raises(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and not node.orelse and all(isinstance(s, ast.Raise) for s in node.body)


def _replacements(old: ast.expr, parent: ast.AST, definition: Definition) -> Iterator[ast.expr]:
    """Yield what an expression may be replaced with."""
    if isinstance(old, ast.BinOp):
        if isinstance(old.op, ARITHMETIC):
            yield from (ast.BinOp(old.left, other(), old.right) for other in ARITHMETIC if not isinstance(old.op, other))
        if isinstance(old.op, ast.MatMult):
            yield ast.BinOp(old.right, ast.MatMult(), old.left)
        if isinstance(old.op, (*ARITHMETIC, ast.MatMult, ast.Pow)):
            yield old.left
        if isinstance(old.op, (*ARITHMETIC, ast.MatMult)):
            yield old.right
    elif isinstance(old, ast.UnaryOp) and isinstance(old.op, ast.USub) and not isinstance(old.operand, ast.Constant):
        yield old.operand
    elif isinstance(old, ast.Constant) and type(old.value) in (int, float):
        number: Any = old.value
        if number != 0.0 or isinstance(number, int):
            near = (number + 1, number - 1) if isinstance(number, int) else (number * 2, number / 2)
            yield from (ast.Constant(value) for value in near)
    elif isinstance(old, ast.Attribute):
        if old.attr in REDUCTIONS and isinstance(parent, ast.Call):
            yield ast.Attribute(old.value, REDUCTIONS[old.attr], ast.Load())
        if old.attr in ("T", "mT"):
            yield old.value
    elif isinstance(old, ast.Call):
        yield from _changed_calls(old)
    elif isinstance(old, ast.Name) and isinstance(old.ctx, ast.Load):
        if old.id in REDUCTIONS and isinstance(parent, ast.Call) and parent.func is old:
            yield ast.Name(REDUCTIONS[old.id], ast.Load())
        yield from (ast.Name(name, ast.Load()) for name in _rivals(old, definition))


def _changed_calls(old: ast.Call) -> Iterator[ast.expr]:
    called = old.func.attr if isinstance(old.func, ast.Attribute) else old.func.id if isinstance(old.func, ast.Name) else ""
    if called in TRANSPOSITIONS:
        yield old.func.value if isinstance(old.func, ast.Attribute) else old.args[0]
    for i, keyword in enumerate(old.keywords):
        if keyword.arg == "axis" and not isinstance(keyword.value, ast.Constant):
            other = ast.Call(ast.Name("__shifted__", ast.Load()), [keyword.value], [])
            yield ast.Call(old.func, old.args, [*old.keywords[:i], ast.keyword("axis", other), *old.keywords[i + 1 :]])


def _rivals(old: ast.Name, definition: Definition) -> list[str]:
    """Return the names that could be confused with one: parameters and earlier variables of the same sort."""
    arguments = definition.args
    mine = [a.arg for a in (*arguments.args, *arguments.kwonlyargs)]
    if isinstance(definition, ast.FunctionDef):
        stored = [n for n in ast.walk(definition) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        mine += [n.id for n in stored if n.lineno < old.lineno and n.id != "_"]
    if old.id not in mine or old.id == "xp":
        return []
    parameters = {a.arg for a in arguments.kwonlyargs}

    def sort(name: str) -> tuple[bool, bool]:
        return name in parameters, name.endswith("_shape")

    rivals = [name for name in dict.fromkeys(mine) if name != old.id and sort(name) == sort(old.id) and name != "xp"]
    return rivals if len(rivals) <= 2 * RIVALS else rivals[:RIVALS] + rivals[-RIVALS:]


def shifted(axis: Any) -> Any:
    """Return the next axis: what a mutant takes for ``axis``."""
    if isinstance(axis, (tuple, list)):
        return tuple(a + 1 for a in axis)
    return axis if axis is None else axis + 1


class ShapeOnly:
    """Stands for an array whose values must not matter."""

    def __init__(self, array: Any) -> None:
        self.shape, self.dtype, self.ndim, self.size = array.shape, array.dtype, array.ndim, array.size

    def __len__(self) -> int:
        return int(self.shape[0])


def reached() -> Any:
    """Say by raising that the place of a mutation was run."""
    raise Reached


#: what a changed formula may call
NAMES = {"__shifted__": shifted, "__reached__": reached, "__shape_only__": ShapeOnly}


def _change(parent: ast.AST, field: str, position: int | None, old: ast.expr, new: ast.expr) -> str:
    """Say what is changed into what; a single name or number is shown with what stands around it."""
    around = isinstance(old, (ast.Name, ast.Constant, ast.Attribute)) and isinstance(parent, (ast.expr, ast.keyword))
    before = _text(parent if around else old)
    if around:
        put(parent, field, position, new)
    after = _text(parent if around else new)
    if around:
        put(parent, field, position, old)
    if len(before) + len(after) > LONGEST:
        before, after = _text(old), _text(new)
    return f"{before} -> {after}"


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split()).replace("__shifted__", "shifted")
