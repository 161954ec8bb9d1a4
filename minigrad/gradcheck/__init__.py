"""Checking gradients: numerical derivatives, samples of every op, mutants, reports.

The module can itself be called: ``minigrad.gradcheck(f, inputs)`` is `minigrad.gradcheck.check.gradcheck`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from minigrad.gradcheck.check import gradcheck
from minigrad.gradcheck.numerics.arguments import BadUse
from minigrad.gradcheck.numerics.row import Row
from minigrad.gradcheck.result import Result

__all__ = ["BadUse", "Result", "Row", "gradcheck"]


class _CallableModule(ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Result:
        return gradcheck(*args, **options)


sys.modules[__name__].__class__ = _CallableModule
