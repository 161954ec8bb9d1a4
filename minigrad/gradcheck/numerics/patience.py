"""A check along every element that takes long says how far it is, and what would be quicker."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from minigrad._printable import printable

PATIENT = 5.0  #: seconds in which nothing is said
PAUSE = 1.0  #: seconds between two lines on a terminal, where each takes the place of the one before

T = TypeVar("T")


def along_elements(elements: Iterable[T], count: Sized) -> Iterator[T]:
    """Yield the elements. After `PATIENT` seconds tell standard error how far this is: once, or on a terminal again and again."""
    total, started, told = len(count), time.perf_counter(), 0.0
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    for k, element in enumerate(elements, 1):
        yield element
        passed = time.perf_counter() - started
        if passed > PATIENT and k < total and (not told or (on_terminal and passed - told > PAUSE)):
            told = passed
            _tell(k, total, passed, on_terminal)
    if told and on_terminal:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _tell(k: int, total: int, passed: float, on_terminal: bool) -> None:
    left, each = passed / k * (total - k), passed / k
    line = f"gradcheck: element {k:,} of {total:,}, about {_duration(left)} left; directions=8 takes about {_duration(8 * each)}"
    print(*(["\r\x1b[K", printable(line)] if on_terminal else [line, "\n"]), sep="", end="", file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"
