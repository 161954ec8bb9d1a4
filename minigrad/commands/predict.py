"""``minigrad predict``: what a trained model says about a file."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from minigrad._printable import printable
from minigrad.backends import DeviceUnavailableError
from minigrad.commands import _parser
from minigrad.core.device import Device, as_device
from minigrad.core.mode import changed_mode
from minigrad.data import DataError, DataLoader, TensorDataset, read_idx
from minigrad.data.files import read_bytes
from minigrad.nn import Module
from minigrad.saving import CheckpointError, load, write_atomically
from minigrad.training.run_folder import RunFolder
from minigrad.training.tasks import Config, make_model
from minigrad.training.text import Vocabulary, continue_text

ERRORS = (CheckpointError, DataError, DeviceUnavailableError)
ERROR_CODE = 1
LENGTH = 300  #: characters added to a text
SHOWN = 50  #: rows printed; all are in the JSON


def add_arguments(parser: _parser.CommandParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("run", metavar="RUN", help="the run folder")
    add("file", metavar="FILE", help="IDX images; two numbers a line for spirals; a text to continue")
    add("--device", type=_parser.device, default="auto", help="auto (the default), cpu, cuda or cuda:N")
    add("--length", type=_parser.count, metavar="N", help=f"characters to add to a text (default {LENGTH})")
    add("--seed", type=_parser.seed, metavar="N", help="of the characters drawn (default 0)")
    add("--json", type=_parser.new_file, metavar="FILE", help="write all predictions as JSON")


def run(args: argparse.Namespace) -> int:
    """Print what the model of a run says about a file; return the exit code."""
    folder = RunFolder.open(args.run)
    config = folder.read_config()
    device = as_device(args.device)
    model = trained_model(folder, config).to(device)
    console = Console(soft_wrap=True)
    if config["dataset"] == "text":
        result: Any = continue_prompt(console, model, config, args.file, args.length or LENGTH, args.seed or 0)
    else:
        for name in ("length", "seed"):
            if getattr(args, name) is not None:
                args.parser.error(f"--{name} is for models of text; this one learned {config['dataset']}")
        result = classify(console, model, config, args.file, device)
    if args.json is not None:
        write_atomically(args.json, (json.dumps(result, indent=2) + "\n").encode())
    return 0


def continue_prompt(console: Console, model: Module, config: Config, file: str, length: int, seed: int) -> dict[str, str]:
    """Print the text in a file and ``length`` characters after it; return both."""
    prompt = read_bytes(file, 2**20).decode("utf-8", errors="replace")
    text = continue_text(model, Vocabulary(config["vocabulary"]), prompt, length, config["length"], seed)
    console.print(printable(prompt), end="", markup=False, highlight=False, style="dim")
    console.print(printable(text), markup=False, highlight=False)
    return {"prompt": prompt, "continuation": text}


def classify(console: Console, model: Module, config: Config, file: str, device: Device) -> list[dict[str, Any]]:
    """Print a table with the class of each item in a file (`read_items`) and its probability; return its lines."""
    p = predict_classes(model, read_items(file, config), device)
    lines = [{"class": config["classes"][int(i)], "probability": float(row[i])} for row, i in zip(p, p.argmax(axis=1), strict=True)]
    table = Table("item", "class", "probability")
    for k, line in enumerate(lines[:SHOWN]):
        table.add_row(str(k), escape(printable(line["class"])), f"{line['probability']:.3f}")
    console.print(table)
    if len(lines) > SHOWN:
        console.print(f"and {len(lines) - SHOWN} more; all of them with --json FILE")
    return lines


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


def trained_model(folder: RunFolder, config: Config) -> Module:
    """Return the model of a run with its weights."""
    try:
        model = make_model(config)
    except (KeyError, TypeError, ValueError):
        raise CheckpointError(f"{folder.path / 'config.json'} does not describe a model that minigrad has") from None
    load_weights(model, folder.weights)
    return model


def load_weights(model: Module, path: Path) -> None:
    """Load weights into a model; those of another model are refused in one sentence."""
    weights = load(path)
    try:
        model.load_state_dict(weights)
    except ValueError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        raise CheckpointError(f"{path} holds the weights of another model ({'; '.join(lines[1:3])})") from None


def read_items(file: str, config: Config) -> np.ndarray[Any, Any]:
    """Return the items in a file as the model of a run takes them.

    For images an IDX file (of any number of images of the size that the model learned from), for points in the plane a text file
    with two numbers in each line.
    """
    shape = tuple(config["shape"])
    if len(shape) == 1:
        return read_points(file, shape[0])
    images = read_idx(file)
    if images.ndim == 3 and shape[0] == 1:
        images = images[:, None]
    if images.shape[1:] != shape or images.dtype != np.uint8 or not len(images):
        expected = ", ".join(map(str, shape[1:] if shape[0] == 1 else shape))
        raise DataError(f"{file} has {images.dtype} of shape {images.shape}; this model takes uint8 images of shape (n, {expected})")
    largest = 16 if config["dataset"] == "digits" else 255
    if images.max() > largest:
        raise DataError(f"{file} has values up to {images.max()}; this model learned from images with values from 0 to {largest}")
    return images.astype(np.float32) / np.float32(largest)


def read_points(file: str, count: int) -> np.ndarray[Any, Any]:
    """Return the points in a text file, ``count`` finite numbers in each line, with spaces or commas between them."""
    points = []
    for number, line in enumerate(read_bytes(file, 2**24).decode("utf-8-sig", errors="replace").splitlines(), 1):
        words = line.replace(",", " ").split()
        try:
            point = [float(word) for word in words]
        except ValueError:
            point = []
        if words and (len(point) != count or not all(map(math.isfinite, point))):
            raise DataError(f"{file}, line {number}: {line.strip()[:60]!r} is not {count} finite numbers")
        points += [point] if words else []
    if not points:
        raise DataError(f"{file} must have lines of {count} numbers each, and has none")
    return np.array(points, np.float32)
