"""The reference, made from the docstrings: ``.. public-names:: minigrad.optim`` describes all that a package lists in ``__all__``.

What a package offers is grouped by the file that it is written in, whose docstring opens the group. An op is shown with its formulas, and
with the shapes, types and errors that come when its samples and its bad inputs are called.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar

from calls import calls_of, errors_of
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, NumpyDocstring
from sphinx.util.docutils import SphinxDirective

from minigrad.core.op import Op
from minigrad.explanations.facts import rules
from minigrad.explore.formulas import code_of

CODE = re.compile(r"(``.+?``|`.+?`)", re.DOTALL)
#: what would be markup in reStructuredText where it stands in prose, but for the names of arguments: a product, an absolute value, clip_
MARKUP = re.compile(r"\||(?<!^)(?<!^\*)\*|^\*(?![\w*])|(?<=\w)_(?!\w)", re.MULTILINE)
NAPOLEON = Config(napoleon_use_rtype=False, napoleon_use_ivar=True)


class PublicNames(SphinxDirective):
    """Describe the public names of a package; ``without`` names packages whose names stand on another page."""

    required_arguments = 1
    option_spec: ClassVar = {"without": str.split}

    def run(self) -> list[nodes.Node]:
        """Describe them, a section for each file."""
        package = import_module(self.arguments[0])
        elsewhere = {name for other in self.options.get("without", ()) for name in public_names(import_module(other))}
        names = [name for name in public_names(package) if name not in elsewhere]
        lines = [f".. py:currentmodule:: {package.__name__}", ""]
        for home, members in by_file(package, names).items():
            lines += section(home, len(members))
            for name in members:
                lines += described(package.__name__, name, getattr(package, name))
        return self.parse_text_to_nodes("\n".join(lines), offset=self.content_offset, allow_section_headings=True)


def public_names(package: ModuleType) -> list[str]:
    """What ``__all__`` lists but modules, which have pages of their own; where there is no list, what is written there."""
    listed = getattr(package, "__all__", None)
    if listed is None:
        return [name for name, thing in vars(package).items() if name[0] != "_" and getattr(thing, "__module__", None) == package.__name__]
    return [name for name in listed if type(getattr(package, name)) is not ModuleType]


def by_file(package: ModuleType, names: list[str]) -> dict[ModuleType, list[str]]:
    """The names, by the module that they are written in; what is no function or class belongs to the package."""
    files: dict[ModuleType, list[str]] = {}
    for name in names:
        home = sys.modules.get(getattr(getattr(package, name), "__module__", None) or package.__name__, package)
        files.setdefault(home if home.__name__.startswith("minigrad") else package, []).append(name)
    return files


def section(home: ModuleType, members: int) -> list[str]:
    """A heading, and the first paragraph of the file's docstring."""
    title = home.__name__.removeprefix("minigrad.").replace("_", " ").replace(".", ": ")
    intro = inspect.cleandoc(home.__doc__ or "").split("\n\n")[0].split("  (")[0].splitlines()
    return [title, "-" * len(title), "", *intro, ""]


def described(package: str, name: str, thing: Any) -> list[str]:
    """One public name in reStructuredText."""
    if inspect.isclass(thing):
        return class_described(name, thing)
    if isinstance(thing, Op):
        return entry("function", name + signature(thing), thing.__doc__, [*formulas(thing), *shapes_and_errors(thing)])
    if callable(thing):
        return entry("function", name + signature(thing), thing.__doc__, [])
    return entry("data", name, comment_of(package, name) or f"A {type(thing).__name__}.", [])


def entry(kind: str, heading: str, text: str | None, more: list[str], indent: str = "") -> list[str]:
    """A directive of the Python domain with a docstring in it."""
    body = [*docstring(text), "", *more]
    return [f"{indent}.. py:{kind}:: {heading}", "", *(f"{indent}   {line}".rstrip() for line in body), ""]


def docstring(text: str | None) -> list[str]:
    """A NumPy docstring in reStructuredText."""
    parts = CODE.split(inspect.cleandoc(text or ""))
    parts[::2] = [MARKUP.sub(r"\\\g<0>", prose) for prose in parts[::2]]
    return str(NumpyDocstring("".join(parts), NAPOLEON)).splitlines()


def signature(thing: Any) -> str:
    """Its signature without annotations of types, which the docstring gives in words."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return "(...)"
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in found.parameters.values()]
    return str(found.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def formulas(op: Op) -> list[str]:
    """How an op and its derivatives are written, folded away."""
    parts = [("", code_of(op.forward)), *((f"# the gradient for {', '.join(rule.inputs)}\n", rule.code) for rule in rules(op))]
    code = "\n\n".join(title + text for title, text in parts if text)
    if not code:
        return []
    return [".. dropdown:: As it is written", "", "   .. code-block:: python", "", *(f"      {line}" for line in code.splitlines()), ""]


def shapes_and_errors(op: Op) -> list[str]:
    """Calls of an op with what goes in and comes out, and calls that it refuses, folded away."""
    calls, errors = calls_of(op), errors_of(op)
    text = [*calls, *(["", "# refused"] if errors else []), *(line for call, error in errors for line in (call, f"    {error}"))]
    if not text:
        return []
    return [".. dropdown:: Shapes, types, errors", "", "   .. code-block:: text", "", *(f"      {line}" for line in text), ""]


def class_described(name: str, kind: type) -> list[str]:
    """A class with the methods and properties that it defines and documents itself."""
    lines = entry("class", name + signature(kind), own_docstring(kind), [])
    for member, heading, text in members_of(kind):
        lines += entry("property" if heading is None else "method", member + (heading or ""), text, [], indent="   ")
    return lines


def own_docstring(kind: type) -> str:
    """Of the class and not of one that it inherits from; a dataclass without one has its signature for one, which says nothing."""
    text = kind.__dict__.get("__doc__") or ""
    return "" if text.startswith(f"{kind.__name__}(") else text


def members_of(kind: type) -> Iterator[tuple[str, str | None, str]]:
    """Public methods (with their signatures) and properties (with None) that a class documents."""
    for member, value in vars(kind).items():
        if member.startswith("_") or isinstance(value, type):
            continue
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        text = getattr(function, "__doc__", None)
        if isinstance(value, property) and text:
            yield member, None, text
        elif inspect.isfunction(function) and text:
            bound = getattr(kind, member) if isinstance(value, classmethod) else function
            heading = signature(bound)
            yield member, heading.replace("(self, ", "(", 1).replace("(self)", "()", 1), text


def comment_of(package: str, name: str) -> str:
    """What ``#:`` says about a constant, on its line or above it."""
    for line in inspect.getsource(sys.modules[package]).splitlines():
        if line.startswith((f"{name} ", f"{name}:")) and "#:" in line:
            return line.split("#:")[1].strip()
    return ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("public-names", PublicNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
