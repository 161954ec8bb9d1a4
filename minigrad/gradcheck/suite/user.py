"""Checking what somebody else wrote: a file, or a name in a package, on the command line.

::

    minigrad gradcheck mynet.py            # all ops, layers and gradcheck_... functions of a file
    minigrad gradcheck mynet.py:Net        # one of them
    minigrad gradcheck --module mypackage.layers:Net

The samples of ops are declared as for minigrad's own, with ``@samples("MODULE.NAME")``; a layer says by a static method
``example_inputs()`` what to call it with; a function without arguments returns ``(module_or_function, inputs)``.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
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


def find_in_file(path: str) -> dict[str, Any]:
    """Return what ``FILE.py:NAME`` names, by its name; for ``FILE.py`` alone all that can be checked there.

    Those are the ops that the file declares, classes with ``example_inputs``, and functions called ``gradcheck_...``.
    """
    file, colon, name = path.rpartition(":")
    if not colon or not file.endswith(".py"):
        file, name = path, ""
    if not Path(file).is_file():
        raise BadUse(f"there is no file {file}")
    module = _loaded(Path(file))
    if name:
        if not hasattr(module, name):
            raise BadUse(f"{file} has no {name}")
        return {name: getattr(module, name)}
    found = {key: value for key, value in vars(module).items() if _can_be_checked(key, value, module.__name__)}
    if not found:
        raise BadUse(
            f"{file} has nothing to check: no op, no class with example_inputs(), no function gradcheck_...() returning (function, inputs)"
        )
    return found


def _can_be_checked(name: str, value: Any, module: str) -> bool:
    if isinstance(value, type):
        return hasattr(value, "example_inputs") and value.__module__ == module
    if isinstance(value, Op):
        return value.__module__ == module
    return callable(value) and name.startswith("gradcheck_")


def _loaded(file: Path) -> ModuleType:
    """Import a file by its path, as a module named like it, which its folder's other files may import, too."""
    known = sys.modules.get(file.stem)
    if known is not None and getattr(known, "__file__", None) == str(file.resolve()):
        return known
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(file.stem, file.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[file.stem] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a file does when it is run
        raise BadUse(f"running {file} raised {_in_words(error)}, so there is nothing to check") from None
    return module


def document_for(targets: Mapping[str, Any], order: int, mode: str, seed: int) -> Document:
    """Check ops with declared samples, layers, and what functions return, ``(module_or_function, inputs)``, by their names.

    Raises
    ------
    BadUse
        If one of them cannot be checked.
    """
    document, started = new_document(order, mode, seed), time.perf_counter()
    for name, target in targets.items():
        _check_target(document, name, target, Options(order, mode, seed))
    summarize(document, time.perf_counter() - started)
    return document


def _check_target(document: Document, name: str, target: Any, options: Options) -> None:
    """Check what is called ``name``; put its cases into the document."""
    seed, directions = options.seed, 1 if options.mode == "quick" else None
    if isinstance(target, Op):
        for sample in declared_samples(target)(np.random.default_rng(seed)):
            result = check_sample(target, name, sample, options)
            document["cases"].append(case_of(result, name, "yours", repr(sample), steps=True))
    elif isinstance(target, type) and target.__module__.startswith("minigrad.") and name in layers():
        for layer in layers()[name](np.random.default_rng(seed)):
            document["cases"].append(case_of(check_layer(layer, name, options), name, "nn", repr(layer), steps=True))
    else:
        made = _made(target, name)
        if not isinstance(made, tuple) or len(made) not in (2, 3) or not (is_module(made[0]) or callable(made[0])):
            raise BadUse(f"{name} must be an op, a module class with example_inputs(), or a function returning (module, inputs)")
        f, inputs, *backward = made
        order = 1 if backward else options.order
        try:
            result = gradcheck(f, inputs, vjp=backward[0] if backward else None, order=order, directions=directions, name=name, seed=seed)
        except BadUse:
            raise
        except (Exception, SystemExit) as error:
            raise BadUse(f"{name} cannot be called with its inputs: {_in_words(error)}") from None
        document["cases"].append(case_of(result, name, "yours", "", steps=True))


def _made(target: Any, name: str) -> Any:
    """Return the module or function, and its inputs: those of a class or an instance, or what a function without arguments returns.

    Raises
    ------
    BadUse
        If it says nothing, needs arguments, or raises.
    """
    try:
        if isinstance(target, type):
            return target(), _example_inputs(target, name)
        if is_module(target):
            return target, _example_inputs(target, name)
        if not callable(target):
            raise BadUse(
                f"{name} is {type(target).__name__}; it must be an op, a module or a function returning (module_or_function, inputs)"
            )
        try:
            inspect.signature(target).bind()
        except TypeError as error:
            raise BadUse(
                f"{name} takes arguments ({error}), and nobody says which: name a function that takes none and returns "
                f"({name}, [its inputs])"
            ) from None
        return target()
    except BadUse:
        raise
    except (Exception, SystemExit) as error:
        raise BadUse(f"making {name} raised {_in_words(error)}") from None


def _in_words(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _example_inputs(cls: Any, name: str) -> Any:
    inputs = getattr(cls, "example_inputs", None)
    if inputs is None:
        raise BadUse(f"{name} does not say what to call it with: give the class a static method example_inputs() that returns the inputs")
    return inputs()


def declared_samples(op: Op) -> Any:
    """Return the sample function of an op, somebody's or minigrad's."""
    for name in (f"{op.__module__}.{op.name}", op.name):
        if name in SAMPLES:
            return SAMPLES[name]
    own = sample_function(op.name, family_of(op)) if op.name in op_names() and OPS[op.name] is op else None
    if own is not None:
        return own
    raise BadUse(f"op {op.name!r} has no samples: declare some with @samples({f'{op.__module__}.{op.name}'!r})")
