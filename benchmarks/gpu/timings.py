"""What benchmarks/gpu times: training steps beside PyTorch's, and batch norm beside a copy."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import minigrad as mg
from gpu.checks import minigrad_step
from gpu.models import TRAINING, batch
from gpu.part import Record, Result, backend

Make = Callable[[Any], Any]


SECONDS = 1.0  #: that a measurement takes


def microseconds(work: Callable[[], Any], wait: Callable[[], Any]) -> float:
    """Time of one call, the shortest mean of five rounds; the device is waited for at the end of each."""
    for _ in range(5):
        work()
    wait()
    start = time.perf_counter()
    work()
    wait()
    n = max(3, int(SECONDS / 5 / max(time.perf_counter() - start, 1e-6)))
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(n):
            work()
        wait()
        best = min(best, (time.perf_counter() - start) / n)
    return best * 1e6


# ----------------------------------------------------------------------------------------------------- training steps


def on_device(shape: tuple[int, ...], size: int) -> tuple[Any, ...]:
    """A batch on the GPU."""
    return tuple([mg.Tensor(a).to("cuda") for a in batch(shape, size)])


def minigrad_eager(make: Make, shape: tuple[int, ...], size: int) -> float:
    data, step = on_device(shape, size), minigrad_step(make)
    return microseconds(lambda: step(*data), mg.cuda.synchronize)


def minigrad_captured(make: Make, shape: tuple[int, ...], size: int) -> float:
    """Including the copies of the batch into the graph's memory and of the loss out of it."""
    data, step = on_device(shape, size), mg.cuda.capture(minigrad_step(make))
    return microseconds(lambda: step(*data), mg.cuda.synchronize)


def nodes(make: Make, shape: tuple[int, ...], size: int) -> int:
    """Launches, copies and fills in the CUDA graph of a step."""
    step, data = mg.cuda.capture(minigrad_step(make)), on_device(shape, size)
    for _ in range(2):
        step(*data)
    return len(set(re.findall(r"graph_\d+_node_\d+", step.program._graph.debug_dot_str())))


def torch_step(make: Make, shape: tuple[int, ...], size: int, compiled: bool = False) -> Callable[[], Any]:
    """The same step in PyTorch, at its best: products in float32 as ours, the fused optimizer, cuDNN that tries its algorithms."""
    import torch

    torch.backends.cudnn.set_flags(_allow_tf32=False, _benchmark=True)  # attributes are locked once torch.testing is imported
    device = "cuda" if torch.cuda.is_available() else "cpu"
    x, labels = (torch.from_numpy(a).to(device) for a in batch(shape, size))
    model = make(torch.nn).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True, capturable=device == "cuda")
    run = torch.compile(model) if compiled else model

    def step() -> Any:
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(run(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


def torch_wait() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def torch_eager(make: Make, shape: tuple[int, ...], size: int) -> float:
    return microseconds(torch_step(make, shape, size), torch_wait)


def torch_compiled(make: Make, shape: tuple[int, ...], size: int) -> float:
    return microseconds(torch_step(make, shape, size, compiled=True), torch_wait)


def torch_graph(make: Make, shape: tuple[int, ...], size: int) -> float:
    import torch

    step = torch_step(make, shape, size)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return microseconds(graph.replay, torch_wait)


#: columns of the table, in the order in which they are measured
STEPS: dict[str, Callable[..., float]] = {
    "minigrad captured": minigrad_captured, "minigrad eager": minigrad_eager, "nodes": nodes, "PyTorch eager": torch_eager,
    "PyTorch CUDA graph": torch_graph,
}  # fmt: skip


def training(record: Record) -> None:
    """Microseconds of a training step of whole models."""
    for name, (make, shape, size) in TRAINING.items():
        for way, measure in STEPS.items():
            record.attempt(f"{name}: {way}", measure, make, shape, size)


def compiled(record: Record) -> None:
    """The same with torch.compile, which takes long to begin."""
    for name, (make, shape, size) in TRAINING.items():
        record.attempt(f"{name}: PyTorch compiled", torch_compiled, make, shape, size)


# ---------------------------------------------------------------------------------------------------------- bandwidth

COPIED = 2**30  #: bytes
NORMALIZED: tuple[tuple[int, ...], ...] = ((64, 256, 56, 56), (256, 1024))
CLASSIFIED = (8192, 1000)  #: rows and classes


def seconds_of(work: Callable[[], Any], calls: int = 20) -> float:
    """Time of one call by the clock of the device; the best of three rounds."""
    cuda = backend().xp.cuda
    best = float("inf")
    for _ in range(3):
        for _ in range(3):
            work()
        start, end = cuda.Event(), cuda.Event()
        start.record()
        for _ in range(calls):
            work()
        end.record()
        end.synchronize()
        best = min(best, cuda.get_elapsed_time(start, end) / calls * 1e-3)
    return best


def copy_rate(size: int) -> float:
    """Bytes read and written per second by a copy."""
    xp = backend().xp
    a = xp.ones(size // 4, dtype="float32")
    b = xp.empty_like(a)
    return 2 * a.nbytes / seconds_of(lambda: xp.copyto(b, a))


def batch_norm(shape: tuple[int, ...], copy: float) -> Result:
    """Time of batch norm, and its bytes per second as a part of the copy's: of the bytes that must move, and of those that do.

    What must move is x and y forward, x, the cotangent and the gradient backward. A channel that does not fit on the chip
    has its inputs read twice: once for the sums, once for the result.
    """
    x = mg.random.normal(shape, device="cuda").requires_grad_()
    w, c = (mg.ones(shape[1], device="cuda", requires_grad=True) for _ in range(2))
    axes = (0, *range(2, len(shape)))
    g = mg.ones(shape, device="cuda")
    y = mg.ops.batch_norm(x, w, c, axis=axes)[0]
    with mg.no_grad():
        forward = seconds_of(lambda: mg.ops.batch_norm(x, w, c, axis=axes))
    backward = seconds_of(lambda: mg.grad(y, [x, w, c], g, retain_graph=True))
    rates = {"forward": (2, 3, forward), "backward": (3, 5, backward)}
    found: Result = {}
    for name, (least, streamed, seconds) in rates.items():
        found[f"{name}, us"] = seconds * 1e6
        found[f"{name}, bytes that must move, of copy"] = least * x.size * 4 / seconds / copy
        found[f"{name}, bytes that move, of copy"] = streamed * x.size * 4 / seconds / copy
    return found


def cross_entropy(shape: tuple[int, int]) -> float:
    """Microseconds of softmax cross-entropy with its mean."""
    x, labels = mg.random.normal(shape, device="cuda"), mg.Tensor(batch((1,), shape[0])[1]).to("cuda")
    return seconds_of(lambda: mg.ops.mean_cross_entropy(x, labels)) * 1e6


def bandwidth(record: Record) -> None:
    """Kernels that are bound by memory, beside a copy."""
    record.attempt("copy, bytes/s", copy_rate, COPIED)
    copy = record.found["copy, bytes/s"]
    for shape in NORMALIZED:
        record.attempt(f"batch norm {shape}", batch_norm, shape, copy if isinstance(copy, float) else float("nan"))
    record.attempt(f"cross-entropy {CLASSIFIED}, us", cross_entropy, CLASSIFIED)
