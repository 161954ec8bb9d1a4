"""Memory of a GPU: how much is held, and by which tensors."""

from __future__ import annotations

import gc
from typing import Any

from minigrad.backends import kind_of, owner
from minigrad.core.device import backend_of
from minigrad.core.tensor import Tensor


def free_memory() -> None:
    """Give memory that is not in use back to the device; CuPy keeps it otherwise, to be used again."""
    backend_of("cuda").xp.get_default_memory_pool().free_all_blocks()


def memory_report(most: int = 5) -> str:
    """Describe the memory that live tensors hold on GPUs: the total, and the largest ``most``."""
    found: dict[int, tuple[int, Tensor]] = {}
    for thing in gc.get_objects():
        if issubclass(type(thing), Tensor) and kind_of(getattr(thing, "data", None)) == "cuda":  # isinstance may run a stranger's code
            memory = owner(thing.data)
            found[id(memory)] = memory.nbytes, thing
    largest = sorted(found.values(), key=lambda pair: -pair[0])
    lines = [f"{megabytes(sum(n for n, _ in largest))} in {len(largest)} live tensors"]
    lines += [f"  {megabytes(n)}  {_described(tensor)}" for n, tensor in largest[:most]]
    return "\n".join(lines)


def megabytes(n: int) -> str:
    """Write a number of bytes for people."""
    return f"{n / 2**20:,.1f} MiB"


def _described(tensor: Any) -> str:
    made = tensor.node.name if tensor.node is not None else "no history"
    return f"{tensor.dtype}{list(tensor.shape)} ({made})"
