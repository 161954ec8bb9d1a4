"""What several ranks gain: all-reduce measured and fitted, training steps predicted and measured, and networks that are not here on paper.

    minigrad launch -n 2 benchmarks/scaling.py            # all of it; two quiet cores, about two minutes
    minigrad launch -n 2 benchmarks/scaling.py --numpy    # as where the extra fast (Numba) is not installed
    python benchmarks/scaling.py --paper                  # only the tables on paper, for 2 to 4,096 ranks

A step of W ranks is predicted from what one rank does by itself: its part of the batch, computed while the other ranks compute theirs
(the *limit*: no better can be had), the Python that adds up gradients, and the messages, each at alpha + beta n seconds for n bytes.

Every step is timed by itself, and all figures are of the quickest tenth, which other work on the machine disturbs least: a step of
several ranks is as long as that of the slowest. Medians stand beside them.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

ROUNDS = 12  #: in which what is compared takes turns
SIZES = [4, 256, 1024, 8192, 65536, 262144, 1 << 20, 1 << 22]  #: bytes of an all-reduce

#: seconds of latency, and for each byte: the first measured on one machine, on a link limited to 1 Gb/s; the others assumed
NETWORKS = {
    "1 Gb/s Ethernet (measured)": (60e-6, 9.0e-9),
    "10 Gb/s Ethernet (assumed)": (30e-6, 0.9e-9),
    "100 Gb/s RDMA (assumed)": (5e-6, 0.09e-9),
}
#: bytes of gradients, seconds of a step on one rank, layers of batch norm in step, channels of each
JOBS = {
    "cnn64, 20,586 parameters": (82e3, 30e-3, 2, 24),
    "MLP of 10 million parameters": (40e6, 0.30, 0, 0),
    "ResNet-50 on a GPU, step of 60 ms (assumed)": (102e6, 60e-3, 53, 500),
}
RANKS = (2, 8, 64, 512, 4096)


# ------------------------------------------------------------------------------------------------------------- on paper


def ring(ranks: int, size: float, alpha: float, beta: float) -> float:
    """Seconds of an all-reduce around a ring: 2 (W - 1) messages of size / W, one after the other."""
    return 2 * (ranks - 1) * (alpha + size / ranks * beta)


def halving(ranks: int, size: float, alpha: float, beta: float) -> float:
    """Seconds by halving and doubling (Rabenseifner, 2004): 2 log2 W messages, the same bytes as around a ring."""
    return 2 * math.log2(ranks) * alpha + 2 * (ranks - 1) / ranks * size * beta


def doubling(ranks: int, size: float, alpha: float, beta: float) -> float:
    """Seconds by recursive doubling: log2 W messages of the whole size, best where it is small."""
    return math.log2(ranks) * (alpha + size * beta)


def best(ranks: int, size: float, alpha: float, beta: float) -> tuple[float, str]:
    """The quickest of the three, as MPI and NCCL choose by size and ranks, and its name."""
    return min((f(ranks, size, alpha, beta), f.__name__) for f in (ring, halving, doubling))


def efficiency(ranks: int, job: tuple[float, float, int, int], network: tuple[float, float]) -> tuple[float, float]:
    """Share of a step that is computing, each rank with a batch of its own; and with batch norm in step.

    Its messages are 3 and 5 doubles for each channel: gathered forward, where each rank gets those of all, and added up backward.
    """
    size, seconds, layers, channels = job
    gradients, _ = best(ranks, size, *network)
    alpha, beta = network
    gather = math.log2(ranks) * alpha + (ranks - 1) * 24 * channels * beta
    statistics = layers * (gather + best(ranks, 40 * channels, *network)[0])
    return seconds / (seconds + gradients), seconds / (seconds + gradients + statistics)


def paper() -> None:
    """Print efficiencies for networks and numbers of ranks that are not here: each rank has a batch of its own."""
    for network, numbers in NETWORKS.items():
        print(f"\n{network}: alpha {1e6 * numbers[0]:.0f} us, beta {1e9 * numbers[1]:.2g} ns/B")
        print(f"  {'efficiency / with batch norm in step':46s}" + "".join(f"{w:>16,d}" for w in RANKS))
        for name, job in JOBS.items():
            row = [efficiency(w, job, numbers) for w in RANKS]
            texts = [f"{plain:.2f}" + (f" / {synced:.2f}" if job[2] else "") for plain, synced in row]
            print(f"  {name:46s}" + "".join(f"{text:>16s}" for text in texts))


# ------------------------------------------------------------------------------------------------------------- measured


def times_of(function: Callable[[], Any], repetitions: int) -> list[float]:
    """Seconds of each of several calls."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return times


def quickest(times: list[float]) -> float:
    """The bound of the quickest tenth."""
    return float(np.quantile(times, 0.1))


def measure_all_reduce(group: Any) -> tuple[float, float]:
    """Print times by size; return alpha and beta of the fit, which weighs relative errors alike."""
    times = []
    for size in SIZES:
        x = np.zeros(size // 4, np.float32)
        group.barrier()
        times.append(quickest(times_of(lambda x=x: group.all_reduce_(x), max(40, min(1000, (1 << 25) // size)))))
    n, t = np.array(SIZES, float), np.array(times)
    (alpha, beta), *_ = np.linalg.lstsq(np.stack([1 / t, n / t], axis=1), np.ones_like(t), rcond=None)
    if group.main:
        print(f"all-reduce on {group.size} ranks: alpha {1e6 * alpha:.1f} us, beta {1e9 * beta:.2f} ns/B (through minigrad, in place)")
        for size, seconds in zip(SIZES, times, strict=True):
            print(f"  {size:>9,d} B {1e6 * seconds:9.1f} us, fitted {1e6 * (alpha + beta * size):9.1f}")
    return float(alpha), float(beta)


class Job:
    """Training steps of a model on a group's part of a batch."""

    def __init__(self, make: Callable[[], tuple[Any, tuple[int, ...]]], batch: int, group: Any, statistics: Any = None) -> None:
        import minigrad as mg
        from minigrad import optim
        from minigrad.distributed import GradientReducer

        mg.manual_seed(0)
        self.model, shape = make()
        for module in self.model.modules():
            if hasattr(type(module), "group"):
                module.group = statistics  # also a group of one, which costs what the op costs without messages
        rng = np.random.default_rng(0)
        x, labels = rng.normal(size=(batch, *shape)).astype(np.float32), rng.integers(0, 10, batch)
        self.x, self.labels = mg.Tensor(group.part(x)), mg.Tensor(group.part(labels))
        self.weight = len(self.x) / batch
        self.optimizer = optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)
        self.reduce = GradientReducer(self.optimizer, group)
        self.layers = sum(hasattr(type(m), "group") for m in self.model.modules())

    def step(self, reduce: bool = True) -> None:
        """Make one step."""
        from minigrad.nn import functional as F

        self.optimizer.zero_grad()
        (F.cross_entropy(self.model(self.x), self.labels) * self.weight).backward()
        if reduce:
            self.reduce()
        self.optimizer.step()

    def bytes(self) -> int:
        """What an all-reduce of the gradients sends."""
        return sum(4 * (p.size + 1) for p in self.model.parameters())


class Part:
    """The group of a rank that has its part of the data and talks to nobody."""

    def __init__(self, group: Any) -> None:
        from minigrad.distributed import Alone

        self.part, self.alone = group.part, Alone()
        self.all_reduce_ = self.alone.all_reduce_


def digits() -> tuple[Any, tuple[int, ...]]:
    from minigrad import nn

    layers: list[Any] = []
    for n in (64, 64):
        layers += [nn.Linear(n, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(64, 10)), (64,)


def cnn64() -> tuple[Any, tuple[int, ...]]:
    from minigrad import nn

    layers: list[Any] = []
    for n, m in ((1, 16), (16, 32)):
        layers += [nn.Conv2d(n, m, 3, padding=1), nn.BatchNorm2d(m), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 7 * 7, 10)), (1, 28, 28)


def quiet(group: Any) -> None:
    """Wait for the others without spinning, so that a rank that computes alone has the machine to itself."""
    comm = getattr(group, "comm", None)
    if comm is not None:
        request = comm.Ibarrier()
        while not request.Test():
            time.sleep(0.001)


def measure_training(group: Any, name: str, make: Callable[[], Any], batch: int, repetitions: int, alpha: float, beta: float) -> None:
    """Print measured and predicted steps, in turns."""
    from minigrad.distributed import Alone

    part, one = Part(group), Job(make, batch, Alone())
    halves, halves_in_step = Job(make, batch, part), Job(make, batch, part, part.alone)
    jobs = {"local batch norm": Job(make, batch, group), "batch norm in step": Job(make, batch, group, group)}
    runs: dict[str, Callable[[], None]] = {
        "halves": lambda: halves.step(reduce=False),
        "halves and Python": halves.step,
        "in step, halves and Python": halves_in_step.step,
        **{label: job.step for label, job in jobs.items()},
    }
    times: dict[str, list[float]] = {label: [] for label in ("one", *runs)}
    for _ in range(ROUNDS):
        quiet(group)
        if group.main:
            times["one"] += times_of(one.step, repetitions)
        quiet(group)
        for label, run in runs.items():
            group.barrier()
            times[label] += times_of(run, repetitions)
    if not group.main:
        return
    t, medians = ({label: f(values) for label, values in times.items()} for f in (quickest, np.median))
    messages = alpha + beta * one.bytes()
    channels = [m.num_features for m in one.model.modules() if hasattr(type(m), "group")]
    statistics = sum(2 * alpha + beta * 8 * (3 + 5) * c for c in channels)
    predicted = {"local batch norm": t["halves and Python"] + messages}
    predicted["batch norm in step"] = t["in step, halves and Python"] + messages + statistics
    print(f"\n{name}, batch {batch}: one process {1e3 * t['one']:.2f} ms (median {1e3 * medians['one']:.2f})")
    halved = f"{1e3 * t['halves']:7.2f} ms (median {1e3 * medians['halves']:.2f})"
    print(f"  {'halves without talking':22s} {halved}, {t['one'] / t['halves']:.2f} times as fast")
    for label in jobs:
        print(
            f"  {label:22s} {1e3 * t[label]:7.2f} ms (median {1e3 * medians[label]:.2f}), {t['one'] / t[label]:.2f} times as fast, "
            f"{t['halves'] / t[label]:.2f} of the limit; predicted {1e3 * predicted[label]:.2f} ms, {predicted[label] / t[label] - 1:+.0%}"
        )
    of_medians = medians["batch norm in step"] / medians["local batch norm"]
    print(f"  batch norm in step beside local: {t['batch norm in step'] / t['local batch norm']:.2f} (of medians {of_medians:.2f})")


def main() -> None:
    """Measure, then print what is on paper."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numpy", action="store_true", help="without the loops that Numba compiles")
    parser.add_argument("--paper", action="store_true", help="only the tables on paper")
    args = parser.parse_args()
    if args.paper:
        paper()
        return
    if args.numpy:
        sys.modules["numba"] = None  # type: ignore[assignment]
    from minigrad import distributed

    group = distributed.init()
    if group.size == 1:
        parser.error("start it on several ranks: minigrad launch -n 2 benchmarks/scaling.py")
    alpha, beta = measure_all_reduce(group)
    measure_training(group, "cnn64", cnn64, 64, 8, alpha, beta)
    measure_training(group, "digits MLP", digits, 512, 40, alpha, beta)
    if group.main:
        paper()


if __name__ == "__main__":
    main()
