"""Ranks as processes, on one machine or several, through MPI: mpi4py, with the MPICH that comes as a wheel (the extra ``mpi``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.backends import Array
from minigrad.distributed.group import Group


class MpiGroup(Group):
    """The ranks of an MPI communicator; by default of all processes of the job.

    Sums are MPI's own: MPICH's have the same bits on every rank, which MPI's standard only recommends.
    """

    def __init__(self, comm: Any = None, **options: Any) -> None:
        from mpi4py import MPI

        self.comm: Any = MPI.COMM_WORLD if comm is None else comm
        super().__init__(self.comm.rank, self.comm.size, **options)
        self._ops = {"sum": MPI.SUM, "max": MPI.MAX, "min": MPI.MIN}
        self._in_place = MPI.IN_PLACE

    def rank_on_machine(self) -> int:
        """Return the number of this rank among those of its machine."""
        from mpi4py import MPI

        return int(self.comm.Split_type(MPI.COMM_TYPE_SHARED).rank)

    def _reduce(self, x: Array, op: str) -> Array:
        numbers = _as_mpi_has_them(x)
        result = np.empty_like(numbers)
        self.comm.Allreduce(numbers, result, self._ops[op])
        return result.astype(x.dtype, copy=False)

    def _reduce_in_place(self, x: Array) -> None:
        if x.__class__ is np.ndarray and _as_mpi_has_them(x) is x:
            self.comm.Allreduce(self._in_place, x)
        else:
            super()._reduce_in_place(x)

    def _scatter(self, x: Array) -> Array:
        numbers = _as_mpi_has_them(x)
        result = np.empty(x.shape[1:], numbers.dtype)
        self.comm.Reduce_scatter_block(numbers, result)
        return result.astype(x.dtype, copy=False)

    def _gather(self, x: Array) -> Array:
        result = np.empty((self.size, *x.shape), x.dtype)
        self.comm.Allgather(_as_bytes(x), _as_bytes(result))
        return result

    def _spread(self, x: Array, root: int) -> Array:
        result = x.copy()
        self.comm.Bcast(_as_bytes(result), root)
        return result

    def _exchange(self, value: Any) -> list[Any]:
        return list(self.comm.allgather(value))

    def _split(self, color: int) -> Group:
        return MpiGroup(self.comm.Split(color, self.rank), check=self.check, progress=self.progress)


def _as_mpi_has_them(x: Array) -> Array:
    """MPI has no half precision; its sums are taken in float32."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _as_bytes(x: Array) -> Array:
    return x.reshape(-1).view(np.uint8)
