"""Ranks as threads of this process: for tests, for notebooks, and to see what a program does before it has a launcher."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from minigrad.backends import Array
from minigrad.distributed.group import DesyncError, Group

T = TypeVar("T")
FOLDS: dict[str, Any] = {"sum": np.add, "max": np.maximum, "min": np.minimum}


def spmd(size: int, function: Callable[..., T], *args: Any, check: bool = True) -> list[T]:
    """Run ``function(group, *args)`` on ``size`` ranks, each in a thread of its own; return what they return.

    Nothing waits for ever: a rank that ends or fails while others are in a collective is noticed at once. The threads share the default
    random generator, so give what draws numbers a generator of its own.

    Raises
    ------
    DesyncError
        If a collective cannot be completed, or ``check`` finds that ranks are about to do different things.
    Exception
        Whatever a rank raised, with a note saying which.
    """
    if size < 1:
        raise ValueError(f"spmd: size={size} must be at least 1")
    meeting, results, errors = Meeting(size), [None] * size, dict[int, BaseException]()

    def run(rank: int) -> None:
        try:
            results[rank] = function(ThreadGroup(meeting, rank, check=check), *args)  # type: ignore[call-overload]
        except BaseException as error:  # handed over to the thread that started the ranks
            errors[rank] = error
        meeting.leave(rank, "failed" if rank in errors else "ended")

    contexts = [contextvars.copy_context() for _ in range(size)]
    threads = [threading.Thread(target=c.run, args=(run, r), name=f"rank {r}", daemon=True) for r, c in enumerate(contexts)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:
        meeting.give_up("the ranks were interrupted")
    first = min(errors, key=lambda r: isinstance(errors[r], DesyncError), default=None)  # the cause, before what follows from it
    if first is not None:
        errors[first].add_note(f"on rank {first} of {size}")
        raise errors[first]
    return results  # type: ignore[return-value]


class Meeting:
    """Where the threads of a group hand over a value each and get those of all."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.states = ["not in a collective yet"] * size
        self._values: dict[int, Any] = {}
        self._complete: list[Any] = []
        self._round = 0
        self._obstacle: str | None = None
        self._changed = threading.Condition()

    def exchange(self, rank: int, value: Any, state: str) -> list[Any]:
        """Wait for the others and return everybody's value."""
        with self._changed:
            self._values[rank], self.states[rank] = value, state
            mine = self._round
            if len(self._values) == self.size:
                self._complete, self._values, self._round = [self._values[r] for r in range(self.size)], {}, mine + 1
                self._changed.notify_all()
            else:
                self._look()
            while self._round == mine and self._obstacle is None:
                self._changed.wait()
            if self._round == mine:
                raise DesyncError(self._obstacle)
            return self._complete

    def leave(self, rank: int, how: str) -> None:
        """Note that a rank will not come any more."""
        with self._changed:
            self.states[rank] = f"{how} after {self.states[rank]}"
            self._look()

    def give_up(self, why: str) -> None:
        """Wake all that wait; they raise."""
        with self._changed:
            self._obstacle = self._obstacle or why
            self._changed.notify_all()

    def _look(self) -> None:
        gone = sum(state.startswith(("ended", "failed")) for state in self.states)
        if self._values and gone and len(self._values) + gone == self.size:
            self._obstacle = "not all ranks came to a collective: " + "; ".join(f"rank {r}: {s}" for r, s in enumerate(self.states))
            self._changed.notify_all()


class ThreadGroup(Group):
    """Ranks as threads. Sums are taken in the order of the ranks: the same bits on every rank and in every run."""

    def __init__(self, meeting: Meeting, rank: int, **options: Any) -> None:
        super().__init__(rank, meeting.size, **options)
        self._meeting = meeting

    def _meet(self, kind: str, value: Any) -> list[Any]:
        """Exchange values of one kind; of arrays copies, as the owner may go on and overwrite one that another rank still reads."""
        if isinstance(value, np.ndarray):
            kind, value = f"{kind} of {value.dtype}{list(value.shape)}", value.copy()
        found = self._meeting.exchange(self.rank, (kind, value), self.progress.call)
        if len({other for other, _ in found}) != 1:
            raise DesyncError("ranks do different things: " + "; ".join(f"rank {r}: {other}" for r, (other, _) in enumerate(found)))
        return [value for _, value in found]

    def _reduce(self, x: Array, op: str) -> Array:
        first, *others = self._meet(op, x)
        total = first.copy()
        for part in others:
            FOLDS[op](total, part, out=total)
        return total

    def _gather(self, x: Array) -> Array:
        return np.stack(self._meet("gather", x))

    def _spread(self, x: Array, root: int) -> Array:
        return self._meet(f"broadcast from {root}", x)[root].copy()

    def _exchange(self, value: Any) -> list[Any]:
        return [v for (v,) in self._meet("exchange", (value,))]

    def _split(self, color: int) -> Group:
        colors = self._exchange(color)
        members = [r for r, other in enumerate(colors) if other == color]
        meeting = self._exchange(Meeting(len(members)))[members[0]]
        return ThreadGroup(meeting, members.index(self.rank), check=self.check, progress=self.progress)
