"""What the tests of `minigrad.distributed` run on real ranks: ``mpi_program.py NAME [FILE]``."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
from support.derivatives import COLLECTIVES, batch_norm_error, collective_error
from support.parallel import make_trainer, training_errors

from minigrad import distributed

group = distributed.init()


def derivatives() -> None:
    """Orders 1 to 3 of every collective and of batch norm, as by threads."""
    for name in COLLECTIVES:
        assert collective_error(group, name) < 1e-13, name
    for shape in ((3,), (3, 2, 4)):
        for alike in (True, False):
            assert batch_norm_error(group, shape, statistics=True, alike=alike) < 1e-12


def collectives() -> None:
    """Every method of the group, on every dtype, against NumPy."""
    for dtype in ("float16", "float32", "float64", "int32", "complex64"):
        xs = [np.arange(6).reshape(2, 3).astype(dtype) + r for r in range(group.size)]
        x, total = xs[group.rank], sum(xs[1:], xs[0])
        for found, expected in (
            (group.all_reduce(x), total), (group.all_reduce_(x.copy()), total), (group.all_gather(x), np.stack(xs)),
            (group.reduce_scatter(x), total[group.rank]), (group.broadcast(x, 1), xs[1]), (group.reduce_to(x, 1), total * group.rank),
            (group.all_reduce(x.T), total.T), (group.all_reduce(x[0, 0]), total[0, 0]), (group.all_gather(x[:0]), np.stack(xs)[:, :0]),
        ):  # fmt: skip
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(group.all_gather(np.array([group.rank == 1])), [[False], [True]])
    assert group.exchange({"rank": group.rank}) == [{"rank": 0}, {"rank": 1}]
    part = group.split(group.rank)
    assert (part.rank, part.size, part.all_reduce(np.ones(1))[0]) == (0, 1, 1.0)
    group.barrier()
    assert distributed.init() is group


def raises() -> None:
    group.all_reduce(np.ones(3))
    if group.rank == 1:
        raise ZeroDivisionError("on rank 1 only")
    group.all_reduce(np.ones(3))


def raises_everywhere() -> None:
    raise ZeroDivisionError("on every rank")


def raises_in_a_thread() -> None:
    if group.rank == 1:
        threading.Thread(target=lambda: 1 / 0).start()
    group.all_reduce(np.ones(3)) if group.rank == 0 else time.sleep(60)


def exits() -> None:
    if group.rank == 1:
        sys.exit("rank 1 gives up")
    group.all_reduce(np.ones(3))


def fewer_batches() -> None:
    for _ in range(3 + (group.rank == 0)):
        group.all_reduce(np.ones(3))
    time.sleep(0 if group.rank == 0 else 60)


def another_branch() -> None:
    group.all_reduce(np.ones(3)) if group.rank == 0 else group.all_reduce(np.ones(5))


def swapped() -> None:
    a, b = np.full(3, 1.0), np.full(3, 10.0)
    if group.rank == 0:
        first = group.all_reduce(a)
        group.all_reduce(b)
    else:
        group.all_reduce(b)
        first = group.all_reduce(a)
    print(f"sum of a: {first[0]}\n", end="", flush=True)  # in one piece, as the other rank prints, too


def another_collective() -> None:
    group.all_reduce(np.ones(3)) if group.rank == 0 else group.broadcast(np.ones(3))


def interrupted() -> None:
    """Rank 1 is interrupted at some moment; both leave the trainer after the same step."""
    trainer, loader = make_trainer(group)
    if group.rank == 1:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        trainer.fit(loader, 10**6)
    except KeyboardInterrupt:
        sys.stdout.write(f"stopped after step {trainer.step}\n")
        raise


def training() -> None:
    """Fifty steps, as by threads."""
    for name, error, bound in training_errors(group):
        assert error <= bound, f"{name}: {error:.1e}"


def endless() -> None:
    """Messages of 4 MB, until something ends them, a file being made after some; on two hosts their names differ."""
    assert len(set(group.exchange(os.uname().nodename))) == group.size
    x = np.ones(1 << 20, np.float32)
    for k in range(10**6):
        group.all_reduce_(x)
        x[...] = 1
        if k == 20 and group.rank == 0:
            sys.stdout.write(f"{k} messages before\n")
            sys.stdout.flush()
            Path(sys.argv[2]).touch()


def killed() -> None:
    group.barrier()
    if group.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    group.all_reduce(np.ones(3))


def stopped() -> None:
    group.barrier()
    if group.rank == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    group.all_reduce(np.ones(3))


if __name__ == "__main__":
    globals()[sys.argv[1]]()
