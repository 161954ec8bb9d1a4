"""``minigrad export``: a trained model as an ONNX file."""

from __future__ import annotations

import argparse

import numpy as np
from rich.console import Console

from minigrad.commands import _parser
from minigrad.commands.predict import trained_model
from minigrad.data import DataError
from minigrad.export import ExportError, export_onnx
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
    model = trained_model(folder, config)
    if config["dataset"] == "text":
        example = np.zeros((1, config["length"]), np.int64)
    else:
        example = np.zeros((1, *config["shape"]), np.float32)
    own = "inputs" in config
    export_onnx(OnRawValues(model, config) if own else model, args.file, example)
    values = (
        "" if config["dataset"] == "text" else ", values as in your files" if own else ", values as in the data set, images from 0 to 1"
    )
    said = f"{args.file} takes {example.dtype} of shape {('N', *example.shape[1:])}{values}"
    Console(soft_wrap=True).print(said, markup=False, highlight=False)
    return 0
