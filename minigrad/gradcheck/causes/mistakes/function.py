"""A function that was recognised, and what the families of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Vector = np.ndarray[Any, Any]
Gradient = Callable[[], Vector | None]


@dataclass
class RecognisedFunction:
    """A function that was recognised by its values: its name, and for each input the mistakes, sentence -> gradient."""

    name: str
    mistakes: dict[int, dict[str, Gradient]]


def same(a: Any, y: Vector) -> bool:
    """Tell whether two values agree to rounding."""
    return np.shape(a) == y.shape and bool(np.abs(a - y).max(initial=0.0) <= 1e-9 * max(np.abs(y).max(initial=0.0), 1e-30))
