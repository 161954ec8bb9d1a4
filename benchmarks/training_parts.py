"""What surrounds the network in a training step: optimizers beside PyTorch's, and the loader beside bare indexing.

Optimizers: one step over 1,000,000 float32 parameters in 40 tensors, and over 1,000 parameters in 20, each as a ratio to
PyTorch on one thread in the same process. Loader: an epoch of 60,000 x 784 float32 in shuffled batches of 64, as a ratio
to indexing the same batches with NumPy. Rounds are interleaved; a figure is the median of the ratios within a round.

Run:  OPENBLAS_NUM_THREADS=1 python benchmarks/training_parts.py [--json FILE] [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import minigrad as mg
from minigrad.data import DataLoader, TensorDataset
from minigrad.random import Generator

OPTIMIZERS: dict[str, dict[str, Any]] = {"Adam": {}, "AdamW": {}, "SGD": {"momentum": 0.9}, "RMSprop": {}}
SIZES = {"1,000,000 in 40 tensors": [25_000] * 40, "1,000 in 20 tensors": [50] * 20}


def seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def ratio(ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> dict[str, float]:
    """Time two functions in turn."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds + 5)][5:]
    return {
        "ms": statistics.median(a for a, _ in pairs) * 1e3,
        "other_ms": statistics.median(b for _, b in pairs) * 1e3,
        "ratio": statistics.median(a / b for a, b in pairs),
    }


def optimizers(rounds: int) -> dict[str, Any]:
    import torch

    torch.set_num_threads(1)
    found = {}
    for name, options in OPTIMIZERS.items():
        for title, sizes in SIZES.items():
            values = [np.random.default_rng(i).normal(size=n).astype(np.float32) for i, n in enumerate(sizes)]
            ours, theirs = [mg.Tensor(v.copy(), True) for v in values], [torch.tensor(v, requires_grad=True) for v in values]
            for p, q, v in zip(ours, theirs, values, strict=True):
                p.grad, q.grad = mg.Tensor(v.copy()), torch.tensor(v)
            pair = getattr(mg.optim, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
            found[f"{name}, {title}"] = ratio(pair[0].step, pair[1].step, rounds)
    return found


def loader(rounds: int) -> dict[str, float]:
    images, labels = np.random.default_rng(0).random((60_000, 784), np.float32), np.arange(60_000) % 10
    batches = DataLoader(TensorDataset(images, labels), 64, shuffle=True, generator=Generator(0))
    order = Generator(0).permutation(60_000)

    def bare() -> None:
        for start in range(0, 60_000, 64):
            part = order[start : start + 64]
            images[part], labels[part]

    def load() -> None:
        for _ in batches:
            pass

    return ratio(load, bare, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--rounds", type=int, default=30)
    args = parser.parse_args()
    found: dict[str, Any] = {"loader, 60,000 x 784 in batches of 64": loader(args.rounds)}
    try:
        found |= optimizers(args.rounds)
    except ImportError:
        print("PyTorch is not installed: the optimizers were not compared")
    for name, figures in found.items():
        print(f"{name:40} {figures['ms']:8.3f} ms, beside {figures['other_ms']:8.3f} ms: {figures['ratio']:.2f}")
    if args.json:
        with open(args.json, "w") as file:
            json.dump(found, file, indent=2)


if __name__ == "__main__":
    main()
