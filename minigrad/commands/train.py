"""``minigrad train``: from settings to a run folder."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from minigrad import random
from minigrad.core.device import as_device
from minigrad.core.mode import changed_mode
from minigrad.data import DataError, DataLoader, TensorDataset, random_split
from minigrad.nn import Module
from minigrad.random import Generator
from minigrad.saving import load_state, save, write_atomically
from minigrad.training import tasks
from minigrad.training.confusion import print_confusion, worst_pairs
from minigrad.training.metrics import confusion_matrix
from minigrad.training.models import parameter_count
from minigrad.training.plot import save_curve
from minigrad.training.progress import Bar, downloads
from minigrad.training.run_folder import RunFolder
from minigrad.training.tasks import Config
from minigrad.training.text import Vocabulary, continue_text
from minigrad.training.trainer import Trainer


def train(
    config: Config, console: Console, *, out: str | None, resume: str | None, json_file: str | None, tensorboard: bool | None
) -> None:
    """Train what the settings describe, or continue the run in the folder ``resume``, and leave everything in its folder."""
    if resume is not None:
        run = RunFolder.open(resume)
        config = run.read_config()
    device = as_device(config["device"])
    config["device"] = str(device)
    random.manual_seed(config["seed"])
    with downloads(console) as show:
        task = tasks.make_task(config, show)
    if resume is None:
        run = RunFolder.create(out, f"{config['dataset']}-{config['model']}")
        run.write_config(config)
    model = task.model.to(device)
    trainer, loader, validation = _make_trainer(config, task, run, console)
    if resume is not None and run.last.is_file():
        trainer.resume(run.last, loader)
        trainer.progress = Bar(console, trainer.epoch, trainer.step - trainer.epoch * len(loader), config["batch_size"])
    console.print(
        f"{config['dataset']}: {len(loader.dataset):,} items to train with, {len(task.test):,} to test with; "
        f"{config['model']} with {parameter_count(model):,} parameters; {device}; {escape(str(run.path))}"
    )
    test_loader = DataLoader(task.test, 256, device=device)
    writer = _tensorboard_writer(run.path) if tensorboard else None

    def on_epoch(line: dict[str, Any]) -> None:
        line.update({f"test_{name}": value for name, value in trainer.evaluate(test_loader).items()})
        run.write_metrics(trainer.history)
        if writer is not None:
            for name, value in line.items():
                writer.add_scalar(name, value, line["epoch"])

    start = time.perf_counter()
    try:
        trainer.fit(loader, config["epochs"], validation, on_epoch=on_epoch)
    except KeyboardInterrupt:
        console.print(f"[bold]stopped[/]; minigrad train --resume {escape(str(run.path))} continues", highlight=False)
        raise
    seconds = time.perf_counter() - start
    if writer is not None:
        writer.close()
    if validation is not None:
        model.load_state_dict(load_state(run.path / "best.ckpt")["parts"]["model"])
    save(model.state_dict(), run.weights, {"dataset": config["dataset"], "model": config["model"]})
    run.write_metrics(trainer.history)
    curve = save_curve(trainer.history, run.path)
    result = {
        **{key: config[key] for key in ("dataset", "model", "batch_norm", "optimizer", "lr", "epochs", "batch_size", "seed", "device")},
        "parameters": parameter_count(model),
        "seconds": seconds,
        "samples_per_second": trainer.progress.samples / seconds if seconds else 0.0,
        **{f"test_{name}": value for name, value in trainer.evaluate(test_loader).items()},
        "run": str(run.path),
    }
    if config["dataset"] == "text":
        _show_text(console, model, config, result)
    else:
        _show_classes(console, model, task.test, config, result)
    console.print(f"weights, metrics and curve ({curve.name}) are in {escape(str(run.path))}", highlight=False)
    if json_file is not None:
        write_atomically(json_file, (json.dumps(result, indent=2) + "\n").encode())


def _make_trainer(config: Config, task: tasks.Task, run: RunFolder, console: Console) -> tuple[Trainer, DataLoader, DataLoader | None]:
    """Put together the trainer, its loader and, where it is wanted, a loader of what is held out for validation."""
    dataset: Any = task.train
    validation = None
    if config["validation"]:
        parts = random_split(task.train, [1 - config["validation"], config["validation"]], Generator(config["seed"]))
        if not len(parts[1]):
            raise DataError(f"{config['validation']} of {len(task.train)} items is none; hold out a larger share for validation")
        dataset, validation = parts[0], DataLoader(parts[1], 256, device=config["device"])
    loader = DataLoader(
        dataset,
        config["batch_size"],
        shuffle=True,
        drop_last=len(dataset) > config["batch_size"],  # batch norm cannot use a last batch of one item
        generator=Generator(config["seed"]),
        transform=tasks.augmentation(config),
        prefetch=2 if config["augment"] else 0,
        device=config["device"],
    )
    optimizer = tasks.make_optimizer(config, task.model)
    trainer = Trainer(
        task.model,
        optimizer,
        tasks.loss,
        scheduler=tasks.make_schedule(config, optimizer, config["epochs"] * len(loader)),
        clip_norm=config["clip_norm"],
        folder=run.path,
        checkpoint_every=config.get("checkpoint_every"),
        patience=config["patience"],
        capture=config.get("capture", True),
        progress=Bar(console),
    )
    return trainer, loader, validation


def predict_classes(model: Module, images: Any, device: Any) -> np.ndarray[Any, Any]:
    """Return the probabilities of the classes, of shape (n, classes)."""
    model.eval()
    rows = []
    with changed_mode(recording=False):
        for (x,) in DataLoader(TensorDataset(images), 256, device=device):
            logits = model(x).to("cpu").numpy().astype(np.float64)
            p = np.exp(logits - logits.max(axis=1, keepdims=True))
            rows.append(p / p.sum(axis=1, keepdims=True))
    return np.concatenate(rows)


def _show_classes(console: Console, model: Module, test: TensorDataset, config: Config, result: dict[str, Any]) -> None:
    images, labels = test.arrays
    predicted = predict_classes(model, images, config["device"]).argmax(axis=1)
    matrix = confusion_matrix(predicted, labels, len(config["classes"]))
    result["confusion"] = matrix.tolist()
    print_confusion(console, matrix, config["classes"])
    for true, taken, n in worst_pairs(matrix, config["classes"]):
        console.print(f"  {escape(true)} taken for {escape(taken)}: {n}", highlight=False)
    right, n = int(np.trace(matrix)), int(matrix.sum())
    console.print(f"[bold]test accuracy {right / n:.2%}[/] ({right} of {n}), in {result['seconds']:.1f} s", highlight=False)


def _show_text(console: Console, model: Module, config: Config, result: dict[str, Any]) -> None:
    vocabulary = Vocabulary(config["vocabulary"])
    start = "\n" if "\n" in config["vocabulary"] else config["vocabulary"][0]
    result["sample"] = continue_text(model, vocabulary, start, 300, config["length"], config["seed"])
    console.print("[bold]a text of the model's own:[/]")
    console.print(result["sample"], markup=False, highlight=False)
    console.print(f"[bold]test loss {result['test_loss']:.3f} nats per character[/], in {result['seconds']:.1f} s", highlight=False)


def _tensorboard_writer(folder: Path) -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise ImportError("--tensorboard needs tensorboardX; run: pip install tensorboardX (the extra tensorboard)") from None
    return SummaryWriter(str(folder))
