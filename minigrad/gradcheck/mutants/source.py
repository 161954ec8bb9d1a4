"""The source of a formula: found again in its file as a syntax tree, and compiled with one expression changed."""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

Definition = ast.Lambda | ast.FunctionDef


class Source:
    """The syntax tree of a function and of the private functions of its file that it calls.

    Parameters
    ----------
    function
        Written in Python, in a file that is at hand.
    names
        What changed functions may call besides what they see in their file.

    Raises
    ------
    LookupError
        If the source cannot be found.
    """

    def __init__(self, function: Callable[..., Any], names: dict[str, Any]) -> None:
        if not isinstance(function, FunctionType):
            raise LookupError("not a Python function")
        self.function, self.names = function, names
        self.definition = definition_of(function)
        self.helpers: dict[str, tuple[FunctionType, ast.FunctionDef]] = {}
        self._collect(function)

    def _collect(self, function: FunctionType) -> None:
        for name in sorted(_names(function.__code__)):
            value = function.__globals__.get(name)
            if not isinstance(value, FunctionType) or value.__module__ != self.function.__module__ or name in self.helpers:
                continue
            found = definition_of(value)
            if isinstance(found, ast.FunctionDef):
                self.helpers[name] = (value, found)
                self._collect(value)

    def targets(self) -> Iterator[tuple[str, Definition]]:
        """Yield what may be changed: the formula under the empty name, and its helpers."""
        yield "", self.definition
        for name, (_, definition) in self.helpers.items():
            yield name, definition

    def compiled(self, name: str, definition: Definition, parent: ast.AST, field: str, position: int | None, new: ast.expr) -> Any:
        """Return the formula with one expression of ``definition`` replaced; the tree is as before afterwards."""
        holder = getattr(parent, field)
        old = holder if position is None else holder[position]
        try:
            put(parent, field, position, new)
            code = _compile(definition)
        finally:
            put(parent, field, position, old)
        namespace = dict(self.function.__globals__)
        namespace.update(inspect.getclosurevars(self.function).nonlocals)
        namespace.update(self.names)
        for helper, (function, _) in self.helpers.items():
            namespace[helper] = _rebound(function, namespace)
        if name:
            exec(code, namespace)
            namespace[name] = namespace.pop("__mutant__")
            return _rebound(self.function, namespace) if not self.function.__closure__ else self._again(namespace)
        exec(code, namespace)
        return namespace["__mutant__"]

    def _again(self, namespace: dict[str, Any]) -> Any:
        exec(_compile(self.definition), namespace)
        return namespace["__mutant__"]


def put(parent: ast.AST, field: str, position: int | None, value: Any) -> None:
    """Put a node into a place of a syntax tree: a field of its parent, or a position in that field."""
    if position is None:
        setattr(parent, field, value)
    else:
        getattr(parent, field)[position] = value


@cache
def _definitions(path: str) -> list[tuple[int, Definition]]:
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    return [(n.lineno, n) for n in ast.walk(tree) if isinstance(n, (ast.Lambda, ast.FunctionDef))]


def definition_of(function: Callable[..., Any]) -> Definition:
    """Find the definition of a function in its file.

    Raises
    ------
    LookupError
        If there is no file, or none of its functions on that line compiles to the same code.
    """
    code = getattr(function, "__code__", None)
    if code is None:
        raise LookupError("not a Python function")
    try:
        definitions = _definitions(code.co_filename)
    except (OSError, SyntaxError) as error:
        raise LookupError(f"the source of {function} is not at hand") from error
    for line, definition in definitions:
        if isinstance(definition, ast.FunctionDef):
            first = min([d.lineno for d in definition.decorator_list], default=line)
            if first == code.co_firstlineno and definition.name == code.co_name:
                return definition
        elif line == code.co_firstlineno and code.co_name == "<lambda>" and _is_body(definition, code):
            return definition
    raise LookupError(f"the source of {function} is not in {code.co_filename}")


def _is_body(definition: ast.Lambda, code: CodeType) -> bool:
    """Tell whether ``code`` stems from this lambda: an instruction covers exactly its body."""
    body = definition.body
    return (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset) in set(code.co_positions())


def _names(code: CodeType) -> set[str]:
    inner = [_names(c) for c in code.co_consts if isinstance(c, CodeType)]
    return set(code.co_names).union(*inner)


def _compile(definition: Definition) -> CodeType:
    """Compile a definition under the name ``__mutant__``, without its decorators."""
    if isinstance(definition, ast.Lambda):
        statement: ast.stmt = ast.Assign([ast.Name("__mutant__", ast.Store())], definition)
    else:
        statement = copy.copy(definition)
        statement.name, statement.decorator_list, statement.returns = "__mutant__", [], None
    module = ast.fix_missing_locations(ast.Module([statement], []))
    code: CodeType = compile(module, "<mutant>", "exec", annotations.compiler_flag, dont_inherit=True)
    return code


def _rebound(function: FunctionType, namespace: dict[str, Any]) -> FunctionType:
    new = FunctionType(function.__code__, namespace, function.__name__, function.__defaults__, function.__closure__)
    new.__kwdefaults__ = function.__kwdefaults__
    return new
