"""Gradients in somebody's test suite: one line for a function, a layer, or all ops of a package.

::

    from minigrad.gradcheck import assert_gradients, gradient_tests

    def test_my_function():
        assert_gradients(my_function, [np.random.default_rng(0).standard_normal((3, 2))])

    test_gradients = gradient_tests("mypackage.ops")

The samples of ops are declared as for minigrad's own, with ``@samples("mypackage.ops.NAME")``. For pytest there is also the fixture
``assert_gradients`` (`minigrad.gradcheck.pytest_plugin`), which fails with the report and without a traceback.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.op import OPS, Op
from minigrad.gradcheck.check import gradcheck
from minigrad.gradcheck.numerics.arguments import BadUse
from minigrad.gradcheck.suite.run import Options, check_sample
from minigrad.gradcheck.suite.user import declared_samples


def assert_gradients(f: Callable[..., Any], inputs: Any, **options: Any) -> None:
    """Raise AssertionError, with table, diagnosis and a small failing case, unless `minigrad.gradcheck` passes ``f``.

    Parameters
    ----------
    f, inputs, options
        As for `minigrad.gradcheck`; ``vjp=`` for a function of arrays with a backward pass of its own.
    """
    gradcheck(f, inputs, **options).assert_ok()


def ops_of(package: str) -> dict[str, Op]:
    """Return the ops that a package (or module) declares, after importing it."""
    importlib.import_module(package)
    return {name: op for name, op in OPS.items() if op.__module__ == package or op.__module__.startswith(package + ".")}


def gradient_tests(package: str, *, order: int = 2) -> Callable[..., None]:
    """Return a pytest test that checks every op of a package on all of its declared samples, an op at a time."""
    import pytest

    found = ops_of(package)
    if not found:
        raise BadUse(f"{package!r} declares no op")

    @pytest.mark.parametrize("name", sorted(found))
    def test_gradients(name: str) -> None:
        op = found[name]
        for sample in declared_samples(op)(np.random.default_rng(0)):
            check_sample(op, name, sample, Options(order)).assert_ok()

    return test_gradients
