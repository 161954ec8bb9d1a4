"""Draw docs/batch_norm.svg: the digits network with and without batch norm, all else equal.

Run:  python docs/draw_batch_norm.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from minigrad.commands import main
from minigrad.training.plot import by_epoch
from minigrad.training.svg import svg

SETTINGS = ["train", "digits", "--optimizer", "sgd", "--lr", "0.1", "--schedule", "none"]


def history(out: Path, *extra: str) -> list[dict[str, float]]:
    if main([*SETTINGS, *extra, "--out", str(out)]):
        raise SystemExit("training failed")
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        runs = {"with batch norm": history(Path(folder) / "a"), "without": history(Path(folder) / "b", "--no-batch-norm")}
    panels = {
        "training loss": {name: [line["train_loss"] for line in lines] for name, lines in runs.items()},
        "test accuracy": {name: [line["test_accuracy"] for line in lines] for name, lines in runs.items()},
    }
    Path(__file__).with_name("batch_norm.svg").write_text(svg(by_epoch(panels)))
