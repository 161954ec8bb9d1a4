"""Where what an exercise is about stands in minigrad's own source."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import minigrad
from minigrad.core.op import OPS, Op


def source_of(see: str) -> str:
    """Return file and line of a function of minigrad, or of what ``"module:name"`` names, relative to the folder that holds minigrad."""
    if not see:
        return ""
    module, _, name = see.rpartition(":")
    target = getattr(importlib.import_module(module), name) if module else OPS.get(name) or getattr(minigrad, name)
    target = target.forward if isinstance(target, Op) else target
    path = Path(inspect.getsourcefile(target) or "")
    return f"{path.relative_to(Path(minigrad.__file__).parents[1])}, line {inspect.getsourcelines(target)[1]} ({name})"
