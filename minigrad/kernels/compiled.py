"""Where the loops that Numba compiles are, if it is installed (the extra ``fast``)."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from types import ModuleType


@cache
def loops() -> ModuleType | None:
    """Return `minigrad.kernels.loops`; None without Numba. It is imported by the first kernel that asks."""
    if find_spec("numba") is None:
        return None
    from minigrad.kernels import loops

    return loops
