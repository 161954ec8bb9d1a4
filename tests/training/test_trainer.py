"""The trainer: what it learns, what it records, when it stops, and that a checkpoint holds everything."""

import os
import signal

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.data import DataLoader, TensorDataset, spirals
from minigrad.nn import functional as F
from minigrad.optim import EMA, lr_scheduler
from minigrad.random import Generator
from minigrad.saving import CheckpointError
from minigrad.training import NotFiniteError, Trainer, confusion_matrix

POINTS = spirals(120, 2, seed=1)


def make(folder=None, dropout=0.0, seed=0, lr=0.05, augment=False, width=8, **options):
    mg.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 2))
    optimizer = optim.Adam(model.parameters(), lr)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, 60)
    noise = lambda batch, generator: (batch[0] + generator.normal(batch[0].shape, std=0.01, device="cpu").numpy(), batch[1])
    loader = DataLoader(POINTS, 16, shuffle=True, drop_last=True, generator=Generator(seed), transform=noise if augment else None)
    options.setdefault("scheduler", scheduler)
    return Trainer(model, optimizer, F.cross_entropy, folder=folder, **options), loader


def bytes_of(trainer):
    return b"".join(t.data.tobytes() for t in trainer.model.state_dict().values())


def test_it_learns_and_records():
    trainer, loader = make(lr=0.02, width=32, scheduler=None)
    history = trainer.fit(loader, 40, DataLoader(spirals(60, 2, seed=2), 30))
    assert [line["epoch"] for line in history] == list(range(1, 41))
    assert set(history[0]) == {"epoch", "train_loss", "train_accuracy", "lr", "val_loss", "val_accuracy"}
    assert history[-1]["val_accuracy"] > 0.95
    assert history[-1]["train_loss"] < 0.3 * history[0]["train_loss"]
    assert trainer.step == 40 * 7
    empty = DataLoader(POINTS, 1000, drop_last=True)
    with pytest.raises(ValueError, match="fit: loader has no batches"):
        trainer.fit(empty, 1)
    with pytest.raises(ValueError, match="fit: validation has no batches"):
        trainer.fit(loader, 41, empty)
    with pytest.raises(ValueError, match="evaluate: loader has no batches"):
        trainer.evaluate(empty)
    assert len(trainer.history) == 40


def test_the_recorded_numbers_are_right():
    trainer, _ = make(lr=1e-30, scheduler=None)
    trainer.model = nn.Sequential(*[m for m in trainer.model if not isinstance(m, nn.BatchNorm1d)])
    line = trainer.fit(DataLoader(POINTS, 50), 1)[0]  # 50, 50 and 20: batches count by their items
    logits = trainer.model(mg.Tensor(POINTS.arrays[0]))
    assert line["train_loss"] == pytest.approx(F.cross_entropy(logits, mg.Tensor(POINTS.arrays[1])).item(), rel=1e-6)
    assert line["train_accuracy"] == (logits.data.argmax(1) == POINTS.arrays[1]).mean()
    assert trainer.evaluate(DataLoader(POINTS, 7)) == pytest.approx({"loss": line["train_loss"], "accuracy": line["train_accuracy"]})


@pytest.mark.parametrize("stop", [1, 7, 11, 14, 15])
def test_resuming_at_any_step_ends_in_the_same_bytes(stop, tmp_path):
    """With dropout, augmentation, batch norm, a schedule and an average of the weights: all of it is in the checkpoint."""
    validation = DataLoader(spirals(60, 2, seed=2), 30)

    def build():
        trainer, loader = make(tmp_path, 0.3, augment=True)
        trainer.ema = EMA(trainer.model.parameters(), 0.9)
        return trainer, loader

    whole, loader = build()
    whole.folder = None
    whole.fit(loader, 3, validation)
    first, loader = build()

    class Stop(type(first.progress)):
        def step(self, epoch, tally):
            if first.step == stop:
                first.save(tmp_path / "middle")
                raise StopIteration
            return False

    first.progress = Stop()
    with pytest.raises(StopIteration):
        first.fit(loader, 3, validation)
    second, loader = build()
    mg.manual_seed(99)
    second.resume(tmp_path / "middle", loader)
    assert second.step == stop
    second.fit(loader, 3, validation)
    assert bytes_of(second) == bytes_of(whole)
    assert second.history == whole.history
    assert [e.tobytes() for e in second.ema.averages] == [e.tobytes() for e in whole.ema.averages]
    assert mg.random.get_state() != {"seed": 99, "counter": 0}


def test_the_same_seed_gives_the_same_bytes():
    results = []
    for seed in (0, 0, 1):
        trainer, loader = make(dropout=0.5, seed=seed)
        trainer.fit(loader, 2)
        results.append(bytes_of(trainer))
    assert results[0] == results[1] != results[2]


def test_early_stopping_keeps_the_best(tmp_path):
    labels = np.random.default_rng(0).integers(0, 2, 60)  # nothing to learn: it can only get worse
    validation = DataLoader(TensorDataset(POINTS.arrays[0][:60], labels), 30)
    trainer, loader = make(tmp_path, lr=0.1, patience=3)
    history = trainer.fit(loader, 50, validation)
    best = int(np.argmin([line["val_loss"] for line in history]))
    assert len(history) == best + 1 + 3
    again, loader = make(tmp_path)
    again.resume(tmp_path / "best.ckpt", loader)
    assert again.evaluate(validation)["loss"] == pytest.approx(history[best]["val_loss"])


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_ctrl_c_saves_and_what_follows_is_the_same(tmp_path):
    whole, loader = make()
    whole.fit(loader, 3)
    trainer, loader = make(tmp_path)
    handler = signal.getsignal(signal.SIGINT)

    class Interrupt(type(trainer.progress)):
        def step(self, epoch, tally):
            if trainer.step == 9:
                os.kill(os.getpid(), signal.SIGINT)
            return False

    trainer.progress = Interrupt()
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(loader, 3)
    assert signal.getsignal(signal.SIGINT) is handler
    again, loader = make(tmp_path)
    again.resume(tmp_path / "last.ckpt", loader)
    assert again.step == 9
    again.fit(loader, 3)
    assert bytes_of(again) == bytes_of(whole)


class Broken(nn.Module):
    def forward(self, x):
        return x * float("nan")


def test_nan_names_the_layer():
    mg.manual_seed(0)
    for model, message in [
        (nn.Sequential(nn.Linear(2, 4), nn.Sequential(nn.ReLU(), Broken()), nn.Linear(4, 2)), r"layer 1\.1 \(Broken\)"),
        (nn.Sequential(nn.Linear(2, 2)), r"parameter 0\.bias of layer 0 \(Linear\)"),
    ]:
        if len(list(model.children())) == 1:
            model[0].bias.copy_(np.full(2, np.inf))
        trainer = Trainer(model, optim.SGD(model.parameters()), F.cross_entropy)
        before = bytes_of(trainer)
        with np.errstate(all="ignore"), pytest.raises(NotFiniteError, match=f"(?s)step 1 .*{message}"):
            trainer.fit(DataLoader(POINTS, 16), 1)
        assert bytes_of(trainer) == before
    bad = TensorDataset(np.full((16, 2), np.nan, np.float32), np.zeros(16, int))
    trainer, _ = make()
    with np.errstate(all="ignore"), pytest.raises(NotFiniteError, match="input 0 of the model"):
        trainer.fit(DataLoader(bad, 16), 1)


def test_a_checkpoint_of_something_else_changes_nothing(tmp_path):
    trainer, loader = make(tmp_path)
    trainer.fit(loader, 1)
    mg.save({"x": mg.Tensor([1.0])}, tmp_path / "weights")
    others = {
        "another width": make(width=9),
        "no scheduler": make(scheduler=None),
        "an average": make(ema=EMA([mg.Tensor([1.0])])),
    }
    for name, (other, other_loader) in others.items():
        before, random_state = bytes_of(other), mg.random.get_state()
        with pytest.raises(CheckpointError, match="does not belong to this model") as caught:
            other.resume(tmp_path / "last.ckpt", other_loader)
        assert "\n" not in str(caught.value), name
        assert bytes_of(other) == before, name
        assert (other.step, mg.random.get_state()) == (0, random_state), name
    with pytest.raises(CheckpointError, match="not a state"):
        trainer.resume(tmp_path / "weights", loader)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    trainer, loader = make(tmp_path)
    trainer.fit(loader, 1)
    before = (tmp_path / "last.ckpt").read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(CheckpointError, match=r"last\.ckpt could not be written: No space left on device"):
        trainer.fit(loader, 2)
    assert (tmp_path / "last.ckpt").read_bytes() == before


def test_clipping_and_plateau():
    trainer, loader = make(clip_norm=1e-8, lr=0.1, scheduler=None)
    trainer.optimizer = optim.SGD(trainer.model.parameters(), 0.1)
    before = [p.data.copy() for p in trainer.model.parameters()]
    trainer.fit(loader, 1)
    assert max(np.abs(p.data - x).max() for p, x in zip(trainer.model.parameters(), before, strict=True)) < 1e-7
    plateau = lr_scheduler.ReduceLROnPlateau(trainer.optimizer, patience=0, threshold=0.5)
    trainer.scheduler = plateau
    trainer.fit(loader, 4, loader)
    assert trainer.optimizer.param_groups[0]["lr"] < 0.1


def test_confusion_matrix():
    assert confusion_matrix([0, 1, 1, 2], [0, 1, 2, 2], 3).tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]


class TestMistakes:
    def model(self):
        mg.manual_seed(0)
        return nn.Linear(2, 2)

    def test_what_a_trainer_is_made_of(self):
        model = self.model()
        optimizer = optim.SGD(model.parameters())
        with pytest.raises(TypeError, match="Trainer: model must be a Module, not a SGD"):
            Trainer(optimizer, model, F.cross_entropy)
        with pytest.raises(TypeError, match="Trainer: optimizer must be an Optimizer, not a generator"):
            Trainer(model, model.parameters(), F.cross_entropy)
        for loss in (mg.tensor(1.0), nn.CrossEntropyLoss):
            with pytest.raises(TypeError, match=r"Trainer: loss must be a function .* or nn\.CrossEntropyLoss\(\)"):
                Trainer(model, optimizer, loss)

    def test_an_optimizer_of_another_model(self):
        with pytest.raises(ValueError, match=r"none of the model's parameters.*model\.parameters\(\)"):
            Trainer(self.model(), optim.SGD(self.model().parameters()), F.cross_entropy)

    def test_a_data_set_in_place_of_a_loader(self):
        trainer, _ = make()
        with pytest.raises(
            TypeError, match=r"fit: loader must be a DataLoader, as DataLoader\(dataset, batch_size=32\) makes, not a TensorDataset"
        ):
            trainer.fit(POINTS, 1)

    def test_a_folder_is_made_or_refused_before_the_first_step(self, tmp_path):
        trainer, loader = make(tmp_path / "a" / "b")
        trainer.fit(loader, 1)
        assert (tmp_path / "a" / "b" / "last.ckpt").is_file()
        (tmp_path / "file").write_text("")
        trainer, loader = make(tmp_path / "file")
        with pytest.raises(CheckpointError, match=r"the folder .*file for checkpoints cannot be made"):
            trainer.fit(loader, 1)
        assert trainer.step == 0

    def test_a_loss_for_each_item(self):
        trainer, loader = make()
        trainer.loss = lambda output, target: F.cross_entropy(output, target, reduction="none")
        before = [p.data.copy() for p in trainer.model.parameters()]
        with pytest.raises(ValueError, match=r"the loss must be one number, and has shape \(16,\): take its mean"):
            trainer.fit(loader, 1)
        assert all((p.data == old).all() for p, old in zip(trainer.model.parameters(), before, strict=True))

    def test_what_needs_validation(self):
        trainer, loader = make(patience=2)
        with pytest.raises(ValueError, match="patience=2 needs validation"):
            trainer.fit(loader, 1)
        trainer, loader = make()
        trainer.scheduler = lr_scheduler.ReduceLROnPlateau(trainer.optimizer)
        with pytest.raises(ValueError, match="ReduceLROnPlateau needs validation"):
            trainer.fit(loader, 1)

    def test_whole_numbers_that_are_no_classes(self):
        x = np.arange(8, dtype=np.float32).reshape(8, 1)
        model = nn.Linear(1, 1)
        trainer = Trainer(model, optim.SGD(model.parameters()), F.mse_loss)
        line = trainer.fit(DataLoader(TensorDataset(x, np.zeros((8, 1), int)), 8), 1)[0]
        assert "train_accuracy" not in line

    def test_bad_input_is_not_blamed_on_the_learning_rate(self):
        trainer, _ = make()
        bad = TensorDataset(np.full((16, 2), np.nan, np.float32), np.zeros(16, int))
        with np.errstate(all="ignore"), pytest.raises(NotFiniteError, match=r"NaN or infinite values: look at the data$"):
            trainer.fit(DataLoader(bad, 16), 1)


def test_a_regression_has_no_accuracy(tmp_path):
    from minigrad.training.plot import panels_of

    x = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    data = TensorDataset(x, 2 * x)

    def build():
        mg.manual_seed(0)
        model = nn.Sequential(nn.Linear(1, 1))
        trainer = Trainer(model, optim.SGD(model.parameters(), 0.1), F.mse_loss, folder=tmp_path, checkpoint_every=3)
        return trainer, DataLoader(data, 8)

    trainer, loader = build()
    history = trainer.fit(loader, 2, DataLoader(data, 40))
    assert set(history[0]) == {"epoch", "train_loss", "lr", "val_loss"}
    assert set(trainer.evaluate(loader)) == {"loss"}
    assert [panel.title for panel in panels_of(history)] == ["loss"]

    class Stop(type(trainer.progress)):
        def step(self, epoch, tally):
            if first.step == 4:
                raise StopIteration
            return False

    first, loader = build()
    first.progress = Stop()
    with pytest.raises(StopIteration):
        first.fit(loader, 2)
    again, loader = build()
    again.resume(tmp_path / "last.ckpt", loader)
    assert again.step == 3
    assert [line["train_loss"] for line in again.fit(loader, 2)] == [line["train_loss"] for line in history]


def test_training_by_steps_validates_every_few_and_stops_when_it_is_good_enough():
    trainer, loader = make(lr=0.02, width=32, scheduler=None)
    validation = DataLoader(spirals(60, 2, seed=2), 30)
    history = trainer.fit(loader, validation=validation, steps=25, every=10)
    assert [line["step"] for line in history] == [10, 20, 25]
    assert set(history[0]) == {"step", "train_loss", "train_accuracy", "lr", "val_loss", "val_accuracy"}
    assert trainer.step == 25
    more = trainer.fit(loader, validation=validation, steps=2000, every=20, until=lambda line: line["val_accuracy"] >= 0.95)
    assert more[-1]["val_accuracy"] >= 0.95 > max(line["val_accuracy"] for line in more[3:-1])
    assert trainer.step == more[-1]["step"] < 2000
    assert more[3]["step"] == 40  # a multiple of every, wherever training begins


def test_steps_are_the_steps_of_epochs():
    by_epochs, loader = make()
    by_epochs.fit(loader, 3)
    by_steps, loader = make()
    by_steps.fit(loader, steps=3 * len(loader), every=4)
    assert bytes_of(by_epochs) == bytes_of(by_steps)


@pytest.mark.parametrize("stop", [1, 9, 12])
def test_training_by_steps_resumes_at_any_step(stop, tmp_path):
    whole, loader = make(dropout=0.2)
    whole.fit(loader, steps=20, every=6)
    first, loader = make(tmp_path, dropout=0.2, checkpoint_every=1)

    class Stop(type(first.progress)):
        def step(self, epoch, tally):
            if first.step == stop + 1:
                raise KeyboardInterrupt
            return False

    first.progress = Stop()
    with pytest.raises(KeyboardInterrupt):
        first.fit(loader, steps=20, every=6)
    second, loader = make(seed=3, dropout=0.2)
    second.resume(tmp_path / "last.ckpt", loader)
    assert second.step == stop
    second.fit(loader, steps=20, every=6)
    assert bytes_of(second) == bytes_of(whole)
    assert second.history == whole.history


def test_how_long_to_train_is_said_once():
    trainer, loader = make()
    for arguments in ({}, {"epochs": 1, "steps": 5}):
        with pytest.raises(TypeError, match="one of epochs and steps"):
            trainer.fit(loader, **arguments)
    with pytest.raises(TypeError, match="every counts steps"):
        trainer.fit(loader, 1, every=5)
    for arguments in ({"steps": 0}, {"steps": 5, "every": 0}, {"steps": 2.5}):
        with pytest.raises(ValueError, match="positive integer"):
            trainer.fit(loader, **arguments)
    assert trainer.step == 0


@pytest.mark.parametrize("epochs", [1.5, -1, "3", np.float32(2)])
def test_epochs_are_a_number_of_times(epochs):
    trainer, loader = make()
    with pytest.raises(ValueError, match="epochs must be an integer, 0 or more, not"):
        trainer.fit(loader, epochs)
