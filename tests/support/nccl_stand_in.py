"""What CuPy's NcclCommunicator does, between threads and on host memory, with NCCL's rules as errors."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from minigrad.distributed import DesyncError, spmd
from minigrad.distributed.nccl import NcclGroup
from minigrad.distributed.threads import Meeting

TYPES = {0: np.int8, 1: np.uint8, 2: np.int32, 3: np.uint32, 4: np.int64, 5: np.uint64, 6: np.float16, 7: np.float32, 8: np.float64}
FOLDS = {0: np.add, 1: np.multiply, 2: np.maximum, 3: np.minimum}


class NcclStandIn:
    """The same call, count and type on every rank; the current stream; nothing after abort."""

    def __init__(self, meeting: Meeting, rank: int, stream: Any = lambda: 0) -> None:
        self._meeting, self._rank, self._stream, self._dead = meeting, rank, stream, False

    def allReduce(self, send: int, recv: int, count: int, datatype: int, op: int, stream: int) -> None:
        self._view(recv, count, datatype)[...] = self._fold("allReduce", send, count, datatype, op, stream)

    def allGather(self, send: int, recv: int, count: int, datatype: int, stream: int) -> None:
        parts = self._meet("allGather", send, count, datatype, None, stream)
        self._view(recv, count * self._meeting.size, datatype)[...] = np.concatenate(parts)

    def reduceScatter(self, send: int, recv: int, recvcount: int, datatype: int, op: int, stream: int) -> None:
        total = self._fold("reduceScatter", send, recvcount * self._meeting.size, datatype, op, stream)
        self._view(recv, recvcount, datatype)[...] = total[self._rank * recvcount : (self._rank + 1) * recvcount]

    def broadcast(self, send: int, recv: int, count: int, datatype: int, root: int, stream: int) -> None:
        self._view(recv, count, datatype)[...] = self._meet("broadcast", send, count, datatype, root, stream)[root]

    def abort(self) -> None:
        self._dead = True

    def check_async_error(self) -> None:
        pass

    def _view(self, address: int, count: int, datatype: int) -> Any:
        kind = np.dtype(TYPES[datatype])
        if not count:
            return np.empty(0, kind)
        return np.frombuffer((ctypes.c_char * (count * kind.itemsize)).from_address(address), kind)

    def _meet(self, name: str, address: int, count: int, datatype: int, how: Any, stream: int) -> list[Any]:
        if self._dead:
            raise RuntimeError("NCCL_ERROR_INVALID_USAGE: the communicator was aborted")
        if stream != self._stream():
            raise RuntimeError(f"{name} is on stream {stream} and the kernels are on {self._stream()}: they are not in order")
        call = (name, count, datatype, how)
        found = self._meeting.exchange(self._rank, (call, self._view(address, count, datatype).copy()), name)
        if len({other for other, _ in found}) != 1:
            raise DesyncError(f"NCCL would wait for ever, or mix memory up: {[other for other, _ in found]}")
        return [part for _, part in found]

    def _fold(self, name: str, address: int, count: int, datatype: int, op: int, stream: int) -> Any:
        first, *others = self._meet(name, address, count, datatype, op, stream)
        for part in others:
            first = FOLDS[op](first, part)
        return first


def nccl_spmd(size: int, function: Any, *, check: bool = True, stream: Any = lambda: 0) -> list[Any]:
    """As `spmd`, through `NcclGroup`. ``stream`` is the current one, of the kernels."""
    meeting = Meeting(size)

    def run(host: Any) -> Any:
        try:
            return function(NcclGroup(NcclStandIn(meeting, host.rank, stream), host, lambda: 0))
        finally:
            meeting.leave(host.rank, "ended")

    return spmd(size, run, check=check)
