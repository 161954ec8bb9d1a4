"""The trainer captures its steps on a GPU, with the numbers of eager steps; where it cannot it says why, and trains all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from support.strict import LEDGER
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad import commands as cli, nn, optim
from minigrad.data import DataLoader, spirals
from minigrad.nn import functional as F
from minigrad.optim import EMA, lr_scheduler
from minigrad.random import Generator
from minigrad.training import NotFiniteError, Trainer, tasks
from minigrad.training.progress import Quiet

POINTS = spirals(24, 2, seed=1)
CAPTURED = "steps are captured as one CUDA graph"


@pytest.fixture(autouse=True)
def gpu() -> Iterator[Any]:
    with pretended_gpu() as backend:
        LEDGER.clear()
        yield backend


class Watcher(Quiet):
    """Keeps what it is told, and what the device had to do in each step."""

    def __init__(self) -> None:
        self.quiet = False  #: whether no step may wait for the device
        self.lines: list[str] = []
        self.launches: list[list[str]] = []

    def note(self, line: str) -> None:
        self.lines.append(line)

    def step(self, epoch: int, tally: Any) -> bool:
        assert not (self.quiet and LEDGER.syncs), LEDGER.syncs
        self.launches.append(LEDGER.launches)
        LEDGER.clear()
        return False


def make(capture: bool = True, optimizer: Any = optim.Adam, layer: nn.Module | None = None, **options: Any) -> tuple[Trainer, DataLoader]:
    mg.manual_seed(4)
    hidden = nn.ReLU() if layer is None else layer
    model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), hidden, nn.Dropout(0.2), nn.Linear(8, 2)).to("cuda")
    loader = DataLoader(POINTS, 10, shuffle=True, generator=Generator(0), device="cuda")  # batches of 10, 10 and 4
    return Trainer(model, optimizer(model.parameters(), lr=0.02), F.cross_entropy, capture=capture, progress=Watcher(), **options), loader


def outcome(trainer: Trainer, history: list[dict[str, Any]]) -> tuple[Any, ...]:
    """Everything that training has changed."""
    tensors = [*trainer.model.state_dict().values(), *(v for s in trainer.optimizer.state.values() for v in s.values())]
    values = [t.to("cpu").detach().numpy().tobytes() if isinstance(t, mg.Tensor) else t for t in tensors]
    return [*history], values, mg.random.get_state()


def run(prepare: Callable[[Trainer], None] = lambda trainer: None, on_epoch: Any = None, epochs: int = 2, **options: Any) -> list[str]:
    """Check that a trainer's numbers do not depend on capture; return what it said."""
    outcomes = []
    for capture in (False, True):
        trainer, loader = make(capture, **options)
        prepare(trainer)
        history = trainer.fit(loader, epochs, on_epoch=on_epoch and (lambda line, trainer=trainer: on_epoch(trainer, line)))
        outcomes.append(outcome(trainer, history))
        lines = trainer.progress.lines
        assert capture or not lines, "nobody asks why what was switched off is off"
    assert outcomes[1] == outcomes[0]
    return lines


@pytest.mark.parametrize("optimizer", [optim.Adam, lambda p, lr: optim.SGD(p, lr, momentum=0.9)], ids=["adam", "sgd"])
def test_captured_training_gives_the_numbers_of_eager_training(optimizer: Any) -> None:
    """With a schedule, a short last batch, an average of the weights, dropout, and validation between the epochs."""
    averages = []

    def prepare(trainer: Trainer) -> None:
        trainer.scheduler = lr_scheduler.CosineAnnealingLR(trainer.optimizer, 9)
        trainer.ema = EMA(trainer.model.parameters(), 0.9)
        averages.append(trainer.ema.averages)

    def evaluate(trainer: Trainer, line: dict[str, Any]) -> None:
        line.update(trainer.evaluate(DataLoader(POINTS, 20, device="cuda")))

    assert run(prepare, evaluate, 3, optimizer=optimizer) == [CAPTURED]
    for eager, captured in zip(*averages, strict=True):
        np.testing.assert_array_equal(captured.get(), eager.get())


def test_clipping_is_captured_too() -> None:
    assert run(epochs=2, clip_norm=0.5) == [CAPTURED]


def test_a_captured_step_is_a_handful_of_launches_and_nothing_waits() -> None:
    trainer, _ = make()
    loader = DataLoader(POINTS, 8, device="cuda")
    trainer.progress.quiet = True
    trainer.fit(loader, 1)
    eager, _, replayed = trainer.progress.launches
    assert "graph" not in eager
    assert replayed.count("graph") == 1
    assert len(replayed) <= 10 < len(eager), replayed


class Looks(nn.Module):
    """Waits for a value."""

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return x if x.sum().item() else x * 2


def watch(trainer: Trainer) -> None:
    trainer.model[0].register_forward_hook(lambda module, args, output: None)


def one_cycle(trainer: Trainer) -> None:
    trainer.scheduler = lr_scheduler.OneCycleLR(trainer.optimizer, 0.05, 10)


def freeze(trainer: Trainer) -> None:
    trainer.model[0].weight.requires_grad = False


#: what to do with a trainer, its options, and what it is to say
OBSTACLES: dict[str, tuple[Callable[[Trainer], None], dict[str, Any], str]] = {
    "optimizer without a kernel": (lambda trainer: None, {"optimizer": optim.Lion}, "a step of Lion cannot be captured"),
    "amsgrad": (lambda trainer: None, {"optimizer": lambda p, lr: optim.Adam(p, lr, amsgrad=True)}, "without amsgrad"),
    "parameter without gradient": (freeze, {}, "a gradient for each of its parameters"),
    "value looked at": (lambda trainer: None, {"layer": Looks()}, "a value was looked at"),
    "schedule of the momentum": (one_cycle, {}, "betas of the optimizer changes from step to step"),
    "hook": (watch, {}, r"layer 0 (Linear) has a hook"),
}


@pytest.mark.parametrize("what", OBSTACLES)
def test_what_cannot_be_captured_is_done_eagerly_and_the_reason_told(what: str) -> None:
    prepare, options, reason = OBSTACLES[what]
    (line,) = run(prepare, epochs=1, **options)
    assert line.startswith("steps are not captured: ")
    assert reason in line
    assert "\n" not in line


def test_anomaly_detection_sees_every_step() -> None:
    trainer, loader = make()
    with mg.detect_anomaly():
        trainer.fit(loader, 1)
    assert trainer.progress.lines == ["steps are not captured: ops are watched by Anomaly"]


def test_batches_of_many_shapes_do_not_fill_the_memory_with_graphs() -> None:
    trainer, _ = make()
    rng = np.random.default_rng(0)
    loader = [(mg.Tensor(rng.standard_normal((n, 2)).astype(np.float32)).to("cuda"), mg.Tensor(rng.integers(0, 2, n)).to("cuda"))
              for n in (2, 2, *range(3, 14))]  # fmt: skip
    trainer.fit(loader, 1)
    assert trainer.progress.lines == [CAPTURED, "steps are no longer captured: batches come in more than 8 shapes"]


CHANGES: dict[str, Callable[[Trainer], Any]] = {
    "an option of the optimizer": lambda trainer: trainer.optimizer.param_groups[0].update(betas=(0.5, 0.9)),
    "a setting of a layer": lambda trainer: setattr(trainer.model[3], "p", 0.5),
    "the weights": lambda trainer: trainer.model.load_state_dict({k: v * 2 for k, v in trainer.model.state_dict().items()}),
    "the state of the optimizer": lambda trainer: trainer.optimizer.load_state_dict(trainer.optimizer.state_dict()),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_changed_between_epochs_counts(what: str) -> None:
    lines = run(on_epoch=lambda trainer, line: CHANGES[what](trainer) if line["epoch"] == 1 else None)
    assert lines == [CAPTURED]


def test_a_loss_that_is_not_finite_is_found_at_the_end_of_the_epoch() -> None:
    trainer, loader = make()
    trainer.fit(loader, 1)
    trainer.optimizer.param_groups[0]["lr"] = float("inf")
    with pytest.raises(NotFiniteError, match="parameter"):
        trainer.fit(loader, 2)


@pytest.mark.parametrize("arguments", [[], ["--no-capture"]])
def test_the_command_says_that_steps_are_captured(
    arguments: list[str], tmp_path: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(config: dict[str, Any], show: Any) -> tasks.Task:
        config.update(shape=[2], classes=["0", "1"])
        return tasks.Task(POINTS, POINTS, nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2)))

    monkeypatch.setattr(tasks, "make_task", small)
    command = ["train", "spirals", "--device", "cuda", "--epochs", "2", "--batch-size", "10", "--out", str(tmp_path / "run")]
    assert cli.main([*command, *arguments]) == 0
    assert (CAPTURED in capsys.readouterr().out) == (not arguments)
