"""What is shown while a model trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from minigrad._system import THREADS
from minigrad.training.metrics import Tally

REFRESH = 0.1  #: seconds between two looks at the loss; on a GPU each look waits for it


class Quiet:
    """Shows nothing."""

    samples = 0  #: trained on so far

    @contextmanager
    def fit(self, epochs: int, batches: int) -> Iterator[None]:
        """Within this, a model trains."""
        yield

    def step(self, epoch: int, tally: Tally) -> bool:
        """Called after every step. Returns whether the loss was looked at."""
        return False

    def note(self, line: str) -> None:
        """Called with something to know about the run."""

    def epoch(self, line: dict[str, Any]) -> None:
        """Called after every epoch, or every so many steps, with its line of the history."""


class Bar(Quiet):
    """A progress bar with loss, accuracy where there is one, samples per second and remaining time; a line for each finished epoch."""

    def __init__(self, console: Console, first_epoch: int = 0, skipped_steps: int = 0, batch_size: int = 0) -> None:
        self.console, self.first_epoch, self.skipped = console, first_epoch, skipped_steps
        self.samples = 0
        self._looked = 0.0
        self._items_before = skipped_steps * batch_size

    @contextmanager
    def fit(self, epochs: int, batches: int) -> Iterator[None]:
        columns = [
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(compact=True),
        ]
        self.epochs, self.batches = epochs, batches
        with Progress(*columns, console=self.console, transient=True, auto_refresh=THREADS, refresh_per_second=1 / REFRESH) as self.bar:
            done = self.first_epoch * batches + self.skipped
            self.task = self.bar.add_task(f"epoch {self.first_epoch + 1}/{epochs}", total=epochs * batches, completed=done, state="")
            self._start = time.perf_counter()
            yield

    def step(self, epoch: int, tally: Tally) -> bool:
        self.samples += tally.items - self._items_before if tally.items >= self._items_before else tally.items
        self._items_before = tally.items
        now = time.perf_counter()
        due = now - self._looked >= REFRESH
        if due:
            self._looked = now
            result = tally.result()
            rate = self.samples / (now - self._start)
            state = f"{_shown(result, '', '  ')}  {rate:,.0f} samples/s"
            self.bar.update(self.task, advance=1, description=f"epoch {epoch + 1}/{self.epochs}", state=state)
        else:
            self.bar.advance(self.task)
        return due

    def note(self, line: str) -> None:
        self.bar.console.print(line, highlight=False, markup=False)

    def epoch(self, line: dict[str, Any]) -> None:
        where = f"epoch {line['epoch']:>{len(str(self.epochs))}}/{self.epochs}" if "epoch" in line else f"step {line['step']}"
        parts = [where, _shown(line, "train_", "  ")]
        for kind, name in (("val", "val."), ("test", "test")):
            if f"{kind}_loss" in line:
                parts.append(f"{name} {_shown(line, f'{kind}_', ' ')}")
        self.bar.console.print("  ".join(parts), highlight=False, soft_wrap=True)  # a line stays one in a log


def _shown(results: Mapping[str, Any], kind: str, space: str) -> str:
    """Return loss and, where there is one, accuracy as they are shown."""
    loss, accuracy = f"loss {results[f'{kind}loss']:.4f}", f"{kind}accuracy"
    return f"{loss}{space}accuracy {results[accuracy]:6.2%}" if accuracy in results else loss


@contextmanager
def downloads(console: Console) -> Iterator[Callable[[str, int, int | None], None]]:
    """Within this, the function given shows the progress of downloads (`minigrad.data.download.fetch`)."""
    tasks: dict[str, TaskID] = {}
    columns = [TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True, auto_refresh=THREADS) as bar:

        def show(name: str, have: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name)
            bar.update(tasks[name], completed=have, total=total)

        yield show
