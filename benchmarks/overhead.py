"""What an op costs beyond its arithmetic: a chain of 1,000 ops on a 4x4 array, and a chain of 1,000,000.

Forward plus backward, in one process beside PyTorch on one thread where it is installed; rounds are interleaved and
the figure is the median of the ratios within a round.

Run:  OPENBLAS_NUM_THREADS=1 python benchmarks/overhead.py [--json FILE] [--rounds N] [--depth N]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import minigrad as mg

OPS = 999  # 333 times multiply, add, tanh
START = np.random.default_rng(0).random((4, 4))


def chain(x: Any, w: Any, tanh: Callable[[Any], Any], cotangent: Any) -> tuple[float, float]:
    """Return the seconds that the forward and the backward pass take."""
    t0 = time.perf_counter()
    y = x
    for _ in range(OPS // 3):
        y = tanh(y * w + x)
    t1 = time.perf_counter()
    y.backward(cotangent)
    return t1 - t0, time.perf_counter() - t1


def in_minigrad() -> tuple[float, float]:
    x, w = (mg.Tensor(START.copy(), requires_grad=True) for _ in range(2))
    return chain(x, w, mg.tanh, np.ones((4, 4)))


def in_torch() -> tuple[float, float]:
    import torch

    x, w = (torch.tensor(START, requires_grad=True) for _ in range(2))
    return chain(x, w, torch.tanh, torch.ones((4, 4), dtype=torch.float64))


def per_op(rounds: int) -> dict[str, Any]:
    """Microseconds per op, and the ratio to PyTorch."""
    runs = {"minigrad": in_minigrad}
    try:
        import torch

        torch.set_num_threads(1)
        runs["torch"] = in_torch
    except ImportError:
        pass
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for i in range(rounds + 10):
        for name, run in runs.items():
            passed = run()
            if i >= 10:  # the first rounds warm up
                times[name].append(passed)
    result: dict[str, Any] = {}
    for name, passes in times.items():
        forward, backward = (statistics.median(column) / OPS * 1e6 for column in zip(*passes, strict=True))
        result[name] = {"forward_us": forward, "backward_us": backward, "us": forward + backward}
    if "torch" in times:
        ratios = sorted(sum(a) / sum(b) for a, b in zip(times["minigrad"], times["torch"], strict=True))
        result["ratio"] = statistics.median(ratios)
        result["ratio_quartiles"] = [ratios[len(ratios) // 4], ratios[3 * len(ratios) // 4]]
    return result


def deep(depth: int) -> dict[str, float]:
    """Seconds for the forward pass, the backward pass and the release of a chain of ``depth`` ops."""
    gc.collect()
    x = mg.Tensor(np.ones(1), requires_grad=True)
    t0 = time.perf_counter()
    y = x
    for _ in range(depth):
        y = y * 1.0
    t1 = time.perf_counter()
    y.backward()
    t2 = time.perf_counter()
    del y
    return {"depth": depth, "forward_s": t1 - t0, "backward_s": t2 - t1, "release_s": time.perf_counter() - t2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--depth", type=int, default=1_000_000)
    options = parser.parse_args()
    result: dict[str, Any] = {"per_op": per_op(options.rounds), "deep": [deep(n) for n in (options.depth // 10, options.depth)]}
    for name in ("minigrad", "torch"):
        if name in result["per_op"]:
            t = result["per_op"][name]
            print(f"{name:9} forward {t['forward_us']:.2f}  backward {t['backward_us']:.2f}  sum {t['us']:.2f} us per op")
    if "ratio" in result["per_op"]:
        low, high = result["per_op"]["ratio_quartiles"]
        print(f"ratio to PyTorch {result['per_op']['ratio']:.2f} (quartiles {low:.2f} to {high:.2f})")
    else:
        print("PyTorch is not installed: no ratio")
    for d in result["deep"]:
        total = d["forward_s"] + d["backward_s"] + d["release_s"]
        parts = f"forward {d['forward_s']:.2f} s, backward {d['backward_s']:.2f} s, release {d['release_s']:.2f} s"
        print(f"chain of {d['depth']:>9,}: {parts}, {total / d['depth'] * 1e6:.2f} us per op")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
