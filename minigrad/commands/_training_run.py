"""A training run, as ``minigrad train`` starts or continues it and reports on it."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from minigrad import random
from minigrad._printable import printable
from minigrad.commands.predict import predict_classes, predict_outputs
from minigrad.core.device import as_device
from minigrad.data import DataError, DataLoader, random_split
from minigrad.distributed import Group, share_state, synchronize
from minigrad.random import Generator
from minigrad.saving import load_state, save
from minigrad.training import tasks
from minigrad.training.confusion import print_confusion, worst_pairs
from minigrad.training.metrics import confusion_matrix
from minigrad.training.models import parameter_count
from minigrad.training.optimizers import make_optimizer
from minigrad.training.own_data import describe
from minigrad.training.plot import save_curve
from minigrad.training.progress import Bar, downloads
from minigrad.training.run_folder import RunFolder
from minigrad.training.tasks import Config
from minigrad.training.text import Vocabulary, continue_text
from minigrad.training.trainer import Trainer

if TYPE_CHECKING:
    from minigrad.export import TensorBoard

REPORTED = ("dataset", "model", "batch_norm", "optimizer", "lr", "epochs", "batch_size", "seed", "device")  #: settings in the result
EVALUATED = 256  #: items in a batch that is only looked at


@dataclass
class TrainingRun:
    """A task, what trains it, and the folder that everything is left in; on several ranks, all of them make the same calls."""

    config: Config
    console: Console
    folder: RunFolder
    task: tasks.Task
    group: Group
    seconds: float = field(default=0.0, init=False)  #: that training took

    def __post_init__(self) -> None:
        """Put together what trains the task."""
        synchronize(self.task.model.to(self.config["device"]), self.group)
        train, held_out = _split(self.config, self.task)
        looked_at = {"device": self.config["device"], "shard": self.group}
        self.test = DataLoader(self.task.test, EVALUATED, **looked_at)
        self.validation = None if held_out is None else DataLoader(held_out, EVALUATED, **looked_at)
        self.loader = _loader(self.config, train, self.group)
        self.trainer = _trainer(self.config, self.task, self.folder, len(self.loader), Bar(self.console), self.group)

    @classmethod
    def start(cls, config: Config, console: Console, out: str | None, group: Group) -> TrainingRun:
        """Begin a run in the folder ``out``, or in a new one, which rank 0 makes. There is no folder before its data are read."""
        task = _task(config, console, group)
        folder = RunFolder.create(out, f"{config['dataset']}-{config['model']}") if group.main else None
        path = group.exchange(folder and str(folder.path.absolute()))[0]
        folder = RunFolder(path) if folder is None else folder
        if group.main:
            folder.write_config(config)
        return cls(config, console, folder, task, group)

    @classmethod
    def resume(cls, path: str, console: Console, group: Group) -> TrainingRun:
        """Continue the run in a folder from its last checkpoint, on any number of ranks, all of which read it."""
        folder = RunFolder.open(path)
        config = folder.read_config()
        self = cls(config, console, folder, _task(config, console, group), group)
        if folder.last.is_file():
            trainer = self.trainer
            trainer.resume(folder.last, self.loader)
            trainer.progress = Bar(console, trainer.epoch, trainer.step - trainer.epoch * len(self.loader), config["batch_size"])
        return self

    def fit(self, tensorboard: bool = False) -> None:
        """Train to the last epoch. What Ctrl-C stops can be resumed."""
        config, path = self.config, escape(str(self.folder.path))
        if self.task.held_out:
            self.console.print(printable(describe(config, len(self.task.train), len(self.task.test))), markup=False, highlight=False)
        parts = [f"{len(self.loader.dataset):,} items to train with"]
        if self.validation is not None:
            parts.append(f"{len(self.validation.dataset):,} held out to choose the best epoch with")
        if not self.task.held_out:
            parts.append(f"{len(self.task.test):,} to test with")
        self.console.print(
            f"{config['dataset']}: {', '.join(parts)}; "
            f"{config['model']} with {parameter_count(self.task.model):,} parameters; {config['device']}{_ranks(self.group)}; {path}"
        )
        if self.trainer.epoch >= config["epochs"]:
            self.console.print(f"all of its {config['epochs']} epochs are done: nothing is left to train", highlight=False)
        with self._log() if tensorboard and self.group.main else nullcontext(lambda line: None) as log:

            def on_epoch(line: dict[str, Any]) -> None:
                line.update({} if self.task.held_out else self._evaluate())
                if self.group.main:
                    self.folder.write_metrics(self.trainer.history)
                log(line)

            start = time.perf_counter()
            try:
                self.trainer.fit(self.loader, config["epochs"], self.validation, on_epoch=on_epoch)
            except KeyboardInterrupt:
                self.console.print(f"[bold]stopped[/]; minigrad train --resume {path} continues", highlight=False)
                raise
            self.seconds = time.perf_counter() - start

    def _log(self) -> TensorBoard:
        """Return what writes for TensorBoard: numbers, distributions of the weights, and the graph of the model on one item."""
        from minigrad.export import TensorBoard

        return TensorBoard(self.folder.path, self.task.model, self.task.train.arrays[0][:1])

    def finish(self) -> dict[str, Any]:
        """Leave weights, metrics and curve in the folder; print what came of the run, and return it: rank 0 does."""
        config, folder, model = self.config, self.folder, self.task.model
        if self.validation is not None:
            if self.group.main:
                model.load_state_dict(load_state(folder.path / "best.ckpt")["parts"]["model"])
            share_state(model, self.group)
        samples = int(self.group.all_reduce(np.array(self.trainer.progress.samples)))
        evaluated = self._evaluate()
        if not self.group.main:
            return {}
        save(model.state_dict(), folder.weights, {"dataset": config["dataset"], "model": config["model"]})
        folder.write_metrics(self.trainer.history)
        curve = save_curve(self.trainer.history, folder.path)
        result = {
            **{key: config[key] for key in REPORTED},
            "parameters": parameter_count(model),
            "seconds": self.seconds,
            "samples_per_second": samples / self.seconds if self.seconds else 0.0,
            **evaluated,
            "run": str(folder.path),
        }
        show = self._show_text if config["dataset"] == "text" else self._show_classes if config["classes"] else self._show_errors
        result.update(show(result))
        self.console.print(f"weights, metrics and curve ({curve.name}) are in {escape(str(folder.path))}", highlight=False)
        return result

    def _evaluate(self) -> dict[str, float]:
        """Loss and, where there is one, accuracy on the test data, or on what was held out of one's own."""
        kind = "val" if self.task.held_out else "test"
        return {f"{kind}_{name}": value for name, value in self.trainer.evaluate(self.test).items()}

    def _show_classes(self, result: dict[str, Any]) -> dict[str, Any]:
        """Print which classes are taken for which; return the confusion matrix."""
        console, classes = self.console, self.config["classes"]
        images, labels = self.task.test.arrays
        predicted = predict_classes(self.task.model, images, self.config["device"]).argmax(axis=1)
        matrix = confusion_matrix(predicted, labels, len(classes))
        print_confusion(console, matrix, classes)
        for true, taken, n in worst_pairs(matrix, classes):
            console.print(f"  {printable(true)} taken for {printable(taken)}: {n}", markup=False, highlight=False)
        kind = "validation" if self.task.held_out else "test"
        right, n = int(np.trace(matrix)), int(matrix.sum())
        console.print(f"[bold]{kind} accuracy {right / n:.2%}[/] ({right} of {n}), in {result['seconds']:.1f} s", highlight=False)
        return {"confusion": matrix.tolist()}

    def _show_errors(self, result: dict[str, Any]) -> dict[str, Any]:
        """Print how far the predicted numbers are off, in their own unit; return it."""
        items, target = self.task.test.arrays
        off = (predict_outputs(self.task.model, items, self.config["device"]) - target) * self.config["target_scale"]["std"]
        rmse = float(np.sqrt(np.mean(off**2)))
        spread = float(np.sqrt(np.mean((target * np.array(self.config["target_scale"]["std"])) ** 2)))
        said = f"[bold]validation error {rmse:.6g}[/] (root mean square; the mean of the training part would be off by {spread:.6g})"
        self.console.print(f"{said}, in {result['seconds']:.1f} s", highlight=False)
        return {"rmse": rmse, "rmse_of_the_mean": spread}

    def _show_text(self, result: dict[str, Any]) -> dict[str, Any]:
        """Print a text that the model writes; return it."""
        config, console = self.config, self.console
        vocabulary = Vocabulary(config["vocabulary"])
        first = "\n" if "\n" in config["vocabulary"] else config["vocabulary"][0]
        sample = continue_text(self.task.model, vocabulary, first, 300, config["length"], config["seed"])
        console.print("[bold]a text of the model's own:[/]")
        console.print(printable(sample), markup=False, highlight=False)
        console.print(f"[bold]test loss {result['test_loss']:.3f} nats per character[/], in {result['seconds']:.1f} s", highlight=False)
        return {"sample": sample}


def _task(config: Config, console: Console, group: Group) -> tasks.Task:
    """Return data and model, with their weights drawn from the seed, after making sure that the device is there.

    Rank 0 is the first, so that it downloads what is not there yet, and the others find it.
    """
    config["device"] = str(as_device(config["device"]))
    if not group.main:
        group.barrier()
    random.manual_seed(config["seed"])
    with downloads(console) as show:
        task = tasks.make_task(config, show)
    if group.main:
        group.barrier()
    return task


def _ranks(group: Group) -> str:
    return f" on {group.size} ranks" if group.size > 1 else ""


def _split(config: Config, task: tasks.Task) -> tuple[Any, Any]:
    """Return what is trained on and, where that is wanted, what is held out for validation."""
    if task.held_out:
        return task.train, task.test
    if not config["validation"]:
        return task.train, None
    train, held_out = random_split(task.train, [1 - config["validation"], config["validation"]], Generator(config["seed"]))
    if not len(held_out):
        raise DataError(f"{config['validation']} of {len(task.train)} items is none; hold out a larger share for validation")
    return train, held_out


def _loader(config: Config, dataset: Any, group: Group) -> DataLoader:
    return DataLoader(
        dataset,
        config["batch_size"],
        shuffle=True,
        drop_last=len(dataset) > config["batch_size"],  # batch norm cannot use a last batch of one item
        generator=Generator(config["seed"]),
        transform=tasks.augmentation(config),
        prefetch=2 if config["augment"] else 0,
        device=config["device"],
        shard=group,
    )


def _trainer(config: Config, task: tasks.Task, folder: RunFolder, batches: int, progress: Bar, group: Group) -> Trainer:
    optimizer = make_optimizer(config, task.model)
    return Trainer(
        task.model,
        optimizer,
        tasks.make_loss(config),
        scheduler=tasks.make_schedule(config, optimizer, config["epochs"] * batches),
        clip_norm=config["clip_norm"],
        folder=folder.path,
        checkpoint_every=config.get("checkpoint_every"),
        patience=config["patience"],
        capture=config.get("capture", True),
        progress=progress,
        group=group,
    )
