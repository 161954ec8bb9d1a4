"""The history of a training as lines of JSON, of which the first says what each number is measured in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.writing import CheckpointError, write_atomically

#: name of a number in a line of the history -> what it is measured in
UNITS: dict[str, str] = {
    "epoch": "passes through the training data, from 1",
    "step": "updates of the parameters, from 1",
    "lr": "learning rate of the first group of parameters, after the last update",
    **dict.fromkeys(("train_loss", "val_loss", "test_loss"), "unit of the loss, mean over the answers: nats for cross-entropy"),
    **dict.fromkeys(("train_accuracy", "val_accuracy", "test_accuracy"), "share of right answers, from 0 to 1"),
}


class JsonLines:
    """A callback for ``Trainer.fit(on_epoch=...)`` that keeps the history in a file, a line of JSON for each of its lines.

    The first line of the file is ``{"units": {...}}``, with the unit of each number that the others have. The file is whole at every
    moment. Where it exists, the lines up to the one that comes are kept, so that a resumed training goes on in it.

    Parameters
    ----------
    path
        The file.
    units
        What numbers are measured in, where `UNITS` does not say it or says it otherwise: ``{"train_loss": "square metres"}``.

    Raises
    ------
    CheckpointError
        If the file exists and is no such file, has no folder, or cannot be written.
    """

    def __init__(self, path: str | Path, units: Mapping[str, str] | None = None) -> None:
        self.path, self.known = Path(path), {**UNITS, **(units or {})}
        if not self.path.parent.is_dir():
            raise CheckpointError(f"there is no folder {self.path.parent} to write {self.path.name} into")
        self.lines: list[dict[str, Any]] = self._read() if self.path.exists() else []

    def __call__(self, line: dict[str, Any]) -> None:
        """Write the file with a new line."""
        new = json.loads(json.dumps(line, default=plain))  # as it is now: a Tensor in it may change
        self.lines = [*(old for old in self.lines if place(old) < place(new)), new]
        names = dict.fromkeys(name for each in self.lines for name in each)
        units = {"units": {name: self.known.get(name) for name in names}}
        write_atomically(self.path, "".join(json.dumps(each) + "\n" for each in (units, *self.lines)).encode())

    def _read(self) -> list[dict[str, Any]]:
        try:
            first, *lines = map(json.loads, self.path.read_text().splitlines())
            if not isinstance(first["units"], dict):
                raise TypeError
            for line in lines:
                place(line)
        except (OSError, ValueError, TypeError, KeyError, IndexError, RecursionError):
            raise CheckpointError(f"{self.path} exists and holds no history with units; choose another file") from None
        return lines


def plain(value: Any) -> Any:
    """Return numbers of NumPy, and those in a Tensor, as JSON has them."""
    if isinstance(value, (np.generic, np.ndarray, Tensor)):
        return value.tolist()
    kind = type(value).__name__
    raise TypeError(f"JsonLines: a line of the history holds a {kind}; expected numbers, texts, and lists and dicts of them")


def place(line: Mapping[str, Any]) -> int:
    """Return where in a training a line belongs: its epoch, or its step."""
    return int(line["epoch"] if "epoch" in line else line["step"])
