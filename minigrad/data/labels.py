"""What is to be learned: classes with names, or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

CLASSIFICATION, REGRESSION = "classification", "regression"
TASKS = (CLASSIFICATION, REGRESSION)


def check_task(task: str | None) -> None:
    """Make sure that a task is one of `TASKS`, or left to the data."""
    if task is not None and task not in TASKS:
        raise ValueError(f"task must be {' or '.join(TASKS)}, not {task!r}")


def name_classes(values: Sequence[str] | np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], tuple[str, ...]]:
    """Return labels, int64 from 0 on, and the names that they stand for: whole numbers by size, others by the alphabet."""
    names = [str(value) for value in (values.tolist() if isinstance(values, np.ndarray) else values)]
    different = set(names)
    try:
        order = sorted(different, key=lambda name: (int(name), name))
    except ValueError:
        order = sorted(different)
    number = {name: k for k, name in enumerate(order)}
    return np.array([number[name] for name in names], np.int64), tuple(order)
