"""What ``minigrad train`` can train: for each data set, its data, its models and its usual settings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minigrad import data, nn, optim
from minigrad.core.tensor import Tensor
from minigrad.data import DataError, TensorDataset, transforms
from minigrad.data.datasets import Progress, Split
from minigrad.data.labels import REGRESSION
from minigrad.nn import functional as F
from minigrad.optim import lr_scheduler
from minigrad.training.models import CLASSIFIERS
from minigrad.training.optimizers import usual
from minigrad.training.own_data import OWN, read_own
from minigrad.training.text import TEXT_MODELS, Vocabulary, read_text, sequences, text_model

Config = dict[str, Any]

#: what is usual for each data set; every key is an option of the command
DEFAULTS: dict[str, Config] = {
    "digits": {"model": "cnn", "epochs": 20, "batch_size": 32, "optimizer": "sgd"},
    "mnist": {"model": "cnn", "epochs": 3, "batch_size": 64, "optimizer": "sgd"},
    "fashion-mnist": {"model": "cnn", "epochs": 5, "batch_size": 64, "optimizer": "sgd"},
    "cifar10": {"model": "resnet", "epochs": 10, "batch_size": 64, "optimizer": "sgd"},
    "spirals": {"model": "mlp", "epochs": 60, "batch_size": 32, "optimizer": "sgd"},
    "text": {"model": "gru", "epochs": 10, "batch_size": 32, "optimizer": "adam", "lr": 0.004, "length": 64},
}
COMMON: Config = {
    "batch_norm": True,
    "schedule": "cosine",
    "augment": False,
    "validation": 0.0,
    "patience": None,
    "clip_norm": None,
    "seed": 0,
}
MODELS = {name: (*TEXT_MODELS,) if name == "text" else ("mlp",) if name == "spirals" else tuple(CLASSIFIERS) for name in DEFAULTS}
MODELS |= {kind: ("mlp",) if kind == "table" else tuple(CLASSIFIERS) for kind in OWN}
SCHEDULES = ("none", "cosine", "step", "one-cycle", "warm-up", "plateau")

_READERS: dict[str, Callable[..., Split]] = {
    "mnist": data.mnist,
    "fashion-mnist": data.fashion_mnist,
    "cifar10": data.cifar10,
}


@dataclass(frozen=True)
class Task:
    """Data, and the model that is to learn it."""

    train: TensorDataset
    test: TensorDataset
    model: nn.Module
    held_out: bool = False  #: whether ``test`` is a part of one data set, on which the best epoch is chosen, too


def complete(dataset: str, given: Mapping[str, Any]) -> Config:
    """Return all settings of a run: those given, and what is usual for the rest."""
    own = (OWN | DEFAULTS)[dataset]
    optimizer = given.get("optimizer", own["optimizer"])
    rate = {name: own[name] for name in ("lr",) if name in own and optimizer == own["optimizer"]}  # it was found with that one
    config: Config = {"dataset": dataset, **COMMON, **own, **usual(optimizer), **rate, **given}
    if config["patience"] is not None and not config["validation"]:
        config["validation"] = 0.1
    return config


def make_task(config: Config, progress: Progress | None = None) -> Task:
    """Read the data that the settings name and make the model. What describes the data is added to the settings."""
    name = config["dataset"]
    if name == "text":
        return _text_task(config)
    if name in OWN:
        train, held_out = read_own(config)
        config["outputs"] = len(config["classes"]) or held_out.arrays[1].shape[1]
        try:
            return Task(train, held_out, make_model(config), held_out=True)
        except ValueError as error:  # images too small for the model
            raise DataError(f"{config['path']}: {error}") from None
    if name == "digits":
        split = data.digits()
    elif name == "spirals":
        split = Split(data.spirals(1200, seed=1), data.spirals(600, seed=2))
    else:
        split = _READERS[name](config.get("data"), progress)
    config["shape"], config["classes"] = list(split.train.arrays[0].shape[1:]), list(split.train.classes)
    return Task(split.train, split.test, make_model(config))


def make_model(config: Config) -> nn.Module:
    """Make the model that the settings describe; `make_task` has put into them what describes the data."""
    if config["dataset"] == "text":
        return text_model(config["model"], len(config["vocabulary"]), config["length"])
    return CLASSIFIERS[config["model"]](tuple(config["shape"]), config.get("outputs", len(config["classes"])), config["batch_norm"])


def _text_task(config: Config) -> Task:
    path = Path(config["file"])
    text = read_text(path, config["length"])
    digest = hashlib.sha256(text.encode()).hexdigest()
    if config.setdefault("file_sha256", digest) != digest:
        raise DataError(f"{path} is not the text that this run was started with; it has changed since")
    config["file"] = str(path.resolve())
    vocabulary = Vocabulary(config.setdefault("vocabulary", sorted(set(text))))
    numbers = vocabulary.encode(text)
    cut = len(numbers) - max(len(numbers) // 10, config["length"] + 1)  # the last tenth is for testing
    train, test = (sequences(part, config["length"]) for part in (numbers[:cut], numbers[cut:]))
    return Task(train, test, make_model(config))


def loss(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy over the last axis, which has the classes."""
    return F.cross_entropy(output.reshape((-1, output.shape[-1])), target.reshape(-1))


def make_loss(config: Config) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss: the mean squared error where numbers are learned, cross-entropy for classes."""
    return F.mse_loss if config.get("task") == REGRESSION else loss


def make_schedule(config: Config, optimizer: optim.Optimizer, steps: int) -> lr_scheduler.LRScheduler | None:
    """Return the learning rate schedule that the settings name, over ``steps`` steps in all."""
    makers: dict[str, Callable[[], lr_scheduler.LRScheduler]] = {
        "cosine": lambda: lr_scheduler.CosineAnnealingLR(optimizer, steps),
        "step": lambda: lr_scheduler.MultiStepLR(optimizer, [steps // 2, 3 * steps // 4], 0.1),
        "one-cycle": lambda: lr_scheduler.OneCycleLR(optimizer, config["lr"], steps + 1),
        "warm-up": lambda: lr_scheduler.LinearLR(optimizer, 0.01, total_iters=max(steps // 10, 1)),
        "plateau": lambda: lr_scheduler.ReduceLROnPlateau(optimizer, patience=3),
    }
    return makers[config["schedule"]]() if config["schedule"] != "none" else None


def augmentation(config: Config) -> transforms.Compose | None:
    """Return the random changes that leave the classes of this data set as they are."""
    if not config["augment"]:
        return None
    small = config["shape"][-1] < 16
    if config["dataset"] == "cifar10":
        return transforms.Compose([transforms.RandomHorizontalFlip(), transforms.RandomShift(4), transforms.Cutout(8)])
    if config["dataset"] == "fashion-mnist":
        return transforms.Compose([transforms.RandomHorizontalFlip(), transforms.RandomShift(2)])
    return transforms.Compose([transforms.RandomRotation(8), transforms.RandomShift(1 if small else 2)])
