"""The double of ``cupy.cuda``, and how tests put a pretended GPU under the name "cuda"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from minigrad.backends import BACKENDS, XP
from minigrad.backends.cuda import CudaBackend, install
from support.strict import xp


class Device:
    """``cupy.cuda.Device``: the machine pretends to have one."""

    def __init__(self, index: int = 0) -> None:
        self.id = index

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *exception: object) -> None: ...


xp.cuda = SimpleNamespace(Device=Device, runtime=SimpleNamespace(getDeviceCount=lambda: 1))


@contextmanager
def pretended_gpu() -> Iterator[CudaBackend]:
    """Let "cuda" mean the strict double within a ``with`` block."""
    before = dict(XP), dict(BACKENDS)
    for kind in [c for c, backend in BACKENDS.items() if backend.kind == "cuda"]:
        del XP[kind], BACKENDS[kind]
    try:
        yield install(CudaBackend(xp))
    finally:
        for table, old in zip((XP, BACKENDS), before, strict=True):
            table.clear()
            table.update(old)
