"""Write cupy_api.json, what the strict double may offer, from an installed CuPy. No GPU is needed.

Run ``python tests/support/make_cupy_api.py`` after a change of the CuPy version.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

API_FILE = Path(__file__).with_name("cupy_api.json")


def keywords(function: Any) -> list[str] | None:
    """Names that a function takes as keywords; None if they cannot be known."""
    import cupy

    if isinstance(function, cupy.ufunc):
        return ["out", "dtype", "casting"]
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return from_docstring(function)
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def from_docstring(function: Any) -> list[str] | None:
    """The same for compiled functions, whose signature is the first line of the docstring."""
    first = (function.__doc__ or "").split("\n")[0]
    found = re.match(r"[\w.]+\((.*?)\)(?: ->|$)", first)
    if not found or "**" in found[1]:
        return None
    names = [part.split("=")[0].split()[-1] for part in found[1].split(",") if part.strip()]
    return [name for name in names if not name.startswith("*") and name != "self"]


def public(module: Any) -> dict[str, list[str] | None]:
    """The public callables of a module, with their keywords."""
    return {n: keywords(getattr(module, n)) for n in dir(module) if not n.startswith("_") and callable(getattr(module, n))}


def describe() -> dict[str, Any]:
    """Everything that the double needs to know about the installed CuPy."""
    import cupy

    members = {n: getattr(cupy.ndarray, n) for n in dir(cupy.ndarray)}
    return {
        "version": cupy.__version__,
        "functions": public(cupy),
        "linalg": public(cupy.linalg),
        "stride_tricks": public(cupy.lib.stride_tricks),
        "ufuncs": [n for n in dir(cupy) if isinstance(getattr(cupy, n), cupy.ufunc)],
        "methods": {n: keywords(m) for n, m in members.items() if callable(m)},
        "attributes": [n for n, m in members.items() if not callable(m)],
    }


if __name__ == "__main__":
    API_FILE.write_text(json.dumps(describe(), sort_keys=True, separators=(",", ":")).replace('],"', '],\n"') + "\n")
    print(f"wrote {API_FILE.name}")
