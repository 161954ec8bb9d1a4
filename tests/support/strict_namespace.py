"""The module that stands for ``cupy`` itself: its functions, ufuncs and submodules."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from support.strict import API, LEDGER, SCALARS, check_keywords, device, host, ndarray, run

#: functions that look at values and so wait for the device
WAITING = {"nonzero", "flatnonzero", "argwhere", "unique", "allclose", "array_equal", "extract"}
#: functions that call cuBLAS or cuSOLVER through CuPy, which refuses to be captured
LIBRARIES = {"matmul", "dot", "tensordot", "einsum", "inner"}
#: functions that take host arrays, as that is what they are for
FROM_HOST = {"asarray", "array", "ascontiguousarray", "asfortranarray"}
#: functions that join arrays; CuPy joins more than this many small ones of one dtype by a kernel with a table from the host
JOINING, MOST_JOINED = {"concatenate", "stack", "vstack", "hstack"}, 8
#: functions whose result lies in memory as their argument does, in Fortran order too
KEEPING_ORDER = {"empty_like", "zeros_like", "ones_like", "full_like", "asarray", "array", "copy"}
#: ufuncs that have ``at``, and dtypes that ``add.at`` can add without order
AT = {"add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"}
AT_DTYPES = {"add": ["int32", "int64", "uint32", "uint64", "float16", "float32", "float64"], "subtract": ["int32", "uint32"]}


class UFunc:
    """A ufunc of CuPy: no ``where``, few methods."""

    def __init__(self, name: str) -> None:
        self.__name__, self._f = name, getattr(np, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        check_keywords(self.__name__, kwargs, ["out", "dtype", "casting"])
        for a in args:
            if not isinstance(a, (ndarray, np.ndarray, *SCALARS)):
                raise TypeError(f"Unsupported type {type(a)}")
        if self.__name__ == "matmul":
            refuse_capture("cupy", "matmul")
        return run(self.__name__, self._f, args, kwargs)

    def at(self, a: Any, indices: Any, b: Any) -> None:
        name = self.__name__
        if name not in AT:
            raise NotImplementedError(f"`{name}.at` is not supported yet")
        if name in AT_DTYPES and a.dtype.name not in AT_DTYPES[name]:
            raise TypeError(f"cupy.{name}.at does not support {a.dtype}")
        run(f"{name}.at", self._f.at, (a, indices, b), {}, in_place=True)

    def reduce(self, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        self._only("reduce")
        return run(f"{self.__name__}.reduce", self._f.reduce, (a, axis, dtype), {"out": out, "keepdims": keepdims})

    def accumulate(self, a: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        self._only("accumulate")
        return run(f"{self.__name__}.accumulate", self._f.accumulate, (a, axis, dtype), {"out": out})

    def outer(self, a: Any, b: Any) -> Any:
        return run(f"{self.__name__}.outer", self._f.outer, (a, b), {})

    def _only(self, method: str) -> None:
        if self.__name__ not in ("add", "multiply"):
            raise NotImplementedError(f"`{self.__name__}.{method}` is not supported yet")


class Namespace:
    """A module with CuPy's names and keywords over the functions of a module of NumPy."""

    def __init__(self, name: str, numpy_module: Any, functions: dict[str, Any], **members: Any) -> None:
        self.__name__, self._np, self._functions = name, numpy_module, functions
        self.__dict__.update(members)

    def __getattr__(self, name: str) -> Any:
        if name in self._functions:
            value = self._function(name)
        elif hasattr(self._np, name) and not callable(getattr(self._np, name)) and not hasattr(getattr(self._np, name), "__path__"):
            value = getattr(self._np, name)  # pi, newaxis, ...
        else:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        setattr(self, name, value)
        return value

    def _function(self, name: str) -> Any:
        if name == "asnumpy":
            return lambda a, **kwargs: a.get()
        function = getattr(self._np, name)
        if isinstance(function, type):
            return function  # float32 and the like
        if name in API["ufuncs"] and self._np is np:
            return UFunc(name)
        if name in FROM_HOST:
            return lambda a, *args, **kwargs: self._from_host(name, function, a, args, kwargs)

        def call(*args: Any, **kwargs: Any) -> Any:
            check_keywords(name, kwargs, self._functions[name])
            if name in LIBRARIES or self.__name__ == "cupy.linalg":
                refuse_capture(self.__name__, name)
            if name in JOINING and len(args[0]) > MOST_JOINED and len({a.dtype for a in args[0]}) == 1:
                LEDGER.transfer(f"{name}() of more than {MOST_JOINED} arrays")
            if name in WAITING or (name == "where" and len(args) == 1):
                LEDGER.sync(name)
            if name == "take_along_axis" and len(args) + len(kwargs) < 3:
                raise TypeError("take_along_axis() missing 1 required positional argument: 'axis'")
            if args and isinstance(args[0], list) and not any(isinstance(a, (ndarray, np.ndarray)) for a in args[0]):
                raise TypeError(f"{name}: Unsupported type {list}")
            if name in ("empty", "empty_like"):
                new = poisoned(function(*host(args, name), **kwargs))
                LEDGER.kept.append(new)  # a graph that is being captured refers to it by its address
                return device(new)
            sources = [a._a for a in args if isinstance(a, ndarray)]
            return run(name, function, args, kwargs, sources[0] if len(sources) == 1 else None, keeps_order=name in KEEPING_ORDER)

        return call

    def _from_host(self, name: str, function: Any, a: Any, args: Any, kwargs: Any) -> Any:
        check_keywords(name, kwargs, self._functions[name])
        if isinstance(a, ndarray):
            made = run(name, function, (a, *args), kwargs, a._a, keeps_order=name in KEEPING_ORDER)
            return a if made._a is a._a else made  # as CuPy does: what is an array already stays the same object
        if isinstance(a, (list, tuple)) and any(isinstance(item, ndarray) for item in a):
            return run(name, lambda items, *r, **k: function(items, *r, **k), (a, *args), kwargs)
        kwargs.pop("blocking", None)
        there = np.asarray(function(a if isinstance(a, SCALARS) else host_only(a), *args, **kwargs))
        if not there.ndim:  # a number goes to the device as an argument of a kernel that fills
            return device(LEDGER.launch("fill", lambda: there.copy()))
        LEDGER.transfer(f"{name}() of a host array")
        return device(np.array(there, order="F" if name in KEEPING_ORDER and there.flags.fnc else "C"))


def refuse_capture(module: str, name: str) -> None:
    """Raise what CuPy raises where its bindings of libraries are called while a stream captures."""
    if LEDGER.graph is not None:
        raise NotImplementedError(f"calling cuBLAS or cuSOLVER ({module}.{name}) during stream capture is currently unsupported")


def host_only(a: Any) -> Any:
    return a if isinstance(a, np.ndarray) else host(a, "asarray")


def poisoned(a: np.ndarray) -> np.ndarray:
    """Memory that nobody has written."""
    if a.dtype.kind in "fc":
        a.fill(np.nan)
    elif a.dtype.kind in "iu":
        a.fill(np.iinfo(a.dtype).max)
    return a


def make() -> Namespace:
    """Build the module."""
    linalg = Namespace("cupy.linalg", np.linalg, API["linalg"])
    tricks = Namespace("cupy.lib.stride_tricks", np.lib.stride_tricks, API["stride_tricks"])
    return Namespace(
        "cupy", np, {k: v for k, v in API["functions"].items() if hasattr(np, k) or k == "asnumpy"},
        ndarray=ndarray, linalg=linalg, lib=SimpleNamespace(stride_tricks=tricks), __version__=API["version"],
    )  # fmt: skip
