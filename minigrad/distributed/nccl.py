"""Ranks as processes with a GPU each, through NCCL; words go by another group, of the hosts.

Every call is put on the current stream, so it is in order with the kernels before and after it, and the host does not wait.
Nothing here has run on a GPU: it is tested on `tests/support/nccl_stand_in.py`, which has the methods, arguments and rules of
CuPy's ``NcclCommunicator``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.backends import Array, namespace
from minigrad.distributed.group import Group

#: numbers of nccl.h: ncclDataType_t by NumPy's letters (complex numbers as pairs), and ncclRedOp_t
TYPES = {"b": 0, "B": 1, "i": 2, "I": 3, "l": 4, "q": 4, "L": 5, "Q": 5, "e": 6, "f": 7, "d": 8, "F": 7, "D": 8}
REDUCTIONS = {"sum": 0, "max": 2, "min": 3}


class NcclGroup(Group):
    """The ranks of an NCCL communicator.

    Parameters
    ----------
    communicator
        ``cupy.cuda.nccl.NcclCommunicator``, as `minigrad.backends.cuda_nccl.connect` makes it.
    host
        The same ranks, for words: comparisons and Python objects.
    stream
        Returns the current stream.
    """

    def __init__(self, communicator: Any, host: Group, stream: Callable[[], int]) -> None:
        super().__init__(host.rank, host.size, check=host.check, progress=host.progress)
        self._communicator, self._host, self._stream = communicator, host, stream

    def _ready(self, x: Array) -> Array:
        return namespace(x).ascontiguousarray(x).reshape(x.shape)

    def _back(self, result: Array, like: Array) -> Array:
        return result

    def _reduce(self, x: Array, op: str) -> Array:
        return self._call("allReduce", x, namespace(x).empty_like(x), x, REDUCTIONS[op])

    def _reduce_in_place(self, x: Array) -> None:
        self._call("allReduce", x, x, x, REDUCTIONS["sum"])

    def _gather(self, x: Array) -> Array:
        return self._call("allGather", x, namespace(x).empty((self.size, *x.shape), dtype=x.dtype), x)

    def _scatter(self, x: Array) -> Array:
        result = namespace(x).empty(x.shape[1:], dtype=x.dtype)
        return self._call("reduceScatter", x, result, result, REDUCTIONS["sum"])

    def _spread(self, x: Array, root: int) -> Array:
        return self._call("broadcast", x, namespace(x).empty_like(x), x, root)

    def _agree(self, text: str) -> None:
        self._host._agree(text)

    def _exchange(self, value: Any) -> list[Any]:
        return self._host._exchange(value)

    def _call(self, name: str, source: Array, result: Array, counted: Array, *how: int) -> Array:
        """Put a call on the current stream; ``counted`` is the array whose elements it counts."""
        kind = TYPES.get(source.dtype.char)
        if kind is None:
            raise TypeError(f"{name}: NCCL has no numbers of {source.dtype}; convert x first")
        count = counted.size * (2 if source.dtype.kind == "c" else 1)
        getattr(self._communicator, name)(_address(source), _address(result), count, kind, *how, self._stream())
        return result


def _address(x: Array) -> int:
    """Where an array lies on the device; on the host for the stand-in."""
    memory = x.data
    return int(memory.ptr if hasattr(memory, "ptr") else x.ctypes.data)
