"""The trainer replays its steps on the CPU with the numbers of eager ones, and says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.data import DataLoader, TensorDataset
from minigrad.nn import functional as F
from minigrad.optim import EMA
from minigrad.replay import captured
from minigrad.replay.c_program import CProgram
from minigrad.replay.cpu import CpuProgram
from minigrad.training import Trainer
from minigrad.training.diagnosis import NotFiniteError
from minigrad.training.progress import Quiet


class Listener(Quiet):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


def made(capture: bool | str, layer: nn.Module | None = None, **options: Any) -> tuple[Trainer, DataLoader]:
    mg.manual_seed(4)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 6)).astype(np.float32), rng.integers(0, 3, 50)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), layer or nn.Identity(), nn.Linear(8, 3))
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
    ema = EMA(model.parameters(), 0.9)
    return Trainer(model, optimizer, F.cross_entropy, capture=capture, progress=Listener(), ema=ema, clip_norm=0.5, **options), loader


def test_captured_training_gives_the_bytes_of_eager_training() -> None:
    """Batches of two lengths, validation between epochs, an average of the weights, clipping."""
    results = []
    for capture in (False, True):
        trainer, loader = made(capture)
        history = trainer.fit(loader, 5, loader)
        state = [t.data.tobytes() for t in [*trainer.model.parameters(), *trainer.model.buffers()]]
        results.append((history, state, [e.tobytes() for e in trainer.ema.averages], mg.random.get_state()))  # type: ignore[union-attr]
        assert trainer.progress.lines == (["steps are captured as one program of NumPy calls"] if capture else [])
    assert results[0] == results[1]


def recordings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The backends of programs that are made, and "recorded" for each recording of a step, as they come."""
    seen: list[str] = []
    monkeypatch.setattr(captured, "CpuProgram", lambda recording: seen.append("numpy") or CpuProgram(recording))
    monkeypatch.setattr(captured, "CProgram", lambda recording: seen.append("c") or CProgram(recording))
    monkeypatch.setattr(captured, "record", lambda *args, made=captured.record, **kwargs: seen.append("recorded") or made(*args, **kwargs))
    return seen


@pytest.mark.parametrize("capture", [True, "c"])
def test_later_calls_of_fit_use_the_programs_of_the_first(capture: bool | str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In C one program for full batches, one of NumPy calls for the last of an epoch; each is recorded twice and made once."""
    trainer, loader = made(capture)
    trainer.fit(loader, 1)
    trainer.fit(loader, 4)
    if "C" not in trainer.progress.lines[0] and capture == "c":
        pytest.skip(str(trainer.progress.lines))
    seen = recordings(monkeypatch)
    for epochs in range(5, 9):
        trainer.fit(loader, epochs)
        trainer.evaluate(loader)
    assert seen == []
    trainer.loss = lambda output, target: F.cross_entropy(output, target) * 2
    trainer.fit(loader, 11)
    if capture == "c":
        assert sorted(seen) == ["c", "numpy", *["recorded"] * 4]
    else:
        assert set(seen) == {"recorded", "numpy"}


class Looks(nn.Module):
    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return x * (2 if x.mean().item() > 10 else 1)


def test_what_cannot_be_captured_is_done_eagerly_and_told() -> None:
    trainer, loader = made(True, Looks())
    trainer.fit(loader, 2)
    (line,) = trainer.progress.lines
    assert line.startswith("steps are not captured: the step cannot be captured: a value was looked at (test_captured.py:")


def test_hooks_are_run_in_every_step() -> None:
    trainer, loader = made(True)
    seen: list[int] = []
    trainer.model[0].register_forward_hook(lambda module, args, out: seen.append(1))  # type: ignore[index]
    trainer.fit(loader, 2)
    assert len(seen) == 8
    assert trainer.progress.lines == ["steps are not captured: layer 0 (Linear) has a hook"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_not_finite_stops_a_captured_step_before_the_update() -> None:
    trainer, loader = made(True)
    trainer.fit(loader, 2)
    before = [p.data.tobytes() for p in trainer.model.parameters()]
    x, y = next(iter(loader))
    bad = np.full(x.shape, np.inf, np.float32)
    broken = DataLoader(TensorDataset(bad, np.array(y.data)), batch_size=16)
    with pytest.raises(NotFiniteError):
        trainer.fit(broken, 3)
    assert [p.data.tobytes() for p in trainer.model.parameters()] == before


def test_training_in_c_resumed_at_any_step_ends_in_the_same_bytes(tmp_path: Path) -> None:
    """Every step is made by the program, the first of a resumed run too."""
    trainer, loader = made("c")
    trainer.fit(loader, 3)
    if trainer.progress.lines != ["steps are captured as one program in C"]:
        pytest.skip(str(trainer.progress.lines))
    expected = [t.data.tobytes() for t in [*trainer.model.parameters(), *trainer.model.buffers()]]
    for stop in (1, 3, 6, 7):
        first, loader = made("c", folder=tmp_path)
        steps = iter(range(100))

        def interrupt(epoch: int, tally: Any, first: Trainer = first, steps: Any = steps, stop: int = stop) -> bool:
            first._interrupt.requested = next(steps) + 1 == stop
            return False

        first.progress.step = interrupt
        with pytest.raises(KeyboardInterrupt):
            first.fit(loader, 3)
        second, loader = made("c")
        second.resume(tmp_path / "last.ckpt", loader)
        second.fit(loader, 3)
        assert [t.data.tobytes() for t in [*second.model.parameters(), *second.model.buffers()]] == expected, stop
