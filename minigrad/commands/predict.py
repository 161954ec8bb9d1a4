"""``minigrad predict``: what a trained model says about a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from minigrad.commands.train import predict_classes
from minigrad.core.device import as_device
from minigrad.data import DataError, read_idx
from minigrad.data.files import read_bytes
from minigrad.nn import Module
from minigrad.saving import CheckpointError, load, write_atomically
from minigrad.training.run_folder import RunFolder
from minigrad.training.tasks import Config, make_model
from minigrad.training.text import Vocabulary, continue_text

SHOWN = 50  #: rows printed; all are in the JSON


def predict(run_path: str, file: str, console: Console, *, device: str, json_file: str | None, length: int, seed: int) -> None:
    """Print what the model of a run says about a file.

    For images an IDX file (of any number of images of the size that the model learned from), for points in the plane a
    text file with two numbers in each line, for text a text file, which is continued by ``length`` characters.
    """
    run = RunFolder.open(run_path)
    config = run.read_config()
    place = as_device(device)
    try:
        model = make_model(config)
    except (KeyError, TypeError, ValueError):
        raise CheckpointError(f"{run.path / 'config.json'} does not describe a model that minigrad has") from None
    load_weights(model, run.weights)
    model.to(place)
    if config["dataset"] == "text":
        prompt = read_bytes(file, 2**20).decode("utf-8", errors="replace")
        text = continue_text(model, Vocabulary(config["vocabulary"]), prompt, length, config["length"], seed)
        console.print(prompt, end="", markup=False, highlight=False, style="dim")
        console.print(text, markup=False, highlight=False)
        result: Any = {"prompt": prompt, "continuation": text}
    else:
        p = predict_classes(model, read_items(file, config), place)
        result = [{"class": config["classes"][int(i)], "probability": float(row[i])} for row, i in zip(p, p.argmax(axis=1), strict=True)]
        table = Table("item", "class", "probability")
        for k, line in enumerate(result[:SHOWN]):
            table.add_row(str(k), line["class"], f"{line['probability']:.3f}")
        console.print(table)
        if len(result) > SHOWN:
            console.print(f"and {len(result) - SHOWN} more; all of them with --json FILE")
    if json_file is not None:
        write_atomically(json_file, (json.dumps(result, indent=2) + "\n").encode())


def load_weights(model: Module, path: Path) -> None:
    """Load weights into a model; those of another model are refused in one sentence."""
    weights = load(path)
    try:
        model.load_state_dict(weights)
    except ValueError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        raise CheckpointError(f"{path} holds the weights of another model ({'; '.join(lines[1:3])})") from None


def read_items(file: str, config: Config) -> np.ndarray[Any, Any]:
    """Return the items in a file, as the model of a run takes them."""
    shape = tuple(config["shape"])
    if len(shape) == 1:
        try:
            lines = [line.replace(",", " ").split() for line in read_bytes(file, 2**24).decode().splitlines()]
            points = np.array([line for line in lines if line], np.float32)
        except ValueError:
            raise DataError(f"{file} must have lines of {shape[0]} numbers each") from None
        if points.ndim != 2 or points.shape[1:] != shape:
            raise DataError(f"{file} must have lines of {shape[0]} numbers each")
        return points
    images = read_idx(file)
    if images.ndim == 3 and shape[0] == 1:
        images = images[:, None]
    if images.shape[1:] != shape or images.dtype != np.uint8 or not len(images):
        expected = ", ".join(map(str, shape[1:] if shape[0] == 1 else shape))
        raise DataError(f"{file} has {images.dtype} of shape {images.shape}; this model takes uint8 images of shape (n, {expected})")
    largest = 16 if config["dataset"] == "digits" else 255
    return images.astype(np.float32) / np.float32(largest)
