"""Many checks, side by side in a few processes that are used again: for the laws of a course."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from minigrad._system import usable_cores
from minigrad.learn.exercise import Exercise
from minigrad.learn.report import Report
from minigrad.learn.worker import LIMIT, Worker

Task = tuple[Exercise, str]


class Pool:
    """Workers that answer one check after another; one that had to be ended is replaced. Every check gets a fresh module."""

    def __init__(self, size: int | None = None) -> None:
        self.size = size or usable_cores()
        self._own, self._all = threading.local(), list[Worker]()
        self._executor = ThreadPoolExecutor(self.size)
        self._known: dict[tuple[str, str], Report] = {}

    def check_all(self, tasks: Iterable[Task], limit: float = LIMIT) -> list[Report]:
        """Return a report for each task, in their order; a text that was checked before is not checked again."""
        return list(self._executor.map(lambda task: self._check(task[0], task[1], limit), tasks))

    def _check(self, exercise: Exercise, text: str, limit: float) -> Report:
        key = (exercise.id, text)
        if key not in self._known:
            self._known[key] = self._ask(exercise, text, limit)
        return self._known[key]

    def _ask(self, exercise: Exercise, text: str, limit: float) -> Report:
        worker: Worker | None = getattr(self._own, "worker", None)
        if worker is None or not worker.alive:
            worker = self._own.worker = Worker()
            self._all.append(worker)
        return worker.check(exercise, text, limit)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._executor.shutdown(cancel_futures=True)
        for worker in self._all:
            worker.close()
