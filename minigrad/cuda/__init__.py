"""What only CUDA devices have: captured training steps, waiting, memory, and the precision of products.

``capture`` records a training step once and replays it as one launch. Everything else works on a GPU as it does on the
CPU: ``model.to("cuda")``, ``mg.tensor(..., device="cuda")``. `status` says whether there is one and, if not, why.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from minigrad.backends import CaptureError
from minigrad.backends.cublas import PRECISIONS
from minigrad.backends.cuda import CudaStatus, cuda_status as status
from minigrad.core.device import backend_of
from minigrad.cuda.memory import free_memory, memory_report

if TYPE_CHECKING:
    from minigrad.replay import CapturedStep as CapturedStep
    from minigrad.replay.captured import capture_on_gpu as capture

__all__ = [
    "CaptureError", "CapturedStep", "CudaStatus", "capture", "free_memory", "memory_report", "set_product_precision", "status",
    "synchronize",
]  # fmt: skip


#: names that stand above this room, and are looked up there when they are first used
_DOORS = {"CapturedStep": "CapturedStep", "capture": "capture_on_gpu"}


def __getattr__(name: str) -> Any:
    if name not in _DOORS:
        raise AttributeError(f"module 'minigrad.cuda' has no attribute {name!r}")
    return getattr(import_module("minigrad.replay.captured"), _DOORS[name])


def synchronize() -> None:
    """Wait until the current GPU has done everything it was given."""
    _backend().xp.cuda.get_current_stream().synchronize()


def set_product_precision(name: str) -> str:
    """Say how products of float32 matrices may be rounded on a GPU; return what held before.

    ``"float32"`` (the default) agrees with the CPU; ``"tf32"`` and ``"bfloat16"`` use tensor cores, which multiply with
    10 and 7 bits of mantissa and add in float32.
    """
    if name not in PRECISIONS:
        raise ValueError(f"unknown precision {name!r}: expected {', '.join(map(repr, PRECISIONS))}")
    backend = _backend()
    before: str = backend.precision
    backend.precision = name
    return before


def _backend() -> Any:
    return backend_of("cuda")
