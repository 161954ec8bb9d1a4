"""The progress bar and the report at the end."""

import io

import numpy as np
from rich.console import Console

from minigrad.training.confusion import print_confusion, worst_pairs
from minigrad.training.metrics import Tally
from minigrad.training.progress import Bar, downloads

MATRIX = np.array([[5, 1, 0], [0, 4, 0], [3, 0, 7]])


def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=140, color_system=None, legacy_windows=False)


def test_the_bar_shows_loss_accuracy_rate_and_remaining_time():
    console = terminal()
    bar = Bar(console)
    with bar.fit(3, 10):
        for step in range(1, 6):
            tally = Tally(0.25 * 32 * step, 16 * step, 32 * step)
            looked = bar.step(1, tally)
            assert looked == (step == 1)  # the next look is a tenth of a second later
        bar.epoch({"epoch": 2, "train_loss": 0.25, "train_accuracy": 0.5, "test_loss": 0.75, "test_accuracy": 0.125})
    shown = console.file.getvalue()
    for text in ("epoch 2/3", "loss 0.2500", "50.00%", "samples/s", "test loss 0.7500", "12.50%", "-:--"):
        assert text in shown
    assert bar.samples == 5 * 32


def test_samples_are_counted_over_epochs():
    bar = Bar(terminal())
    with bar.fit(2, 2):
        for items in (8, 16, 8, 16):
            bar.step(0, Tally(0.0, 0, items))
    assert bar.samples == 32


def test_downloads_are_shown():
    console = terminal()
    with downloads(console) as show:
        show("file", 500_000, 1_000_000)
        show("file", 1_000_000, 1_000_000)
        show("other", 10, None)
    assert "file" in console.file.getvalue()


def test_the_confusion_matrix_is_printed():
    console = terminal()
    print_confusion(console, MATRIX, ["cat", "dog", "elephant"])
    lines = console.file.getvalue().splitlines()
    rows = [line.replace("│", " ").split() for line in lines if line.startswith("│")]
    assert rows == [["cat", "5", "1", "·"], ["dog", "·", "4", "·"], ["elepha", "3", "·", "7"]]
    console = terminal()
    print_confusion(console, np.eye(100, dtype=int), [str(i) for i in range(100)])
    assert console.file.getvalue() == ""


def test_the_worst_mistakes():
    assert worst_pairs(MATRIX, ["cat", "dog", "elephant"]) == [("elephant", "cat", 3), ("cat", "dog", 1)]


def test_the_bar_shows_no_accuracy_where_there_is_none():
    console = terminal()
    bar = Bar(console)
    with bar.fit(1, 1):
        assert bar.step(0, Tally(1.0, float("nan"), 4))
        bar.epoch({"epoch": 1, "train_loss": 0.25, "val_loss": 0.75})
    shown = console.file.getvalue()
    assert "loss 0.2500  val. loss 0.7500\n" in shown
    assert "samples/s" in shown
    assert "accuracy" not in shown
