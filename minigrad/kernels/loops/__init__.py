"""Loops that Numba compiles (the extra ``fast``), one module for each family of kernels, imported by its first kernel.

What NumPy does in a pass over memory for every operation is done here in one, in registers. The compiled code is cached
beside its file. Of what ``fastmath`` allows, only a change of order is used, so that NaN and infinity stay what they are.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}}  #: of ``numba.njit``


@cache
def find(family: str) -> ModuleType | None:
    """Return the module of that name in this folder; None without Numba."""
    from importlib.util import find_spec  # late: it brings modules along that nothing else here needs

    if find_spec("numba") is None:
        return None
    return import_module(f"{__name__}.{family}")
