"""NCCL through CuPy: how the GPUs of several processes exchange arrays, on the current stream, without the host.

`cupyx.distributed` is left aside: it opens a TCP server where MPI is at hand, and refuses sums of complex numbers. Nothing here has run on
a GPU; `minigrad.distributed.nccl` is tested with a stand-in that has NCCL's rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def connect(size: int, rank: int, device: int, spread: Callable[[Any], Any]) -> tuple[Any, Callable[[], int]]:
    """Connect this process's GPU with those of the others; return NCCL's communicator and a function that gives the current stream.

    Parameters
    ----------
    size, rank
        How many processes, and which of them this is. Each has one GPU.
    device
        The number of the GPU, which is made the current one.
    spread
        Returns what rank 0 gave it, on every rank: the communicator's name goes that way.
    """
    import cupy
    from cupy.cuda import nccl

    cupy.cuda.Device(device).use()  # before the communicator is made
    name = spread(nccl.get_unique_id() if rank == 0 else None)
    return nccl.NcclCommunicator(size, name, rank), lambda: int(cupy.cuda.get_current_stream().ptr)
