"""The same work in minigrad and in its peers: time as a ratio to PyTorch, and peak memory.

    python benchmarks/compare.py [--workloads mlp64,cnn64] [--peers torch,jax] [--rounds 15] [--quick] [--json FILE]

A peer that is not installed is left out (the extra `bench` brings them). For every workload one process
holds all peers, makes sure that they compute equal numbers, and then lets them take turns: in each round every peer
works for a few steps, and its median step is divided by that of PyTorch in the same round. Printed are the median over
the rounds, and the quartiles. Peak memory is what the resident size of a process with one peer grows by at most while
it takes three steps, above what it holds between steps (Linux only). Everything runs on one thread unless ``--threads``
says otherwise; time is then the processor time of the process, on which other work on the machine has less effect.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import workloads
from functional import Make, autograd_makes
from toys import TOYS
from workloads import numpy_of

from minigrad.commands.info import blas_kernels

WORKLOADS = {**workloads.WORKLOADS, **TOYS}
QUICK = ("overhead", "mlp64", "bn_64x32x28x28", "conv_small", "maxpool", "softmax_ce")
TOLERANCE = 2e-4  #: relative to the largest value: float32, and sums of different order
ROUND_S = 0.1  #: seconds that a peer works in a round, at least for one step


# -------------------------------------------------------------------------------------------- in a process of its own


def framework_makes(name: str) -> dict[str, Make]:
    framework = {"minigrad": workloads.minigrad, "torch": workloads.torch}[name]()
    return {workload: lambda make=make: make(framework) for workload, make in WORKLOADS.items()}


def captured_makes(backend: str) -> dict[str, Make]:
    """The steps of minigrad, captured. Without an optimizer gradients are kept, as eager steps keep them."""
    from minigrad import capture

    eager = framework_makes("minigrad")
    return {workload: lambda make=make: capture(make(), backend=backend) for workload, make in eager.items() if workload != "deep"}


def compiled_torch_makes() -> dict[str, Make]:
    """The steps of PyTorch through torch.compile, which needs a C++ compiler and seconds for each."""
    import torch

    return {workload: lambda make=make: torch.compile(make()) for workload, make in framework_makes("torch").items() if workload != "deep"}


def makes_in(module: str, function: str) -> dict[str, Make]:
    found: dict[str, Make] = getattr(import_module(module), function)()
    return found


#: peer -> its workloads; calling raises ImportError where the peer is not installed
PEERS: dict[str, Callable[[], dict[str, Make]]] = {
    "minigrad": lambda: framework_makes("minigrad"),
    "replay": lambda: captured_makes("numpy"),
    "c": lambda: captured_makes("c"),
    "torch": lambda: framework_makes("torch"),
    "torch.compile": compiled_torch_makes,
    "jax": lambda: makes_in("jax_peer", "jax_makes"),
    "autograd": autograd_makes,
    "mygrad": lambda: makes_in("mygrad_peer", "mygrad_makes"),
    "floor": lambda: makes_in("floors", "floor_makes"),
}


def steps_of(workload: str, peers: list[str]) -> dict[str, Callable[[], list[Any]]]:
    """Make the step of each peer that is installed and can do the workload."""
    steps = {}
    for peer in peers:
        try:
            makes = PEERS[peer]()
        except ImportError:
            continue
        if workload in makes:
            steps[peer] = makes[workload]()
    return steps


def difference(workload: str, steps: dict[str, Callable[[], list[Any]]]) -> float:
    """Take some steps with every peer and return the largest difference in the last; raise if it is not rounding."""
    worst = 0.0
    first = {peer: [numpy_of(value).copy() for value in _after_some(step)] for peer, step in steps.items() if peer != "floor"}
    names = list(first)
    for peer in names[1:]:
        for a, b in zip(first[names[0]], first[peer], strict=True):
            error = float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-30))
            worst = max(worst, error)
            if not error < TOLERANCE:
                raise SystemExit(f"{workload}: {names[0]} and {peer} differ by {error:.1e} of the largest value")
    return worst


def _after_some(step: Callable[[], list[Any]]) -> list[Any]:
    """Take as many steps as it takes until a captured one is replayed; return what the last returned."""
    for _ in range(3):
        step()
    return step()


def timed(workload: str, peers: list[str], rounds: int, threads: int) -> dict[str, Any]:
    """Median step of each peer in each round, in seconds, and the difference between their results."""
    clock = time.process_time if threads == 1 else time.perf_counter
    steps = steps_of(workload, peers)
    worst = difference(workload, steps)
    for step in steps.values():
        step()
    times: dict[str, list[float]] = {peer: [] for peer in steps}
    order = list(steps)
    for _ in range(rounds):
        for peer in order:
            step, taken, until = steps[peer], [], time.perf_counter() + ROUND_S
            while not taken or (time.perf_counter() < until and len(taken) < 1000):
                start = clock()
                step()
                taken.append(clock() - start)
            times[peer].append(statistics.median(taken))
        order.append(order.pop(0))
    return {"times": times, "difference": worst}


def peak_growth(workload: str, peer: str) -> float | None:
    """MB by which the resident size grows at most in three steps; None where the system cannot tell.

    Two steps come first, in which libraries load what they put off. What is free is then given back to the system, as it
    would be used again without showing.
    """
    steps = steps_of(workload, [peer])
    if not steps or not Path("/proc/self/clear_refs").exists():
        return None
    for _ in range(2):
        steps[peer]()
    gc.collect()
    if peer == "minigrad":
        from minigrad.kernels import buffers

        buffers.clear()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = _status("VmRSS")
    for _ in range(3):
        steps[peer]()
    return (_status("VmHWM") - before) / 1024


def _status(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def one_thread_environment(threads: int) -> dict[str, str]:
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    flags = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'} intra_op_parallelism_threads={threads}"
    return {**os.environ, **dict.fromkeys(names, str(threads)), "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}


# ------------------------------------------------------------------------------------------------------- in the parent


def child(threads: int, *arguments: str) -> Any:
    """Run this file in a fresh process and return what it printed as JSON."""
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, env=one_thread_environment(threads), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr.strip() or f"{' '.join(arguments)} failed")
    return json.loads(done.stdout.splitlines()[-1])


def compare(workload: str, peers: list[str], rounds: int, threads: int, memory: bool = True) -> dict[str, dict[str, Any]]:
    """Return ``{peer: {ms, ratio, spread, peak_mb}}``; the ratio is to PyTorch, or to minigrad where that is not there."""
    times = child(threads, "--child", "time", workload, ",".join(peers), str(rounds), str(threads))["times"]
    reference = times.get("torch") or times["minigrad"]
    result = {}
    for peer, taken in times.items():
        ratios = sorted(a / b for a, b in zip(taken, reference, strict=True))
        n = len(ratios)
        result[peer] = {
            "ms": statistics.median(taken) * 1e3,
            "ratio": statistics.median(ratios),
            "spread": [ratios[n // 4], ratios[-1 - n // 4]],
            "peak_mb": child(threads, "--child", "memory", workload, peer) if memory and peer != "floor" else None,
        }
    return result


def table(results: dict[str, dict[str, dict[str, Any]]]) -> Any:
    from rich.table import Table

    peers = list(dict.fromkeys(peer for row in results.values() for peer in row))
    shown = Table(title="time as a ratio to PyTorch (quartiles), milliseconds a step, peak MB", title_justify="left")
    shown.add_column("workload")
    for peer in peers:
        shown.add_column(peer, justify="right")
    for workload, row in results.items():
        shown.add_row(workload, *[_cell(row.get(peer)) for peer in peers])
    return shown


def _cell(found: dict[str, Any] | None) -> str:
    if found is None:
        return "–"
    low, high = found["spread"]
    memory = "" if found["peak_mb"] is None else f"\n{found['peak_mb']:.1f} MB"
    return f"[bold]{found['ratio']:.2f}[/] ({low:.2f}–{high:.2f})\n{found['ms']:.3g} ms{memory}"


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        what, workload, peers, *rest = sys.argv[2:]
        if "torch" in peers:
            import torch

            torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        print(json.dumps(timed(workload, peers.split(","), *map(int, rest)) if what == "time" else peak_growth(workload, peers)))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", metavar="A,B", help=f"of {', '.join(WORKLOADS)}; default: all")
    parser.add_argument(
        "--peers", metavar="A,B", help=f"of {', '.join(list(PEERS)[1:])}; default: all that are installed but torch.compile"
    )
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help=f"{', '.join(QUICK)} beside PyTorch alone, without memory: about a minute")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    names = options.workloads.split(",") if options.workloads else list(QUICK if options.quick else WORKLOADS)
    peers = (
        options.peers.split(",")
        if options.peers
        else ["torch"]
        if options.quick
        else [p for p in PEERS if p not in ("minigrad", "torch.compile")]
    )
    for name, known in [*((w, WORKLOADS) for w in names), *((p, PEERS) for p in peers)]:
        if name not in known:
            parser.error(f"{name!r} is not one of {', '.join(known)}")
    rounds = options.rounds or (7 if options.quick else 15)
    from rich.console import Console

    console, results = Console(), {}
    with console.status("comparing") as status:
        for name in names:
            status.update(f"comparing {name}")
            chosen = ["minigrad", *(p for p in peers if p != "minigrad")]
            results[name] = compare(name, chosen, rounds, options.threads, memory=not options.quick)
    console.print(table(results))
    console.print(f"NumPy's OpenBLAS ran its kernels for {blas_kernels() or 'an unknown processor'}")
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
