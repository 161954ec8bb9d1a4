"""Write what editors and type checkers read of minigrad: the lists of public names, and a stub of Tensor's methods.

Both follow from the ops and from the table in `minigrad.ops`. Run ``python tests/support/make_face.py`` after a change of
either; a law fails until then.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import minigrad as mg
from minigrad import ops
from minigrad.core.op import Op

PACKAGE = Path(mg.__file__).parent
STUB = PACKAGE / "core" / "_methods.pyi"
LISTS = ["minigrad.ops", "minigrad.nn", "minigrad.nn.functional", "minigrad"]  #: a package after those whose names it takes over
NAMES = re.compile(r"^__all__ = \[\n.*?^\]  # fmt: skip\n", re.DOTALL | re.MULTILINE)
STAR = re.compile(r"^from ([\w.]+) import \*", re.MULTILINE)


# --------------------------------------------------------------------------------------------------------- public names


def in_order(name: str) -> tuple[int, list[tuple[int, str]]]:
    """The order that Ruff wants: constants, classes, functions; log2 before log10."""
    parts = [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2), parts


def public_names(module: ModuleType) -> list[str]:
    """What ``__all__`` of a package must be: what it lists already, as far as that is there, and all that its parts list."""
    source = Path(str(module.__file__)).read_text()
    parts = {name for part in STAR.findall(source) for name in import_module(part).__all__}
    own = {name for name in module.__all__ if not isinstance(getattr(ops, name, None), Op) and hasattr(module, name)}
    return sorted(parts | own, key=in_order)


def with_names(source: str, names: Iterable[str]) -> str:
    """Put the names into the list that a source has."""
    lines = textwrap.wrap(", ".join(f'"{name}"' for name in names) + ",", 130)
    new = "\n".join(["__all__ = [", *[f"    {line}" for line in lines], "]  # fmt: skip", ""])
    return NAMES.sub(lambda _: new, source, count=1)


# ------------------------------------------------------------------------------------------------------------- the stub

HEADER = '''"""What `minigrad.ops` binds to Tensor, for editors and type checkers. (Written by tests/support/make_face.py.)"""

{imports}

class Methods:
'''

PROPERTY = '''    @property
    def {name}(self) -> Tensor:
        """{doc}"""

'''

#: words of annotations -> where they come from
WORDS = {
    "Any": "typing",
    "Sequence": "collections.abc",
    "Array": "minigrad.backends",
    "DType": "minigrad.backends",
    "Device": "minigrad.core.device",
    "Tensor": "minigrad.core.tensor",
    "Axes": "minigrad.ops.shape",
}


def written(value: inspect.Parameter, annotation: str) -> str:
    star = "*" if value.kind is value.VAR_POSITIONAL else ""
    default = "" if value.default is value.empty else f" = {value.default!r}"
    return f"{star}{value.name}: {annotation}{default}"


def definition(name: str, function: Callable[..., Any]) -> str:
    """A method as a stub has it. Parameters may go by position, as in NumPy's methods: ``x.sum(0)``."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]
    starred = [p.kind is p.VAR_POSITIONAL for p in parameters]
    texts = ["self", *[written(p, "object" if name in ("__eq__", "__ne__") else p.annotation) for p in parameters]]
    if not any(starred):  # a required parameter after an optional one goes by keyword
        order = [p.default is p.empty for p in parameters]
        if sorted(order, reverse=True) != order:
            texts.insert(1 + order.index(False), "*")
    ignored = "  # type: ignore[override]" if name in ("__eq__", "__ne__") else ""
    if name.startswith("__"):
        return f"    def {name}({', '.join(texts)}) -> Tensor: ...{ignored}\n"
    first = inspect.cleandoc(function.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    return f'    def {name}({", ".join(texts)}) -> Tensor:\n        """{first}"""\n\n'


def stub() -> str:
    """The source of the stub."""
    operators = [f"__{side}{stem}__" for stem in ops.OPERATORS for side in ("", "r")]
    table = {name: getattr(mg.Tensor, name) for name in [*operators, *ops.METHODS]}
    special = [definition(name, f) for name, f in table.items() if name.startswith("__")]
    plain = [definition(name, f) for name, f in table.items() if not name.startswith("__")]
    properties = [PROPERTY.format(name=name, doc=compute.__doc__) for name, compute in ops.PROPERTIES.items()]
    body = "".join([*special, *plain, *properties]).rstrip("\n") + "\n"
    used: dict[str, list[str]] = {}
    for word, home in WORDS.items():
        if re.search(rf"\b{word}\b", body):
            used.setdefault(home, []).append(word)
    standard = [home for home in used if not home.startswith("minigrad")]
    groups = [sorted(f"from {home} import {', '.join(used[home])}" for home in homes) for homes in (standard, used.keys() - standard)]
    return HEADER.format(imports="\n\n".join("\n".join(group) for group in groups if group)) + body


# --------------------------------------------------------------------------------------------------------------- all of it


def files() -> dict[Path, str]:
    """Every file that this writes, with what should stand in it."""
    found = {STUB: stub()}
    for name in LISTS:
        module = import_module(name)
        path = Path(str(module.__file__))
        module.__all__ = public_names(module)  # for the packages that come after it
        found[path] = with_names(path.read_text(), module.__all__)
    return found


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
