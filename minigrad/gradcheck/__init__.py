"""Checking gradients: numerical derivatives, samples of every op, mutants, reports.

The module can itself be called: ``minigrad.gradcheck(f, inputs)`` is `minigrad.gradcheck.check.gradcheck`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from minigrad.gradcheck.check import gradcheck
from minigrad.gradcheck.numerics.arguments import BadUse
from minigrad.gradcheck.numerics.row import Row
from minigrad.gradcheck.result import Result

if TYPE_CHECKING:
    from minigrad.gradcheck.suite.testing import assert_gradients, gradient_tests
    from minigrad.gradcheck.suite.training import DuringTraining

__all__ = ["BadUse", "DuringTraining", "Result", "Row", "assert_gradients", "gradcheck", "gradient_tests"]


def __getattr__(name: str) -> Any:
    if name in ("assert_gradients", "gradient_tests"):  # they load the suite
        from minigrad.gradcheck.suite import testing

        return getattr(testing, name)
    if name == "DuringTraining":  # it loads nn
        from minigrad.gradcheck.suite.training import DuringTraining

        return DuringTraining
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _CallableModule(ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Result:
        return gradcheck(*args, **options)


sys.modules[__name__].__class__ = _CallableModule
