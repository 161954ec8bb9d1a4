"""The rooms of gradcheck: imports go one way (law 7, room by room), and a check by name loads only what it needs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import minigrad

GRADCHECK = Path(minigrad.__file__).parent / "gradcheck"
#: from the ground up
ROOMS = ["numerics", "foreign", "samples", "checks", "mutants", "causes", "report", "result", "check", "suite", "pytest_plugin"]
SOURCES = {".".join(("gradcheck", *p.relative_to(GRADCHECK).with_suffix("").parts)): p.read_text() for p in GRADCHECK.rglob("*.py")}


def imports(source: str) -> Iterator[str]:
    """What a file imports of minigrad, inside functions too, but not for type hints alone: ``b.f`` for ``from minigrad.b import f``."""
    tree = ast.parse(source)
    guarded = [block for block in ast.walk(tree) if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"]
    hints = {node for block in guarded for node in ast.walk(block)}
    for node in ast.walk(tree):
        if node in hints:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("minigrad"):
            yield from (f"{node.module}.{alias.name}".removeprefix("minigrad.") for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("minigrad.") for alias in node.names)


def arrows(sources: dict[str, str]) -> dict[str, set[str]]:
    """Which of these files imports which others."""
    found: dict[str, set[str]] = {}
    for name, source in sources.items():
        targets = (target if target in sources else target.rpartition(".")[0] for target in imports(source))
        packages = ((t if t in sources else f"{t}.__init__") for t in targets)
        found[name] = {target for target in packages if target in sources} - {name}
    return found


ARROWS = arrows(SOURCES)


def room(name: str) -> str:
    return name.split(".")[1]


@pytest.mark.parametrize("name", sorted(set(ARROWS) - {"gradcheck.__init__"}))
def test_a_room_imports_only_what_lies_below(name: str) -> None:
    above = {target for target in ARROWS[name] if ROOMS.index(room(target)) > ROOMS.index(room(name))}
    assert not above


def loaded_by(*arguments: str) -> set[str]:
    """The modules of minigrad that ``minigrad gradcheck`` with these arguments loads."""
    command = [sys.executable, "-v", "-m", "minigrad", "gradcheck", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(re.findall(r"^import '(minigrad\.[\w.]+)' #", done.stderr, re.MULTILINE))


def test_an_op_is_checked_without_layers_mutants_or_the_samples_of_other_families() -> None:
    loaded = loaded_by("exp", "--mode", "quick")
    assert not {name for name in loaded if name.split(".")[1] in ("nn", "optim", "training", "data")}
    rooms = {name.split(".")[2] for name in loaded if name.startswith("minigrad.gradcheck.")}
    assert not rooms & {"mutants", "causes"}
    samples = {name.rpartition(".")[2] for name in loaded if name.startswith("minigrad.gradcheck.samples.")}
    assert samples == {"problems", "elementwise", "bad", "bad_distributed", "bad_layers"}
    assert len([name for name in loaded if name.startswith("minigrad.gradcheck")]) <= 38


def test_layers_and_mutants_are_loaded_when_they_are_asked_for() -> None:
    assert {"minigrad.nn", "minigrad.gradcheck.samples.layers"} <= loaded_by("nn.Linear", "--mode", "quick")
    assert "minigrad.gradcheck.mutants.score" in loaded_by("sqrt", "--mode", "quick", "--mutants")
