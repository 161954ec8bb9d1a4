"""What an op does with its samples and refuses of its bad inputs, found out by calling it: shapes, dtypes and errors for the reference."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.core.op import Op
from minigrad.core.tensor import Tensor
from minigrad.gradcheck.checks.refusals import BAD
from minigrad.gradcheck.samples import Sample
from minigrad.gradcheck.samples.problems import samples_of

MOST = 8  #: calls, and errors, that are shown of one op


def calls_of(op: Op) -> list[str]:
    """Return calls with the shapes and dtypes that go in and come out, each once."""
    lines: list[str] = []
    for sample in samples_of(op.name):
        line = f"{op.name}{in_brief(sample)} -> {results(called(op, sample))}"
        if line not in lines:
            lines.append(line)
    return lines[:MOST]


def errors_of(op: Op) -> list[tuple[str, str]]:
    """Return calls that are refused, each with its error: the first line of it."""
    found = [(f"{op.name}{in_brief(bad)}", error) for bad in BAD.get(op.name, []) for error in refusal(op, bad)]
    return found[:MOST]


def called(op: Op, sample: Sample) -> Any:
    """Call an op on tensors."""
    args = [Tensor(a) if isinstance(a, np.ndarray) else a for a in sample.args]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return op(*args, **sample.params)


def refusal(op: Op, bad: Sample) -> Iterator[str]:
    """Yield how an op refuses a call."""
    try:
        called(op, bad)
    except Exception as error:
        yield f"{type(error).__name__}: {' '.join(str(error).splitlines()[0].split())}"


def in_brief(sample: Sample) -> str:
    """Return the arguments, an array by dtype and shape."""
    return repr(Sample(*sample.args, **{name: shortened(value) for name, value in sample.params.items()}))


def shortened(value: Any) -> Any:
    """Return a parameter as it is shown: what is long, by what it is."""
    text = repr(value)
    return value if len(text) <= 60 and " at 0x" not in text else _Shown(f"<{type(value).__name__}>")


class _Shown:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def results(out: Any) -> str:
    """Return what came out, by dtype and shape."""
    parts = [f"{y.dtype}{list(y.shape)}" for y in (out if isinstance(out, tuple) else (out,))]
    return ", ".join(parts)
