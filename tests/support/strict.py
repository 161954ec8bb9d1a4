"""A strict double of CuPy where there is no GPU: the arithmetic of NumPy under the rules of CuPy.

`xp` stands for the module ``cupy``. Its arrays refuse what CuPy's refuse: implicit conversion to NumPy, mixing with host
arrays, functions and keywords that CuPy lacks (``cupy_api.json``, written from an installed CuPy). Where CuPy would be
silently slow or undefined, the double is louder: host indices and repeated indices in an assignment are errors, memory
that nobody has written is NaN.

`LEDGER` counts launches, transfers and synchronisations, can forbid the latter, and records launches instead of running
them while a stream captures (`support.strict_cuda`). A launch is counted once for each call of a CuPy function that
computes something; a few of them (var, stack, pad, ...) take more than one kernel in CuPy, so counts of plain formulas
are lower bounds, and counts of our own kernels are exact.
"""

from __future__ import annotations

import json
import operator
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

API = json.loads(Path(__file__).with_name("cupy_api.json").read_text())
SCALARS = (bool, int, float, complex, np.generic)


class HostSync(AssertionError):
    """The host would wait for the device where that is forbidden."""


class OutOfMemoryError(MemoryError):
    """``cupy.cuda.memory.OutOfMemoryError``."""


class Ledger:
    """What the double was asked to do."""

    def __init__(self) -> None:
        self.launches: list[str] = []
        self.transfers: list[str] = []
        self.syncs: list[str] = []
        self.forbid_sync = False
        self.most_bytes: int | None = None  #: an allocation of more fails
        self.graph: list[Callable[[], None]] | None = None  #: what a capturing stream has recorded
        self.kept: list[np.ndarray] = []  #: memory that launches refer to
        self.broken: str | None = None  #: what has invalidated the capture

    def clear(self) -> None:
        """Start counting again."""
        self.launches, self.transfers, self.syncs, self.kept = [], [], [], []

    def sync(self, what: str) -> None:
        """Note that the host waits for the device."""
        self.syncs.append(what)
        if self.graph is not None:
            self.broken = what
            raise RuntimeError(f"{what}: operation not permitted when stream is capturing")
        if self.forbid_sync:
            raise HostSync(f"{what} waits for the device inside no_sync()")

    def transfer(self, what: str) -> None:
        """Note that data goes from the host to the device."""
        self.transfers.append(what)
        if self.graph is not None:
            self.broken = what
            raise RuntimeError(f"{what}: the current stream is capturing, so synchronous API calls are disallowed")

    def launch(self, what: str, work: Callable[[], Any], in_place: bool = False) -> Any:
        """Do some work of the device now; or, while a stream captures, record it to be done at each replay.

        Work that gives a new array is done once while recording, for its shape, and the array filled with NaN; work in
        place is not done.
        """
        if self.graph is not None and in_place:
            self.launches.append(what)
            self.graph.append(work)
            return None
        result = work()
        if is_view(result, work):
            return result
        self.launches.append(what)
        if self.graph is not None:
            self.graph.append(lambda: write(work(), result))
            poison(result)
        return result


LEDGER = Ledger()


@contextmanager
def no_sync() -> Iterator[None]:
    """Refuse everything that makes the host wait for the device."""
    before, LEDGER.forbid_sync = LEDGER.forbid_sync, True
    try:
        yield
    finally:
        LEDGER.forbid_sync = before


def is_view(result: Any, work: Any) -> bool:
    """Tell whether a result is made without the device doing anything."""
    return isinstance(result, np.ndarray) and getattr(work, "source", None) is not None and np.may_share_memory(result, work.source)


def write(new: Any, into: Any) -> None:
    """Put what a replay has computed where the capture promised it."""
    if isinstance(into, np.ndarray):
        into[...] = new
    elif isinstance(into, (tuple, list)):
        for a, b in zip(new, into, strict=True):
            write(a, b)


def poison(value: Any) -> None:
    """Fill with what makes it plain that nothing was computed yet."""
    if isinstance(value, np.ndarray):
        value.fill(np.nan if value.dtype.kind in "fc" else 0)
    elif isinstance(value, (tuple, list)):
        for item in value:
            poison(item)


class Work:
    """A call to be made on host memory, and the array whose memory the result may share."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any, source: Any = None, order: str = "C") -> None:
        self.function, self.args, self.kwargs, self.source, self.order = function, args, kwargs, source, order

    def __call__(self) -> Any:
        with np.errstate(all="ignore"):
            result = self.function(*self.args, **self.kwargs)
        return own(result, self.source, self.order)


def own(result: Any, source: Any, order: str = "C") -> Any:
    """Bring a result of NumPy into the form that CuPy's has: arrays, never scalars, and in that order unless a view."""
    if isinstance(result, np.ndarray):
        return result if source is not None and np.may_share_memory(result, source) else np.array(result, order=order)
    if isinstance(result, np.generic):
        return np.asarray(result)
    if isinstance(result, (tuple, list)):
        kind = type(result) if type(result) in (tuple, list) else tuple
        return kind(own(item, source) for item in result)
    return result


def run(
    name: str, function: Callable[..., Any], args: Any, kwargs: Any, source: Any = None, in_place: bool = False, keeps_order: bool = False
) -> Any:
    """Do one operation of the device on double arrays, and return double arrays."""
    out = kwargs.get("out")
    work = Work(function, host(args, name), host(kwargs, name), source, "K" if keeps_order else "C")
    result = LEDGER.launch(name, work, in_place or out is not None)
    return out if out is not None else device(result)


def host(value: Any, where: str) -> Any:
    """The memory behind double arrays, refusing arrays of the host."""
    if isinstance(value, ndarray):
        return value._a
    if isinstance(value, np.ndarray):
        raise TypeError(f"{where}: Unsupported type {np.ndarray}; move a host array to the device first")
    if isinstance(value, (tuple, list)):
        return type(value)(host(item, where) for item in value)
    if isinstance(value, dict):
        return {k: host(item, where) for k, item in value.items()}
    return value


def device(value: Any) -> Any:
    """Double arrays around host memory."""
    if isinstance(value, np.ndarray):
        return ndarray(value)
    if isinstance(value, (tuple, list)):
        return type(value)(device(item) for item in value)
    return value


def check_keywords(name: str, given: Any, allowed: list[str] | None) -> None:
    if allowed is not None and set(given) - set(allowed):
        raise TypeError(f"{name}() got an unexpected keyword argument {sorted(set(given) - set(allowed))[0]!r}")


class Memory:
    """Stands for ``array.data``: where the memory is."""

    def __init__(self, array: np.ndarray) -> None:
        self.ptr = array.ctypes.data


OWNERS: weakref.WeakValueDictionary[int, ndarray] = weakref.WeakValueDictionary()  #: memory -> the array that owns it


class ndarray:
    """An array on the pretended device."""

    __slots__ = ("__weakref__", "_a")
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, a: np.ndarray) -> None:
        self._a = a
        if LEDGER.most_bytes is not None and a.base is None and a.nbytes > LEDGER.most_bytes:
            raise OutOfMemoryError(f"Out of memory allocating {a.nbytes:,} bytes (allocated so far: {LEDGER.most_bytes:,} bytes).")
        if a.base is None:
            OWNERS[id(a)] = self

    shape = property(lambda self: self._a.shape)
    dtype = property(lambda self: self._a.dtype)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)
    nbytes = property(lambda self: self._a.nbytes)
    itemsize = property(lambda self: self._a.itemsize)
    strides = property(lambda self: self._a.strides)
    T = property(lambda self: ndarray(self._a.T))
    mT = property(lambda self: ndarray(self._a.mT))
    real = property(lambda self: ndarray(self._a.real))
    imag = property(lambda self: ndarray(self._a.imag))
    data = property(lambda self: Memory(self._a))
    device = property(lambda self: xp.cuda.Device(0))

    @property
    def base(self) -> Any:
        return None if self._a.base is None else OWNERS.get(id(self._a.base))

    @property
    def flags(self) -> Any:
        return Flags(self._a)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array explicitly.")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        function = getattr(xp, ufunc.__name__)
        if "out" in kwargs:
            kwargs["out"] = kwargs["out"][0]
        return (function if method == "__call__" else getattr(function, method))(*inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return getattr(xp, function.__name__)(*args, **kwargs)

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
        LEDGER.sync("get()")
        if out is None:
            return self._a.copy(order)
        out[...] = self._a
        return out

    def set(self, array: np.ndarray, stream: Any = None) -> None:
        if not isinstance(array, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if stream is None or LEDGER.graph is not None:
            LEDGER.transfer("set()")
        if array.dtype != self.dtype:
            raise TypeError(f"{array.dtype} array cannot be set to {self.dtype} array")
        if array.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {array.shape}")
        if not (self._a.flags.c_contiguous or self._a.flags.f_contiguous):
            raise RuntimeError("Cannot set to non-contiguous array")
        self._a[...] = array

    def __len__(self) -> int:
        return len(self._a)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        raise ValueError("the truth value of a row is ambiguous: a device array has no `in` of its own, Python asks row by row")

    def __repr__(self) -> str:
        LEDGER.sync("repr()")
        return repr(self._a)

    def __getitem__(self, key: Any) -> Any:
        check_index(key)
        return run("getitem", lambda a, k: np.asarray(a[k]), (self, key), {}, self._a)

    def __setitem__(self, key: Any, value: Any) -> None:
        check_index(key)
        places = host(key, "index")
        if any(isinstance(part, ndarray) for part in (key if isinstance(key, tuple) else (key,))):
            named = np.arange(self.size).reshape(self.shape)[places]
            assert named.size == np.unique(named).size, "x[indices] = values with repeated indices is undefined on the device"
        run("setitem", lambda a, k, v: a.__setitem__(k, v), (self, key, value), {}, in_place=True)

    def __getattr__(self, name: str) -> Any:
        if name not in API["methods"]:
            raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r}")
        method = getattr(np.ndarray, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            check_keywords(name, kwargs, API["methods"][name])
            if any(isinstance(a, list) for a in args):
                raise TypeError(f"{name}: a list is not a device array")
            in_place = name in ("fill", "sort", "partition")
            return run(name, method, (self, *args), kwargs, self._a, in_place, keeps_order=name == "astype")

        return call


class Flags:
    """CuPy's flags say how memory lies, and nothing about writing."""

    def __init__(self, a: np.ndarray) -> None:
        self.c_contiguous, self.f_contiguous, self.owndata = a.flags.c_contiguous, a.flags.f_contiguous, a.flags.owndata


def check_index(key: Any) -> None:
    """Refuse indices that CuPy would copy to the device each time, and count those it has to wait for."""
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, ndarray) and part.dtype == bool:
            LEDGER.sync("indexing with a boolean mask")
        elif isinstance(part, (np.ndarray, list)):
            raise TypeError("an index from the host is copied to the device each time; copy it once with xp.asarray")


def _waits(name: str, convert: Callable[[np.ndarray], Any]) -> None:
    def method(self: ndarray) -> Any:
        LEDGER.sync(f"{name.strip('_')}()")
        return convert(self._a)

    setattr(ndarray, name, method)


for _name, _convert in {
    "__float__": float, "__int__": int, "__bool__": bool, "__complex__": complex, "item": np.ndarray.item, "tolist": np.ndarray.tolist,
}.items():  # fmt: skip
    _waits(_name, _convert)


def _operators() -> None:
    """Give the double its operators; CuPy has no @=."""

    def binary(name: str, function: Any, reflected: bool) -> Any:
        def method(self: ndarray, other: Any) -> Any:
            if isinstance(other, (list, tuple)) or not isinstance(other, (ndarray, np.ndarray, *SCALARS)):
                return NotImplemented
            if name == "matmul":
                return xp.matmul(other, self) if reflected else xp.matmul(self, other)
            return run(name, function, (other, self) if reflected else (self, other), {})

        return method

    def in_place(name: str, function: Any) -> Any:
        def method(self: ndarray, other: Any) -> Any:
            run(name, function, (self, other), {}, in_place=True)
            return self

        return method

    for stem in ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift"]:
        function = getattr(operator, stem + "_" if stem in ("and", "or") else stem)
        setattr(ndarray, f"__{stem}__", binary(stem, function, False))
        setattr(ndarray, f"__r{stem}__", binary(stem, function, True))
        if stem != "matmul":
            setattr(ndarray, f"__i{stem}__", in_place(f"i{stem}", getattr(operator, f"i{stem}")))
    for stem in ["lt", "le", "gt", "ge", "eq", "ne"]:
        setattr(ndarray, f"__{stem}__", binary(stem, getattr(operator, stem), False))
    for stem in ["neg", "pos", "abs", "invert"]:
        setattr(ndarray, f"__{stem}__", lambda self, n=stem: run(n, getattr(operator, n), (self,), {}))


_operators()

from support.strict_namespace import make  # noqa: E402  (needs the array class)

xp = make()
