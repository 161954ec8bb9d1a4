"""Group: ranks that work on one thing together, and what they can do with arrays.

A *rank* runs the same program as the others on its own part of the data. A collective is a call that all ranks of a group
make in the same order: what one of them leaves out, the others wait for. Which engine carries it (threads, MPI, NCCL)
is the business of a subclass, which provides the six methods at the end of `Group`.

Ranks that do different things either wait for ever or, where two collectives happen to fit each other, compute wrong sums
without a word. With ``check`` each call is therefore preceded by the exchange of 16 bytes that stand for what the rank is about to do
and where in the user's code it was asked to; ranks that differ raise `DesyncError`, which shows both.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from minigrad.backends import Array, is_array
from minigrad.core.device import device_of, move, to_host
from minigrad.distributed.collectives import gather_rows
from minigrad.distributed.gradients import GradientReducer, compare, share
from minigrad.distributed.sync_batch_normalization import sync_batch_norm, sync_batch_norm_relu

PACKAGE, CONTEXTS = str(Path(__file__).parents[1]), contextlib.__file__
REDUCTIONS = ("sum", "max", "min")


class DesyncError(RuntimeError):
    """Ranks of a group did different things where all must do the same."""


class Progress:
    """What a rank is waiting for, and since when: for whoever watches it from another thread."""

    def __init__(self) -> None:
        self.call, self.since = "", None
        self.thread = threading.get_ident()

    call: str
    since: float | None  #: by time.monotonic; None outside collectives


class Group:
    """``size`` ranks, of which this is number ``rank``.

    Collectives take arrays and return new ones, and are not recorded. The functions of `minigrad.distributed` with the same names are
    ops: they take Tensors and can be differentiated.

    Parameters
    ----------
    rank, size
        Number of this rank, from 0, and of all ranks.
    check
        Compare what the ranks are about to do before each collective.
    progress
        Shared with the group that this one was split off, as one thread makes the calls of both.
    """

    def __init__(self, rank: int = 0, size: int = 1, *, check: bool = False, progress: Progress | None = None) -> None:
        self.rank, self.size, self.check = rank, size, check
        self.calls = 0  #: collectives so far
        self.progress = Progress() if progress is None else progress

    @property
    def main(self) -> bool:
        """Whether this is rank 0, which prints and writes files."""
        return self.rank == 0

    # ------------------------------------------------------------------------------------------------- arrays

    def all_reduce(self, x: Array, op: str = "sum") -> Array:
        """Return the sum (or ``op="max"``, ``"min"``) of every rank's x, on every rank."""
        _check_reduction("all_reduce", x, op)
        with self._collective("all_reduce", x, op):
            return self._back(self._reduce(self._ready(x), op), x)

    def all_reduce_(self, x: Array) -> Array:
        """Put the sum of every rank's x into x, which must be contiguous. Returns x."""
        _check_reduction("all_reduce_", x, "sum")
        if not x.flags.c_contiguous:
            raise ValueError(f"all_reduce_: x of shape {x.shape} is not contiguous, and is to be overwritten; use all_reduce")
        with self._collective("all_reduce_", x):
            self._reduce_in_place(x)
        return x

    def all_gather(self, x: Array) -> Array:
        """Return every rank's x, in the order of the ranks: shape (size, *x.shape), on every rank."""
        with self._collective("all_gather", x):
            return self._back(self._gather(self._ready(x)), x)

    def reduce_scatter(self, x: Array) -> Array:
        """Return the sum over the ranks of ``x[rank]``; x has shape (size, ...)."""
        _check_reduction("reduce_scatter", x, "sum")
        if x.ndim < 1 or len(x) != self.size:
            raise ValueError(f"reduce_scatter: x of shape {x.shape} must have one part for each of {self.size} ranks along its first axis")
        with self._collective("reduce_scatter", x):
            return self._back(self._scatter(self._ready(x)), x)

    def broadcast(self, x: Array, root: int = 0) -> Array:
        """Return the x of rank ``root``, on every rank; x has the same shape and dtype everywhere."""
        self._check_root("broadcast", root)
        with self._collective("broadcast", x, root):
            return self._back(self._spread(self._ready(x), root), x)

    def reduce_to(self, x: Array, root: int = 0) -> Array:
        """Return the sum of every rank's x on rank ``root``, and zeros on the others."""
        self._check_root("reduce_to", root)
        _check_reduction("reduce_to", x, "sum")
        with self._collective("reduce_to", x, root):
            total = self._reduce(self._ready(x), "sum")
            return self._back(total if self.rank == root else np.zeros_like(total), x)

    # ------------------------------------------------------------------------------------------------- words

    def exchange(self, value: Any) -> list[Any]:
        """Return what every rank gave, any Python object, in the order of the ranks."""
        with self._collective("exchange"):
            return self._exchange(value)

    def barrier(self) -> None:
        """Return when every rank has come here."""
        with self._collective("barrier"):
            self._agree("barrier")

    def agree(self, *what: Any) -> None:
        """Raise `DesyncError` on every rank if ``what``, as text, is not the same on all of them."""
        with self._collective("agree"):
            self._agree("|".join(map(str, what)))

    def _agree(self, text: str) -> None:
        """Compare by the largest of a checksum and of its negative; the texts are sent only if those differ."""
        checksum = zlib.crc32(text.encode())
        largest = self._reduce(np.array([checksum, -checksum], np.int64), "max")
        if largest[0] != -largest[1]:
            raise DesyncError("ranks do different things: " + "; ".join(f"rank {r}: {t}" for r, t in enumerate(self._exchange(text))))

    # ------------------------------------------------------------------------------------------------- parts

    def split(self, color: int) -> Group:
        """Return the group of the ranks that gave the same ``color``, in the order they have here."""
        with self._collective("split"):
            return self._split(color)

    def part(self, items: Any) -> Any:
        """Return this rank's part of a sequence: contiguous, and at most one item shorter or longer than the others'."""
        n = len(items)
        return items[n * self.rank // self.size : n * (self.rank + 1) // self.size]

    # ------------------------------------------------------------------------------------------------- for layers

    def batch_norm(self, x: Any, weight: Any = None, bias: Any = None, *, axis: Any, eps: float = 1e-5) -> Any:
        """`minigrad.distributed.sync_batch_norm` over this group."""
        return sync_batch_norm(x, weight, bias, axis=axis, group=self, eps=eps)

    def batch_norm_relu(self, x: Any, weight: Any = None, bias: Any = None, *, axis: Any, eps: float = 1e-5) -> Any:
        """`minigrad.distributed.sync_batch_norm_relu` over this group."""
        return sync_batch_norm_relu(x, weight, bias, axis=axis, group=self, eps=eps)

    def gather_rows(self, x: Any) -> tuple[Any, slice]:
        """`minigrad.distributed.gather_rows` over this group."""
        return gather_rows(x, group=self)

    # ------------------------------------------------------------------------------------------------- for training

    def share(self, model: Any, optimizer: Any) -> None:
        """`minigrad.distributed.share` over this group."""
        share(model, optimizer, self)

    def reducer(self, optimizer: Any) -> GradientReducer:
        """Return the `minigrad.distributed.GradientReducer` of an optimizer over this group."""
        return GradientReducer(optimizer, self)

    def compare(self, model: Any) -> None:
        """`minigrad.distributed.compare` over this group."""
        compare(model, self)

    def __deepcopy__(self, memo: Any) -> Group:
        """A copy of a layer stays in the group."""
        return self

    # ------------------------------------------------------------------------------------------------- within

    @contextlib.contextmanager
    def _collective(self, name: str, x: Array | None = None, *details: Any) -> Iterator[None]:
        """What surrounds every collective: its number, who may call it, what is being waited for, the comparison."""
        if threading.get_ident() != self.progress.thread:
            raise RuntimeError(f"{name}: collectives belong to the thread that made the group; from several, their order is not fixed")
        if x is not None and not is_array(x):
            raise TypeError(f"{name}: x must be an array, not a {type(x).__name__}; minigrad.distributed.{name} takes Tensors")
        self.calls += 1
        kind = "" if x is None else f" of {x.dtype}{list(x.shape)}"
        try:
            self.progress.call = " ".join([f"{name} #{self.calls}{kind}", *map(str, details)])
            self.progress.since = time.monotonic()
            if self.check:
                self._agree(f"{self.progress.call} at {place_of(sys._getframe())}")
            yield
        finally:
            self.progress.since = None

    def _check_root(self, name: str, root: int) -> None:
        if not 0 <= root < self.size:
            raise ValueError(f"{name}: root={root} is none of the ranks 0 to {self.size - 1}")

    def _ready(self, x: Array) -> Array:
        """Return x as the engine takes it: contiguous, on the host."""
        return np.asarray(to_host(x), order="C")

    def _back(self, result: Array, like: Array) -> Array:
        """Return what the engine made on the device of ``like``."""
        return move(result, device_of(like))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} rank {self.rank} of {self.size}>"

    # ------------------------------------------------------------------------------------------------- for subclasses

    def _reduce(self, x: Array, op: str) -> Array:
        raise NotImplementedError(f"{type(self).__name__}: all_reduce")

    def _reduce_in_place(self, x: Array) -> None:
        x[...] = self._back(self._reduce(self._ready(x), "sum"), x)

    def _gather(self, x: Array) -> Array:
        raise NotImplementedError(f"{type(self).__name__}: all_gather")

    def _scatter(self, x: Array) -> Array:
        return self._reduce(x, "sum")[self.rank]

    def _spread(self, x: Array, root: int) -> Array:
        return self._gather(x)[root]

    def _exchange(self, value: Any) -> list[Any]:
        raise NotImplementedError(f"{type(self).__name__}: exchange")

    def _split(self, color: int) -> Group:
        raise NotImplementedError(f"{type(self).__name__}: split")


class Alone(Group):
    """A group of one: every sum is what is in it. The same program then runs without a launcher."""

    def _reduce(self, x: Array, op: str) -> Array:
        return x.copy()

    def _reduce_in_place(self, x: Array) -> None:
        pass

    def _gather(self, x: Array) -> Array:
        return x[None].copy()

    def _exchange(self, value: Any) -> list[Any]:
        return [value]

    def _split(self, color: int) -> Group:
        return self

    def _ready(self, x: Array) -> Array:
        return x

    def _back(self, result: Array, like: Array) -> Array:
        return result


def _check_reduction(name: str, x: Array, op: str) -> None:
    if op not in REDUCTIONS:
        raise ValueError(f"{name}: op={op!r} is none of {', '.join(REDUCTIONS)}")
    kind = x.dtype.kind if is_array(x) else "f"
    if kind not in "fiuc" or (kind == "c" and op != "sum"):
        raise TypeError(f"{name}: there is no {op} of {x.dtype}; convert x first")


def place_of(frame: FrameType | None) -> str:
    """Where in the user's code a frame was called from: in a backward pass, where backward was called."""
    while frame is not None and frame.f_code.co_filename.startswith((PACKAGE, CONTEXTS)):
        frame = frame.f_back
    return "the start of the program" if frame is None else f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
