"""``minigrad export``: a trained model as an ONNX file."""

from __future__ import annotations

import argparse

import numpy as np
from rich.console import Console

from minigrad.commands import _parser
from minigrad.commands.predict import trained_model
from minigrad.data import DataError
from minigrad.export import ExportError, export_onnx
from minigrad.nn import Module
from minigrad.saving import CheckpointError
from minigrad.training.own_data import OnRawValues
from minigrad.training.run_folder import RunFolder

ERRORS = (CheckpointError, DataError, ExportError, ImportError)
ERROR_CODE = 1


def add_arguments(parser: _parser.CommandParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", metavar="RUN", help="the run folder")
    parser.add_argument("file", metavar="FILE", help="the ONNX file to write (opset 18; a batch of any size)")


def run(args: argparse.Namespace) -> int:
    """Write the model of a run as an ONNX file; return the exit code."""
    folder = RunFolder.open(args.run)
    config = folder.read_config()
    model: Module = trained_model(folder, config)
    example, values = np.zeros((1, *config.get("shape", ())), np.float32), "values as in the data set, images from 0 to 1"
    if config["dataset"] == "text":
        example, values = np.zeros((1, config["length"]), np.int64), "numbers of characters"
    elif "inputs" in config:
        model, values = OnRawValues(model, config), "values as in your files"
    export_onnx(model, args.file, example)
    said = f"{args.file} takes {example.dtype} of shape {('N', *example.shape[1:])}: {values}"
    Console(soft_wrap=True).print(said, markup=False, highlight=False)
    return 0
