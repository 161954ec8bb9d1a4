"""Named mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def generic_mutants(op: Any) -> Iterator[Any]:
    """Yield."""
    yield from ()
