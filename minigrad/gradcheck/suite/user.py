"""Checking what somebody else wrote: ``--module package:name`` on the command line, and one line in a test suite.

::

    # tests/test_gradients.py of another package
    from minigrad.gradcheck.suite.user import gradient_tests

    test_gradients = gradient_tests("mypackage.ops")

The samples of those ops are declared there as for minigrad's own, with ``@samples("mypackage.ops.NAME")``.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.core.op import OPS, Op
from minigrad.gradcheck.check import gradcheck
from minigrad.gradcheck.numerics.arguments import BadUse
from minigrad.gradcheck.numerics.frozen import is_module
from minigrad.gradcheck.report.document import Document, case_of, new_document, summarize
from minigrad.gradcheck.samples import SAMPLES, sample_function
from minigrad.gradcheck.samples.problems import family_of, op_names
from minigrad.gradcheck.suite.run import Options, check_layer, check_sample, layers


def find(path: str) -> Any:
    """Return what ``"package:name"`` names.

    Raises
    ------
    BadUse
        If there is no such thing.
    """
    package, colon, name = path.partition(":")
    if not colon or not name:
        raise BadUse(f"--module takes PACKAGE:NAME, such as mypackage.layers:Net, and not {path!r}")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return getattr(importlib.import_module(package), name)
    except (ImportError, AttributeError) as error:
        raise BadUse(f"cannot find {path!r}: {error}") from None
    except (Exception, SystemExit) as error:  # whatever a module does when it is imported
        raise BadUse(f"importing {package} raised {_in_words(error)}, so there is nothing to check") from None


def document_for(path: str, order: int, mode: str, seed: int) -> Document:
    """Check an op with declared samples, a layer of `minigrad.nn`, or what a function returns: ``(module_or_function, inputs)``.

    Raises
    ------
    BadUse
        If nothing can be checked under that name.
    """
    target = find(path)
    name = path.partition(":")[2]
    document, options, started = new_document(order, mode, seed), Options(order, mode, seed), time.perf_counter()
    directions = 1 if mode == "quick" else None
    if isinstance(target, Op):
        for sample in _samples_of(target)(np.random.default_rng(seed)):
            result = check_sample(target, name, sample, options)
            document["cases"].append(case_of(result, name, "yours", repr(sample), steps=True))
    elif isinstance(target, type) and target.__module__.startswith("minigrad.") and name in layers():
        for layer in layers()[name](np.random.default_rng(seed)):
            document["cases"].append(case_of(check_layer(layer, name, options), name, "nn", repr(layer), steps=True))
    else:
        made = _made(target, path)
        if not isinstance(made, tuple) or len(made) != 2 or not (is_module(made[0]) or callable(made[0])):
            raise BadUse(f"{path} must be an op, a module class with example_inputs(), or a function returning (module, inputs)")
        try:
            result = gradcheck(made[0], made[1], order=order, directions=directions, name=name, seed=seed)
        except BadUse:
            raise
        except (Exception, SystemExit) as error:
            raise BadUse(f"{path} cannot be called with its inputs: {_in_words(error)}") from None
        document["cases"].append(case_of(result, name, "yours", "", steps=True))
    summarize(document, time.perf_counter() - started)
    return document


def _made(target: Any, path: str) -> Any:
    """Return the module or function, and its inputs: those of a class or an instance, or what a function without arguments returns.

    Raises
    ------
    BadUse
        If it says nothing, needs arguments, or raises.
    """
    try:
        if isinstance(target, type):
            return target(), _example_inputs(target, path)
        if is_module(target):
            return target, _example_inputs(target, path)
        if not callable(target):
            raise BadUse(
                f"{path} is {type(target).__name__}; it must be an op, a module or a function returning (module_or_function, inputs)"
            )
        try:
            inspect.signature(target).bind()
        except TypeError as error:
            raise BadUse(
                f"{path} takes arguments ({error}), and nobody says which: name a function that takes none and returns "
                f"({path.partition(':')[2]}, [its inputs])"
            ) from None
        return target()
    except BadUse:
        raise
    except (Exception, SystemExit) as error:
        raise BadUse(f"making {path} raised {_in_words(error)}") from None


def _in_words(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _example_inputs(cls: Any, path: str) -> Any:
    inputs = getattr(cls, "example_inputs", None)
    if inputs is None:
        raise BadUse(f"{path} does not say what to call it with: give the class a static method example_inputs() that returns the inputs")
    return inputs()


def _samples_of(op: Op) -> Any:
    for name in (f"{op.__module__}.{op.name}", op.name):
        if name in SAMPLES:
            return SAMPLES[name]
    own = sample_function(op.name, family_of(op)) if op.name in op_names() and OPS[op.name] is op else None
    if own is not None:
        return own
    raise BadUse(f"op {op.name!r} has no samples: declare some with @samples({f'{op.__module__}.{op.name}'!r})")


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
        for sample in _samples_of(op)(np.random.default_rng(0)):
            check_sample(op, name, sample, Options(order)).assert_ok()

    return test_gradients
