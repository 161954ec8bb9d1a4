"""A run folder: the settings, metrics, weights, checkpoints and curve of one training run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from minigrad.saving import CheckpointError, write_atomically

SETTINGS = {"dataset", "model", "batch_norm", "epochs", "batch_size", "optimizer", "lr", "schedule", "seed", "device"}  #: of every run


class RunFolder:
    """The files of a run.

    ===========================  ====================================================================
    ``config.json``              the settings
    ``metrics.jsonl``            a line for each epoch; no times, so that the same seed gives the same bytes
    ``weights.safetensors``      parameters and buffers at the end
    ``last.ckpt``, ``best.ckpt`` training checkpoints
    ``curve.png`` or ``.svg``    loss and accuracy by epoch
    ===========================  ====================================================================
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.weights = self.path / "weights.safetensors"
        self.last = self.path / "last.ckpt"

    @classmethod
    def create(cls, path: str | Path | None, name: str) -> RunFolder:
        """Make a new folder: ``path``, which must not hold anything yet, or the first free ``runs/NAME-N``."""
        folder = Path(path) if path is not None else _first_free(Path("runs"), name)
        try:
            if folder.exists() and (not folder.is_dir() or any(p.suffix != ".tmp" for p in folder.iterdir())):
                kind = "a folder with something in it" if folder.is_dir() else "a file"
                raise CheckpointError(f"{folder} is {kind} already; choose another --out, or continue that run with --resume {folder}")
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(f"the run folder {folder} cannot be made: {error.strerror}; choose another --out") from None
        return cls(folder)

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Return a folder that holds a run."""
        run = cls(path)
        if not (run.path / "config.json").is_file():
            raise CheckpointError(f"{path} is not the folder of a run: it has no config.json")
        return run

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Keep the settings."""
        write_atomically(self.path / "config.json", (json.dumps(config, indent=2) + "\n").encode())

    def read_config(self) -> dict[str, Any]:
        """Return the settings."""
        try:
            config = json.loads((self.path / "config.json").read_text())
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{self.path / 'config.json'} cannot be read: {error}") from None
        missing = sorted(SETTINGS - set(config)) if isinstance(config, dict) else ["dataset"]
        if missing:
            raise CheckpointError(f"{self.path / 'config.json'} does not hold the settings of a run: there is no {missing[0]!r}")
        return dict(config)

    def write_metrics(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Keep the history; written as a whole each time, so that it never disagrees with the checkpoint for long."""
        write_atomically(self.path / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in history).encode())


def _first_free(parent: Path, name: str) -> Path:
    return next(path for path in (parent / f"{name}-{i}" for i in range(1, 10**6)) if not path.exists())
