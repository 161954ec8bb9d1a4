"""What CuPy refuses, always or while a step is recorded: the rules of the strict double, which benchmarks/gpu tries on CuPy."""

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
    "in": (ValueError, lambda xp, a: 1.0 in a),
    "range of an array": (TypeError, lambda xp, a: range(xp.asarray(3))),
    "repeated indices assigned": (AssertionError, lambda xp, a: a.__setitem__(xp.asarray([0, 0]), 1.0)),
    "take_along_axis without axis": (TypeError, lambda xp, a: xp.take_along_axis(a, xp.zeros((3, 1), dtype=int))),
}

#: rules on which the double is stricter than CuPy, which copies or leaves the result undefined
LOUDER = {"host index", "list as index", "repeated indices assigned", "host array assigned"}

#: what is done while a stream captures -> the error that CuPy raises, or None if it can be recorded
RECORDING: dict[str, tuple[type[Exception] | None, Callable[[Any, Any], Any]]] = {
    "matmul": (NotImplementedError, lambda xp, a: xp.matmul(a, a.T)),
    "vdot": (None, lambda xp, a: xp.vdot(a, a)),  # which CuPy does by a product and a sum
    "join of 9": (RuntimeError, lambda xp, a: xp.concatenate([a] * 9)),
    "join of 8": (None, lambda xp, a: xp.concatenate([a] * 8)),
    "from the host": (RuntimeError, lambda xp, a: xp.asarray(np.ones(3))),
    "number from the host": (None, lambda xp, a: a + xp.asarray(np.array(2.0))),
    "to the host": (RuntimeError, lambda xp, a: a.get()),
    "item": (RuntimeError, lambda xp, a: a.sum().item()),
    "mask": (RuntimeError, lambda xp, a: a[a > 0]),
    "ufunc": (None, lambda xp, a: xp.exp(a) + 1.0),
    "sum of all": (None, lambda xp, a: a.sum()),
    "sum of columns": (None, lambda xp, a: a.sum(axis=0)),
    "argmax": (None, lambda xp, a: a.argmax(axis=-1)),
    "sort": (None, lambda xp, a: xp.sort(a, axis=0)),
    "cumsum": (None, lambda xp, a: xp.cumsum(a, axis=0)),
    "take": (None, lambda xp, a: xp.take(a, xp.arange(2), axis=0)),
    "fill": (None, lambda xp, a: a.fill(2.0)),
    "zeros": (None, lambda xp, a: xp.zeros((3, 4)) + xp.full((3, 4), 2.0)),
    "slice assigned": (None, lambda xp, a: a.__setitem__(slice(0, 2), 1.0)),
}


def error_while_recording(xp: Any, call: Callable[[Any, Any], Any]) -> type[Exception] | None:
    """Do something while a stream captures; return the kind of error that this gives."""
    a = xp.ones((3, 4))
    call(xp, xp.ones((3, 4)))  # compiles what it needs
    stream = xp.cuda.Stream(non_blocking=True)
    found: type[Exception] | None = None
    with stream:
        stream.begin_capture()
        try:
            call(xp, a)
        except Exception as error:
            found = type(error)
        try:
            stream.end_capture()
        except Exception as error:  # what was refused may have spoiled the whole recording
            found = found or type(error)
    return found
