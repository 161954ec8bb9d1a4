"""Samples: arguments to try every op with, a file for each family of ops.

A sample function yields calls of one op; it is given a seeded generator, so that a failure can be repeated::

    @samples("exp")
    def exp(rng):
        yield Sample(rng.standard_normal((2, 3)))

Inputs are float64 arrays (or integers, booleans where the op wants them); the suite itself adds views with other
strides, float32, other devices. Inputs keep clear of kinks and ties; those are tested by themselves.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

SampleFunction = Callable[[np.random.Generator], "Iterator[Sample]"]
SAMPLES: dict[str, SampleFunction] = {}  #: by name of the op
#: the files of this package, but for the one about layers, which loads all of nn
FILES = sorted({module.name for module in pkgutil.iter_modules(__path__)} - {"layers"})


class Sample:
    """One call of an op: ``op(*args, **params)``.

    Parameters
    ----------
    args
        The inputs, as arrays. An input that is None or a Python number is passed on as it is.
    label
        What is special about the sample, for the report.
    params
        The parameters of the op.
    """

    def __init__(self, *args: Any, label: str = "", **params: Any) -> None:
        self.args, self.params, self.label = args, params, label

    def __repr__(self) -> str:
        shown = [f"{a.dtype}{list(a.shape)}" if isinstance(a, np.ndarray) else repr(a) for a in self.args]
        shown += [f"{name}={' '.join(repr(value).split())}" for name, value in self.params.items()]
        return f"({', '.join(shown)})" + (f" {self.label}" if self.label else "")


def samples(*names: str) -> Callable[[Callable[..., Iterator[Sample]]], Callable[..., Iterator[Sample]]]:
    """Declare the samples of one op, or the same ones for several."""

    def decorate(function: Callable[..., Iterator[Sample]]) -> Callable[..., Iterator[Sample]]:
        for name in names:
            if name in SAMPLES:
                raise ValueError(f"the samples of {name!r} are declared twice")
            SAMPLES[name] = function
        return function

    return decorate


def all_samples() -> dict[str, SampleFunction]:
    """Return the sample functions of every op, after loading all files of this package."""
    for file in FILES:
        importlib.import_module(f"{__name__}.{file}")
    return SAMPLES


def sample_function(name: str, family: str) -> SampleFunction | None:
    """Return the sample function of an op, None if there is none. Other files are loaded only if it is not in that of its family."""
    if name not in SAMPLES and family in FILES:
        importlib.import_module(f"{__name__}.{family}")
    return SAMPLES.get(name) or all_samples().get(name)
