"""What CuPy refuses and NumPy does not: the rules of the strict double, which benchmarks/gpu.py tries on the real CuPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

#: rule -> the error that CuPy raises, and a function of the module and of an array of ones, 3 by 4, that breaks it
RULES: dict[str, tuple[type[Exception], Callable[[Any, Any], Any]]] = {
    "implicit conversion": (TypeError, lambda xp, a: np.asarray(a)),
    "host array on the right": (TypeError, lambda xp, a: a + np.ones((3, 4))),
    "host array on the left": (TypeError, lambda xp, a: np.ones((3, 4)) + a),
    "host array in a function": (TypeError, lambda xp, a: xp.where(a > 0, a, np.ones((3, 4)))),
    "host array in a list": (TypeError, lambda xp, a: xp.concatenate([a, np.ones((3, 4))])),
    "host array assigned": (TypeError, lambda xp, a: a.__setitem__(0, np.ones(4))),
    "host index": (TypeError, lambda xp, a: a[np.array([0, 1])]),
    "list as index": (TypeError, lambda xp, a: a[[0, 1]]),
    "list to a ufunc": (TypeError, lambda xp, a: xp.power([1.0, 2.0], a)),
    "list operand": (TypeError, lambda xp, a: a * [1.0, 2.0, 3.0, 4.0]),
    "ufunc where": (TypeError, lambda xp, a: xp.add(a, a, where=a > 0)),
    "sum where": (TypeError, lambda xp, a: xp.sum(a, where=a > 0)),
    "method sum initial": (TypeError, lambda xp, a: a.sum(initial=1.0)),
    "clip by keyword": (TypeError, lambda xp, a: xp.clip(a, min=0)),
    "var correction": (TypeError, lambda xp, a: xp.var(a, correction=1)),
    "maximum.reduce": (NotImplementedError, lambda xp, a: xp.maximum.reduce(a)),
    "multiply.at": (NotImplementedError, lambda xp, a: xp.multiply.at(a, 0, 2.0)),
    "add.at of a dtype": (TypeError, lambda xp, a: xp.add.at(a.astype("int8"), (xp.arange(2),), 1)),
    "insert": (AttributeError, lambda xp, a: xp.insert(a, 0, 1)),
    "vecdot": (AttributeError, lambda xp, a: xp.vecdot(a, a)),
    "errstate": (AttributeError, lambda xp, a: xp.errstate),
    "linalg.vector_norm": (AttributeError, lambda xp, a: xp.linalg.vector_norm(a)),
    "in": (TypeError, lambda xp, a: 1.0 in a),
    "range of an array": (TypeError, lambda xp, a: range(xp.asarray(3))),
    "repeated indices assigned": (AssertionError, lambda xp, a: a.__setitem__(xp.asarray([0, 0]), 1.0)),
    "take_along_axis without axis": (TypeError, lambda xp, a: xp.take_along_axis(a, xp.zeros((3, 1), dtype=int))),
}

#: rules on which the double is stricter than CuPy, which copies or leaves the result undefined
LOUDER = {"host index", "list as index", "repeated indices assigned", "host array assigned"}
