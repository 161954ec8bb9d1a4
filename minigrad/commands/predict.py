"""``minigrad predict``: what a trained model says about a file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from minigrad._printable import printable
from minigrad.backends import DeviceUnavailableError
from minigrad.commands import _parser
from minigrad.commands._items import read_items
from minigrad.core.device import Device, as_device
from minigrad.core.mode import changed_mode
from minigrad.data import DataError, DataLoader, TensorDataset
from minigrad.data.files import read_bytes
from minigrad.nn import Module
from minigrad.saving import CheckpointError, load, write_atomically
from minigrad.training.run_folder import RunFolder
from minigrad.training.tasks import Config, make_model
from minigrad.training.text import Vocabulary, continue_text

ERRORS = (CheckpointError, DataError, DeviceUnavailableError, ImportError)
ERROR_CODE = 1
LENGTH = 300  #: characters added to a text
TOP = 3  #: most probable classes shown
SHOWN = 50  #: rows printed; all are in the JSON


def add_arguments(parser: _parser.CommandParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("run", metavar="RUN", help="the run folder")
    add(
        "files",
        metavar="FILE",
        nargs="+",
        help="pictures or folders of them, IDX, CSV, .npy or .npz; two numbers a line for spirals; a text",
    )
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
        if len(args.files) > 1:
            args.parser.error("a model of text continues one FILE")
        result: Any = continue_prompt(console, model, config, args.files[0], args.length or LENGTH, args.seed or 0)
    else:
        for name in ("length", "seed"):
            if getattr(args, name) is not None:
                args.parser.error(f"--{name} is for models of text; this one learned {config['dataset']}")
        result = judge(console, model, config, args.files, device)
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


def judge(console: Console, model: Module, config: Config, files: list[str], device: Device) -> list[dict[str, Any]]:
    """Print a table with what the model says about each item in files (`read_items`); return its lines."""
    names, items = read_items(files, config)
    classes = config["classes"]
    if classes:
        lines = [_classified(name, row, classes) for name, row in zip(names, predict_classes(model, items, device), strict=True)]
        table = Table("item", "class", "probability", "then")
    else:
        scale = config["target_scale"]
        values = predict_outputs(model, items, device) * scale["std"] + scale["mean"]
        lines = [{"item": name, "values": row.tolist()} for name, row in zip(names, values, strict=True)]
        table = Table("item", "predicted")
    for line in lines[:SHOWN]:
        if classes:
            best, *others = line["top"]
            then = ", ".join(f"{name} {p:.3f}" for name, p in others)
            cells = [best[0], f"{best[1]:.3f}", then]
        else:
            cells = [", ".join(f"{value:.6g}" for value in line["values"])]
        table.add_row(*(escape(printable(cell)) for cell in (line["item"], *cells)))
    console.print(table)
    if len(lines) > SHOWN:
        console.print(f"and {len(lines) - SHOWN} more; all of them with --json FILE")
    return lines


def _classified(name: str, p: np.ndarray[Any, Any], classes: list[str]) -> dict[str, Any]:
    """Return the line of an item: its class, the probabilities of all classes, and the most probable ones."""
    order = np.argsort(-p, kind="stable")[:TOP]
    probabilities = dict(zip(classes, p.tolist(), strict=True))
    top = [(classes[k], float(p[k])) for k in order]
    return {"item": name, "class": top[0][0], "probability": top[0][1], "top": top, "probabilities": probabilities}


def predict_classes(model: Module, items: Any, device: Any) -> np.ndarray[Any, Any]:
    """Return the probabilities of the classes, of shape (n, classes)."""
    logits = predict_outputs(model, items, device)
    p: np.ndarray[Any, Any] = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p


def predict_outputs(model: Module, items: Any, device: Any) -> np.ndarray[Any, Any]:
    """Return what a model makes of items, in evaluation mode: float64 of shape (n, outputs)."""
    model.eval()
    with changed_mode(recording=False):
        batches = DataLoader(TensorDataset(items), 256, device=device)
        return np.concatenate([model(x).to("cpu").numpy().astype(np.float64) for (x,) in batches])


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
