"""What a value is called: by its own name, the path of a parameter, or the variable that the user's source assigns it to."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable
from functools import cache
from itertools import count
from types import CodeType, FrameType
from typing import Any, NamedTuple

from minigrad.core._source import place_of, variables
from minigrad.core.graph import Node
from minigrad.core.tensor import Tensor
from minigrad.nn.module import Module


class Part(NamedTuple):
    """A parameter or buffer: its path in the tree, what the outermost module is called, and the path of the module that has it."""

    name: str
    root: str
    module: str


class Naming:
    """Knows the modules that were called, and so the paths of their parts and parameters."""

    def __init__(self) -> None:
        self.roots: dict[int, tuple[Module, str]] = {}  #: id of an outermost module -> it, and what it is called
        self.described: dict[str, str] = {}  #: path of a module -> what it is, such as "Linear(64, 16)"
        self._paths: dict[int, str] = {}  # id of a module -> its path, beginning with the name of its root
        self._parts: dict[int, Part] = {}  # by the id of the array of a parameter or buffer

    def module(self, layers: list[Any], frame: FrameType) -> str | None:
        """Return the path of the innermost of the layers that are running; its first part is the variable of the outermost."""
        if not layers:
            return None
        root, inner = layers[0], layers[-1]
        if id(root) not in self.roots:
            self._add_root(root, frame)
        if id(inner) not in self._paths:  # a part that was put in, or one that is no part of the tree
            self._add_paths(root, self.roots[id(root)][1])
            self._paths.setdefault(id(inner), f"{self.roots[id(root)][1]}.{type(inner).__name__}")
        return self._paths[id(inner)]

    def of_leaf(self, array: Any, node: Node | None, frame: FrameType | None) -> str | None:
        """Return what a leaf or a constant is called: where it was named, in a module, or as a variable of a function that is running."""
        if id(array) not in self._parts:
            for root, root_name in self.roots.values():
                self._add_parts(root, root_name)
        if id(array) in self._parts:
            return self._parts[id(array)].name
        own = getattr(node, "label", None)
        if own:
            return str(own)
        name, tensor = _variable(frame, lambda value: isinstance(value, Tensor) and value.data is array)
        return getattr(tensor, "label", None) or name

    def part(self, array: Any) -> Part | None:
        """Return which parameter or buffer of a module an array is, None if it is none."""
        return self._parts.get(id(array))

    def _add_root(self, root: Module, frame: FrameType) -> None:
        taken = {name for _, name in self.roots.values()}
        base = _variable(frame, lambda value: value is root)[0] or type(root).__name__
        name = base
        for n in count(2):
            if name not in taken:
                break
            name = f"{base}#{n}"
        self.roots[id(root)] = root, name
        self._add_paths(root, name)
        self._add_parts(root, name)

    def _add_paths(self, root: Module, name: str) -> None:
        for path, module in root.named_modules():
            full = self._paths.setdefault(id(module), f"{name}.{path}" if path else name)
            self.described.setdefault(full, f"{type(module).__name__}({module.extra_repr()})")

    def _add_parts(self, root: Module, name: str) -> None:
        for path, tensor in [*root.named_parameters(), *root.named_buffers()]:
            owner = path.rpartition(".")[0]
            self._parts.setdefault(id(tensor.data), Part(path, name, f"{name}.{owner}" if owner else name))


def _variable(frame: FrameType | None, is_it: Callable[[Any], bool]) -> tuple[str | None, Any]:
    """Return the variable that holds something, and what it holds: of the innermost function that has one."""
    while frame is not None:
        for name, value in variables(frame).items():
            if name != "self" and not name.startswith("_") and is_it(value):
                return name, value
        frame = frame.f_back
    return None, None


_names: dict[tuple[CodeType, int], tuple[str, ...]] = {}


def assigned_names(frame: FrameType) -> tuple[str, ...]:
    """Return the names that what a frame evaluates is assigned to, if that is all that stands on the right of a ``=``."""
    key = frame.f_code, frame.f_lasti
    if key not in _names:
        place = place_of(frame)
        spans = _assignments("".join(linecache.getlines(place.file)))
        _names[key] = spans.get((place.line, place.end_line, place.end_column), {}).get(place.column, ())
    return _names[key]


@cache
def _assignments(text: str) -> dict[tuple[int, int, int], dict[int, tuple[str, ...]]]:
    """Return for each expression (line, end line, end column), by column, the names it is assigned to."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return {}
    lines = text.splitlines()
    found: dict[tuple[int, int, int], dict[int, tuple[str, ...]]] = {}

    def add(value: ast.AST, target: ast.expr) -> None:
        parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
        if isinstance(value, ast.Tuple) and len(value.elts) == len(parts) > 1:
            for one, part in zip(value.elts, parts, strict=True):
                add(one, part)
            return
        names = tuple(part.id for part in parts if isinstance(part, ast.Name))
        line, end_line = value.lineno, value.end_lineno or value.lineno  # type: ignore[attr-defined]
        column = _characters(lines[line - 1], value.col_offset)  # type: ignore[attr-defined]
        end_column = _characters(lines[end_line - 1], value.end_col_offset)  # type: ignore[attr-defined]
        found.setdefault((line, end_line, end_column), {})[column] = names

    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                add(node.value, target)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            add(node.value, node.target)
        elif isinstance(node, ast.AugAssign):
            add(node, node.target)  # the instruction of h += x covers all of it
    return found


def _characters(line: str, column: int) -> int:
    """Turn a column that counts bytes into one that counts characters."""
    return len(line.encode()[:column].decode(errors="replace"))
