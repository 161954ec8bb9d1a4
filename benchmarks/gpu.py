"""One command for a machine with a GPU, of under 8 minutes: is everything right there, and how fast is it?

    python benchmarks/gpu.py            # all of it; results go to benchmarks/results/
    python benchmarks/gpu.py --only kernels

First what was proved without a GPU is checked on one: the rules of the strict double against the real CuPy, every op and
every kernel against NumPy, captured against eager steps. Then minigrad is timed beside PyTorch, in the same run. A check
that fails makes the exit status 1; a peer that is missing is reported as not measured.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

from gpu_checks import CHECKS, Result, backend, minigrad_step  # noqa: E402
from gpu_models import TRAINING, batch  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

import minigrad as mg  # noqa: E402

console = Console()


# --------------------------------------------------------------------------------------------------------- timings


def microseconds(work: Callable[[], Any], wait: Callable[[], Any], seconds: float = 1.0) -> float:
    """Time of one call, the shortest mean of five rounds; the device is waited for at the end of each."""
    for _ in range(5):
        work()
    wait()
    start = time.perf_counter()
    work()
    wait()
    n = max(3, int(seconds / 5 / max(time.perf_counter() - start, 1e-6)))
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(n):
            work()
        wait()
        best = min(best, (time.perf_counter() - start) / n)
    return best * 1e6


def time_minigrad(make: Callable[[Any], Any], shape: tuple[int, ...], size: int) -> Result:
    data = tuple(mg.Tensor(a).to("cuda") for a in batch(shape, size))
    step = minigrad_step(make)
    found = {"minigrad eager": microseconds(lambda: step(*data), mg.cuda.synchronize)}
    fast = mg.cuda.capture(minigrad_step(make))
    found["minigrad captured"] = microseconds(lambda: fast(*data), mg.cuda.synchronize)
    return found


def time_torch(make: Callable[[Any], Any], shape: tuple[int, ...], size: int) -> Result:
    """PyTorch eager, by torch.compile, and as a CUDA graph."""
    import torch

    x, labels = (torch.from_numpy(a).cuda() for a in batch(shape, size))
    found: Result = {}

    def fresh(compiled: bool) -> Callable[[], Any]:
        model = make(torch.nn).cuda()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True, capturable=True)
        run = torch.compile(model) if compiled else model

        def step() -> Any:
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(run(x), labels)
            loss.backward()
            optimizer.step()
            return loss

        return step

    found["PyTorch eager"] = microseconds(fresh(False), torch.cuda.synchronize)
    step = fresh(False)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    found["PyTorch CUDA graph"] = microseconds(graph.replay, torch.cuda.synchronize)
    try:
        found["PyTorch compiled"] = microseconds(fresh(True), torch.cuda.synchronize)
    except Exception as error:
        found["PyTorch compiled"] = f"not measured: {type(error).__name__}"
    return found


def launches_of(make: Callable[[Any], Any], shape: tuple[int, ...], size: int) -> int:
    """Nodes of the CUDA graph of a step."""
    fast = mg.cuda.capture(minigrad_step(make))
    data = batch(shape, size)
    for _ in range(2):
        fast(*data)
    (recording,) = [r for r in fast._graphs.values() if r is not None]
    return int(recording._graph.debug_dot_str().count("label=") - 1)


def training() -> Result:
    """Training steps of whole models."""
    results: Result = {}
    for name, (make, shape, size) in TRAINING.items():
        results[name] = {**attempt(time_minigrad, make, shape, size), **attempt(time_torch, make, shape, size)}
        results[name]["launches"] = attempt(lambda m, s, n: {"launches": launches_of(m, s, n)}, make, shape, size).get("launches")
    return results


def attempt(function: Callable[..., Result], *args: Any) -> Result:
    """Call a measurement; if it cannot be made, say so and go on."""
    try:
        return function(*args)
    except Exception as error:
        traceback.print_exc()
        return {f"{getattr(function, '__name__', 'it')} not measured": f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"}


def bandwidth() -> Result:
    """Bytes per second of batch norm forward and backward, beside those of a copy."""
    xp = backend().xp

    def on_device(work: Callable[[], Any]) -> float:
        start, end = xp.cuda.Event(), xp.cuda.Event()
        for _ in range(5):
            work()
        start.record()
        for _ in range(20):
            work()
        end.record()
        end.synchronize()
        return float(xp.cuda.get_elapsed_time(start, end)) / 20 * 1e-3

    a = xp.ones(2**28, dtype="float32")
    b = xp.empty_like(a)
    copy = 2 * a.nbytes / on_device(lambda: xp.copyto(b, a))
    results: Result = {"copy, TB/s": copy / 1e12}
    for shape in ((64, 256, 56, 56), (256, 1024)):
        x = mg.Tensor(xp.random.standard_normal(shape, dtype="float32"), requires_grad=True)
        w, c = (mg.Tensor(xp.ones(shape[1], dtype="float32"), requires_grad=True) for _ in range(2))
        axes = (0, *range(2, len(shape)))
        g = mg.Tensor(xp.ones(shape, dtype="float32"))
        y = mg.ops.batch_norm(x, w, c, axis=axes)[0]
        forward = on_device(lambda x=x, w=w, c=c, axes=axes: mg.ops.batch_norm(x, w, c, axis=axes))
        backward = on_device(lambda y=y, x=x, g=g: mg.grad(y, x, g, retain_graph=True))
        size = x.size * 4
        # what must move: x twice and y once; x and g twice and the gradient once
        results[f"batch norm {shape}"] = {
            "forward, of copy": 3 * size / forward / copy, "backward, of copy": 5 * size / backward / copy,
            "forward, us": forward * 1e6, "backward, us": backward * 1e6,
        }  # fmt: skip
    x, labels = mg.Tensor(xp.ones((8192, 1000), dtype="float32")), mg.Tensor(xp.zeros(8192, dtype="int64"))
    results["cross-entropy 8192x1000, us"] = on_device(lambda: mg.ops.mean_cross_entropy(x, labels)) * 1e6
    return results


# --------------------------------------------------------------------------------------------------------- report

TIMINGS: dict[str, Callable[[], Result]] = {"bandwidth": bandwidth, "training": training}


def environment() -> Result:
    xp = backend().xp
    properties = xp.cuda.runtime.getDeviceProperties(0)
    try:
        import torch

        peer = torch.__version__
    except ImportError:
        peer = "not installed"
    return {
        "device": properties["name"].decode(), "driver": xp.cuda.runtime.driverGetVersion(), "cupy": xp.__version__,
        "numpy": np.__version__,
        "torch": peer, "minigrad": mg.__version__, "python": platform.python_version(), "date": date.today().isoformat(),
    }  # fmt: skip


def show(results: Result) -> None:
    """Print what was found."""
    for name, found in results["checks"].items():
        console.print(f"[{'green' if found['ok'] else 'red'}]{name}[/]: {found}")
    columns = ["minigrad eager", "minigrad captured", "PyTorch eager", "PyTorch CUDA graph", "PyTorch compiled", "launches"]
    table = Table("microseconds a step", *columns)
    for name, row in results["timings"].get("training", {}).items():
        table.add_row(name, *[f"{row[c]:.0f}" if isinstance(row.get(c), (int, float)) else str(row.get(c, "-")) for c in columns])
    console.print(table)
    console.print(results["timings"].get("bandwidth", {}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*CHECKS, *TIMINGS], help="just this part")
    parser.add_argument("--no-write", action="store_true", help="write no file")
    options = parser.parse_args()
    status = mg.cuda.status()
    if not status.available:
        console.print(f"nothing can be measured here: {status.reason}", markup=False)
        return 2
    results: Result = {"environment": environment(), "checks": {}, "timings": {}}
    for name, check in CHECKS.items():
        if options.only in (None, name):
            found = attempt(check)
            results["checks"][name] = found if "ok" in found else {"ok": False, **found}
    for name, measure in TIMINGS.items():
        if options.only in (None, name):
            results["timings"][name] = attempt(measure)
    show(results)
    if not options.no_write:
        folder = HERE / "results"
        folder.mkdir(exist_ok=True)
        device = results["environment"]["device"].lower().replace(" ", "-")
        (folder / f"gpu-{device}.json").write_text(json.dumps(results, indent=1, default=str) + "\n")
    return 0 if all(check["ok"] for check in results["checks"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
