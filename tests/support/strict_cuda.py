"""The double of ``cupy.cuda``, and how tests put a pretended GPU under the name "cuda"."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from support import emulator
from support.strict import LEDGER, xp

from minigrad.backends import BACKENDS, KINDS, XP, cuda
from minigrad.backends.cuda import CudaBackend
from minigrad.core.op import OPS, Op
from minigrad.kernels.cuda import install

HERE = Path(__file__).parent


class Device:
    """``cupy.cuda.Device``: the machine pretends to have one."""

    def __init__(self, index: int = 0) -> None:
        self.id = index

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *exception: object) -> None: ...


class Stream:
    """``cupy.cuda.Stream``."""

    def __init__(self, null: bool = False, non_blocking: bool = False) -> None:
        self.ptr = id(self) if non_blocking else 0
        self._before: Any = None

    def __enter__(self) -> Stream:
        self._before, xp.cuda.current = xp.cuda.current, self
        return self

    def __exit__(self, *exception: object) -> None:
        xp.cuda.current = self._before

    def synchronize(self) -> None:
        LEDGER.sync("synchronize()")

    def begin_capture(self, mode: Any = None) -> None:
        assert self.ptr, "the null stream cannot be captured"
        LEDGER.graph, LEDGER.broken, LEDGER.kept = [], None, []

    def end_capture(self) -> Graph:
        graph, LEDGER.graph = LEDGER.graph, None
        if LEDGER.broken:
            raise RuntimeError(f"cudaErrorStreamCaptureInvalidated, by {LEDGER.broken}")
        assert graph is not None
        return Graph(graph, LEDGER.kept)


class Graph:
    """``cupy.cuda.graph.Graph``: launches to be done again, and the memory they use."""

    def __init__(self, work: list[Any], kept: list[Any]) -> None:
        self._work, self._kept = work, list(kept)

    def launch(self, stream: Any = None) -> None:
        LEDGER.launches.append("graph")
        for work in self._work:
            work()

    def debug_dot_str(self, flags: int = 0) -> str:
        nodes = "".join(f'"graph_1_node_{k}"[style="solid" shape="record" label="{k}"];\n' for k in range(len(self._work)))
        edges = "".join(f'"graph_1_node_{k}" -> "graph_1_node_{k + 1}";\n' for k in range(len(self._work) - 1))
        return f'digraph dot {{\nsubgraph cluster_1 {{\nlabel="graph_1" graph[style="dashed"];\n{nodes}{edges}}}\n}}\n'


class Event:
    """``cupy.cuda.Event``: everything has passed at once; but whether it was waited for is known."""

    def __init__(self) -> None:
        self.waited = False

    def record(self, stream: Any = None) -> None:
        self.time, self.waited = time.perf_counter(), False

    def synchronize(self) -> None:
        self.waited = True


class MemoryPool:
    """``cupy.cuda.MemoryPool``."""

    def malloc(self, size: int) -> None: ...

    def free_all_blocks(self) -> None: ...


class RawModule:
    """``cupy.RawModule``: the program runs on the CPU, and its launches are counted."""

    def __init__(self, code: str, options: tuple[str, ...] = ()) -> None:
        self._module = emulator.RawModule(code)

    def get_function(self, name: str) -> Any:
        function = self._module.get_function(name)

        def launch(grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...], shared_mem: int = 0) -> None:
            LEDGER.launch(name, lambda: function(grid, block, args, shared_mem), in_place=True)

        return launch


def library() -> Any:
    """The stand-in for cuBLAS, whose launches are counted."""
    real = emulator.build("c", (HERE / "fake_cublas.c").read_text(), "-std=gnu11")

    def product(*args: Any) -> int:
        alpha, beta = (ctypes.c_char * 8).from_address(args[6]).raw, (ctypes.c_char * 8).from_address(args[15]).raw

        def work() -> None:  # at a replay the addresses of alpha and beta are gone, their values are baked in
            values = list(args)
            kept = ctypes.create_string_buffer(alpha), ctypes.create_string_buffer(beta)
            values[6], values[15] = map(ctypes.addressof, kept)
            status = real.cublasGemmStridedBatchedEx(*values)
            assert status == 0, f"cublasGemmStridedBatchedEx: status {status}"

        LEDGER.launch("gemm", work, in_place=True)
        return 0

    return SimpleNamespace(
        cublasCreate_v2=real.cublasCreate_v2, cublasSetStream_v2=real.cublasSetStream_v2,
        cublasSetWorkspace_v2=real.cublasSetWorkspace_v2, cublasGemmStridedBatchedEx=Typed(real.cublasGemmStridedBatchedEx, product),
    )  # fmt: skip


class Typed:
    """A function of the library with something around it; the types of its arguments are those of the library's."""

    def __init__(self, function: Any, call: Any) -> None:
        self.__dict__.update(_function=function, _call=call)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._function, name, value)

    def __call__(self, *args: Any) -> Any:
        return self._call(*args)


null_stream = Stream()
xp.RawModule = RawModule
xp.get_default_memory_pool = MemoryPool
xp.cuda = SimpleNamespace(
    Device=Device, Stream=Stream, current=null_stream, get_current_stream=lambda: xp.cuda.current,
    runtime=SimpleNamespace(
        getDeviceCount=lambda: 1, getDeviceProperties=lambda index: {"name": b"Pretended GPU"}, driverGetVersion=lambda: 13000,
        runtimeGetVersion=lambda: 13000,
    ),
    Event=Event, MemoryPool=MemoryPool, get_elapsed_time=lambda start, end: 1e3 * (end.time - start.time), Graph=Graph,
    using_allocator=lambda malloc: nullcontext(), set_allocator=lambda malloc: None, alloc_pinned_memory=lambda size: bytearray(size),
)  # fmt: skip


_withdrawn: dict[Op, dict[Any, Any]] = {}  # the kernels of CUDA, which are declared once, while no GPU is pretended


def _withdraw_kernels() -> None:
    """Take the kernels of CUDA from the ops, so that tests of the CPU find them as they are without it."""
    for op in OPS.values():
        kernels = {key: kernel for key, kernel in op.kernels.items() if key[0] == "cuda"}
        if kernels:
            _withdrawn[op] = kernels
            for key in kernels:
                del op.kernels[key]
            op.plans.clear()


@contextmanager
def pretended_gpu() -> Iterator[CudaBackend]:
    """Let "cuda" mean the strict double, its kernels run by the emulator, within a ``with`` block."""
    before = dict(XP), dict(BACKENDS)
    for kind in [c for c, backend in BACKENDS.items() if backend.kind == "cuda"]:
        del XP[kind], BACKENDS[kind]
    real, cuda.load_library = cuda.load_library, library
    try:
        backend = install(CudaBackend(xp))
        for op, kernels in _withdrawn.items():
            op.kernels.update(kernels)
            op.plans.clear()
        yield backend
    finally:
        _withdraw_kernels()
        KINDS.discard("cuda")
        cuda.load_library = real
        for table, old in zip((XP, BACKENDS), before, strict=True):
            table.clear()
            table.update(old)
