"""One's own data: what a path holds, its split, and the normalization that is learned on the part to train with."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from minigrad import nn
from minigrad.core.tensor import Tensor
from minigrad.data import DataError, TensorDataset, random_split, read_idx, read_images, read_npz, stratified_split
from minigrad.data.arrays import array_dataset, pick
from minigrad.data.labels import REGRESSION
from minigrad.data.pictures import class_folders
from minigrad.data.tables import read_table, table_dataset
from minigrad.random import Generator

Config = dict[str, Any]
USUAL: Config = {"batch_size": 32, "optimizer": "adam", "validation": 0.2}
#: what a path can hold, and the settings that are usual for it; the model is chosen by the shape of the items, unless it is given
OWN: dict[str, Config] = {
    "images": {**USUAL, "epochs": 20},
    "idx": {**USUAL, "epochs": 20},
    "arrays": {**USUAL, "epochs": 40},
    "table": {**USUAL, "epochs": 60},
}
TABLES = (".csv", ".tsv", ".txt")
ARRAYS = (".npz", ".npy")
SLACK = {"table": 10.0}  #: ranges beyond that of the training data in which a value can still belong to a model; 1 for others


def kind_of(path: str | Path) -> str | None:
    """Return which of `OWN` a path holds, as its name and its folder tell; None if there is no such file or folder."""
    where = Path(path)
    if where.is_dir():
        return "idx" if _idx_pair(where) else "images"
    name = where.name.lower().removesuffix(".gz")
    if not where.is_file():
        return None
    return "table" if name.endswith(TABLES) else "arrays" if name.endswith(ARRAYS) else None


def read_own(config: Config) -> tuple[TensorDataset, TensorDataset]:
    """Read what ``config["path"]`` holds; return the part to train with and the part held out, both normalized.

    What describes the data is added to the settings: shape, classes, columns, the task, the normalization and the range of the values.

    Raises
    ------
    DataError
        If the data cannot be read, are not those that the run was started with, or are too few.
    """
    whole = _read(config)
    x, y = whole.arrays
    digest = hashlib.sha256(np.ascontiguousarray(x).tobytes() + np.ascontiguousarray(y).tobytes()).hexdigest()
    if config.setdefault("data_sha256", digest) != digest:
        raise DataError(f"{config['path']} does not hold the data that this run was started with; they have changed since")
    if whole.classes and len(whole.classes) < 2:
        raise DataError(f"{config['path']} has one class, {whole.classes[0]!r}; there is nothing to tell apart")
    shares, generator = [1 - config["validation"], config["validation"]], Generator(config["seed"])
    parts = stratified_split(whole, shares, generator=generator) if whole.classes else random_split(whole, shares, generator)
    train, held_out = (part.indices for part in parts)
    if len(train) < 2 or not len(held_out):
        raise DataError(f"{len(x)} items in {config['path']} make {len(train)} to train with and {len(held_out)} to hold out: too few")
    config |= {"shape": list(x.shape[1:]), "classes": list(whole.classes), "columns": list(whole.columns)}
    config |= {"task": "classification" if whole.classes else REGRESSION}
    if "items" not in config:
        config["items"] = dict(Counter(whole.classes[k] for k in y.tolist())) if whole.classes else len(x)
    config["inputs"] = _measured(x[train])
    if not whole.classes:
        config["target_scale"] = _measured(y[train])
        y = normalized(y, config["target_scale"])
    config.setdefault("model", "cnn" if x.ndim == 4 and min(x.shape[2:]) >= 4 else "mlp")
    x = normalized(x, config["inputs"])
    made = (TensorDataset(x[part], y[part], classes=whole.classes, columns=whole.columns) for part in (train, held_out))
    return next(made), next(made)


def normalized(x: np.ndarray[Any, Any], measured: Config) -> np.ndarray[Any, Any]:
    """Return ``(x - mean) / std`` with the numbers that `read_own` keeps, one for each channel or column (the second axis)."""
    mean, std = (_along(measured[name], x.ndim) for name in ("mean", "std"))
    made: np.ndarray[Any, Any] = ((x - mean) / std).astype(np.float32)
    return made


class OnRawValues(nn.Module):
    """A model of one's own data that takes values as they stand in the files, and gives numbers to learn in their own scale."""

    def __init__(self, model: nn.Module, config: Config) -> None:
        super().__init__()
        self.model = model
        self.ndim = 1 + len(config["shape"])
        self.inputs, self.targets = config["inputs"], config.get("target_scale")

    def forward(self, x: Tensor) -> Tensor:
        mean, std = (Tensor(_along(self.inputs[name], self.ndim)) for name in ("mean", "std"))
        y: Tensor = self.model((x - mean) / std)
        if self.targets is None:
            return y
        mean, std = (Tensor(_along(self.targets[name], y.ndim)) for name in ("mean", "std"))
        return y * std + mean


def find_outside(x: np.ndarray[Any, Any], config: Config) -> tuple[int, int, float] | None:
    """Return item, channel or column, and value of the first value too far from those that the model learned from, or None."""
    low, high = (_along(config["inputs"][name], x.ndim) for name in ("low", "high"))
    span = np.maximum(high - low, np.where(high == low, np.maximum(np.abs(high), 1), 0)) * SLACK.get(config["dataset"], 1.0)
    wrong = np.argwhere((x < low - span) | (x > high + span))
    return (int(wrong[0][0]), int(wrong[0][1]), float(x[tuple(wrong[0])])) if len(wrong) else None


def describe(config: Config, train: int, held_out: int) -> str:
    """Return what was understood of the data: items, shapes, classes, split."""
    shape = " x ".join(map(str, config["shape"]))
    if config["classes"]:
        counts = [f"{name} ({n:,})" for name, n in config["items"].items()]
        goal = f"{len(counts)} classes: {', '.join(counts[:12])}{', ...' if len(counts) > 12 else ''}"
    else:
        goal = "numbers to learn (regression)"
    target = f" in column {config['target']!r}" if config.get("target") else ""
    how = "with the classes in the shares of the whole" if config["classes"] else "at random"
    return (
        f"{config['dataset']} in {config['path']}: {train + held_out:,} items of shape {shape}; {goal}{target}; "
        f"{train:,} to train with, {held_out:,} held out {how}"
    )


def _read(config: Config) -> TensorDataset:
    """Return the data as they stand in the files: bytes of images from 0 to 255."""
    path, kind, task = Path(config["path"]), config["dataset"], config.get("task")
    if kind == "images":
        files, labels, classes = class_folders(path)
        size = config.get("size")
        return TensorDataset(read_images(files, size and (size, size)).astype(np.float32), labels, classes=classes)
    if kind == "table":
        table = read_table(path)
        config.setdefault("target", table.columns[-1])
        return table_dataset(table, config["target"], task)
    if kind == "idx":
        pair = _idx_pair(path)
        if pair is None:
            raise DataError(f"{path} does not hold one IDX file of images and one of labels any more")
        return array_dataset(read_idx(pair[0]), read_idx(pair[1]), None, str(path))
    x, y = pick(read_npz(path), None, None, str(path))
    if y is None:
        if x.ndim != 2 or x.shape[1] < 2:
            raise DataError(f"{path} has no targets: call the arrays x and y, or give one table whose last column is to be learned")
        x, y = x[:, :-1], x[:, -1]
    return array_dataset(x, y, task, str(path))


def _idx_pair(folder: Path) -> tuple[Path, Path] | None:
    """Return the IDX files with images and with labels in a folder, if there is one of each (those for tests aside)."""
    names = [p for p in sorted(folder.iterdir()) if p.is_file() and not p.name.startswith(("t10k", "test"))]
    images, labels = ([p for p in names if word in p.name.lower() and "idx" in p.name.lower()] for word in ("images", "labels"))
    return (images[0], labels[0]) if len(images) == len(labels) == 1 else None


def _measured(x: np.ndarray[Any, Any]) -> Config:
    axes = (0, *range(2, x.ndim))
    std = x.std(axis=axes, dtype=np.float64)
    std[std == 0] = 1  # what is constant becomes 0, not NaN
    found = {"mean": x.mean(axis=axes, dtype=np.float64), "std": std, "low": x.min(axis=axes), "high": x.max(axis=axes)}
    return {name: value.tolist() for name, value in found.items()}


def _along(numbers: list[float], ndim: int) -> np.ndarray[Any, Any]:
    return np.array(numbers, np.float32).reshape(1, -1, *[1] * (ndim - 2))
