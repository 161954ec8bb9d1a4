"""``minigrad train``: train a model and leave everything in a run folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from minigrad.backends import DeviceUnavailableError
from minigrad.commands import _parser
from minigrad.commands._training_run import TrainingRun
from minigrad.commands.launch import become_mpiexec
from minigrad.data import DataError
from minigrad.data.labels import TASKS
from minigrad.distributed import LaunchError, init
from minigrad.distributed.launching import started_ranks
from minigrad.saving import CheckpointError, write_atomically
from minigrad.training import NotFiniteError
from minigrad.training.optimizers import NOT_ALONE, OPTIMIZERS, SETTINGS, usual
from minigrad.training.own_data import OWN, kind_of
from minigrad.training.tasks import DEFAULTS, MODELS, SCHEDULES, Config, complete

ERRORS = (CheckpointError, DataError, DeviceUnavailableError, LaunchError, NotFiniteError, ImportError)
ERROR_CODE = 1
NO_SETTINGS = ("parser", "out", "resume", "json", "tensorboard", "ranks")  #: what is about this call and not about the run


def add_arguments(parser: _parser.CommandParser) -> None:
    """Declare the options. Those that are not given are absent, so that usual values can depend on others."""
    parser.argument_default = argparse.SUPPRESS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter  # keeps the lines of the ending
    parser.ending = usual_settings
    add = parser.add_argument
    add(
        "dataset",
        metavar="WHAT",
        nargs="?",
        default=None,
        help=f"what to learn: {', '.join(DEFAULTS)}, or the path of your own data (below)",
    )
    add("file", nargs="?", default=None, metavar="FILE", help="the text to learn, for the data set text")
    add("--model", help="mlp, cnn or resnet; for text lstm, gru or transformer (default: as below)")
    add("--no-batch-norm", dest="batch_norm", action="store_false", help="leave batch norm out of the model")
    add("--epochs", type=_parser.count, metavar="N", help="how often to go through the data (default: as below)")
    add("--batch-size", type=_parser.count, metavar="N", help="items in a batch (default: as below)")
    add("--lr", type=_parser.positive, metavar="F", help="learning rate (default: as below)")
    add("--optimizer", type=optimizer, metavar="NAME", help=f"{', '.join(OPTIMIZERS)} (default: as below)")
    add("--momentum", type=_parser.fraction, metavar="F", help="of an optimizer that has it (default: as below)")
    add("--weight-decay", type=_parser.amount, metavar="F", help="pulls the weights to 0 (default: as below)")
    add("--schedule", choices=SCHEDULES, help="of the learning rate (default: cosine)")
    add("--augment", action="store_true", help="change the images at random: shift, turn, mirror, as the data set allows")
    add("--clip-norm", type=_parser.positive, metavar="F", help="scale gradients down to this norm")
    add("--validation", type=_parser.share, metavar="F", help="hold out this share of the training data; the best epoch on it is kept")
    add(
        "--patience",
        type=_parser.count,
        metavar="N",
        help="stop after N epochs without improvement on the validation data (a tenth, without --validation)",
    )
    add("--length", type=_parser.count, metavar="N", help="characters in a sequence, for text (default: as below)")
    add("--target", metavar="COLUMN", help="the column of a table to learn (default: the last one)")
    add("--task", choices=TASKS, help="of your own numbers; told by the target, if it is not given")
    add("--size", type=_parser.count, metavar="N", help="bring your own pictures to N x N pixels")
    add("--data", metavar="DIR", help="folder with the files of the data set, instead of downloading them")
    add("--seed", type=_parser.seed, metavar="N", help="of weights, order and everything else at random (default 0)")
    add("--device", type=_parser.device, help="auto (the default), cpu, cuda or cuda:N")
    captured = parser.add_mutually_exclusive_group()
    captured.add_argument("--no-capture", dest="capture", action="store_false", help="do not capture the step in order to replay it")
    captured.add_argument(
        "--capture",
        choices=("numpy", "c"),
        help="what replays the step on the CPU: calls of NumPy (the default), or C, compiled by cc",
    )
    add("--checkpoint-every", type=_parser.count, metavar="N", help="write a checkpoint every N steps, not only after each epoch")
    add("--out", metavar="DIR", help="the run folder (default: a new one in runs/)")
    add("--ranks", type=_parser.count, metavar="N", help="train on N processes, each with its part of every batch (needs the extra mpi)")
    add("--resume", metavar="RUN", help="continue the run in this folder, with its settings")
    add("--json", type=_parser.new_file, metavar="FILE", help="write the result as JSON")
    add(
        "--tensorboard",
        action="store_true",
        help="write numbers, distributions and the graph for TensorBoard into the run folder (needs tensorboardX)",
    )


def usual_settings() -> str:
    """Return a line for each data set with the settings of a run that are not given."""
    lines = ["defaults, by data set:"]
    for dataset, own in DEFAULTS.items():
        config = complete(dataset, {})
        shown = ("model", "epochs", "batch_size", "optimizer", "lr", *(["length"] if "length" in own else []))
        lines.append(f"  {dataset:13} " + " ".join(f"--{name.replace('_', '-')} {config[name]}" for name in shown))
    rates = [f"  {name:13} " + " ".join(f"{option(key, value)} {value:g}" for key, value in usual(name).items()) for name in OPTIMIZERS]
    yours = [
        "your own data: a folder with a folder of PNG or JPEG for each class, a folder with IDX files of images and labels,",
        "a .csv or .tsv, an .npz with x and y; a fifth is held out (--validation); cnn or mlp, adam, epochs 20 for images, 40 for arrays,",
        "60 for tables",
    ]
    return "\n".join([*lines, *yours, "defaults, by optimizer:", *rates])


def run(args: argparse.Namespace) -> int:
    """Train what the arguments describe, or continue a run, and leave everything in its folder; return the exit code."""
    config = settings(args)
    if "ranks" in args and started_ranks() is None:
        return become_mpiexec(["-m", "minigrad", "train", *args.parser.given], args.ranks)
    group = init()
    console = Console(soft_wrap=True, quiet=not group.main)
    if "resume" in args:
        training = TrainingRun.resume(args.resume, console, group)
    else:
        training = TrainingRun.start(config, console, vars(args).get("out"), group)
    training.fit(tensorboard="tensorboard" in args)
    result = training.finish()
    if "json" in args and group.main:
        write_atomically(args.json, (json.dumps(result, indent=2) + "\n").encode())
    return 0


def settings(args: argparse.Namespace) -> Config:
    """Return all settings of a new run, after making sure that they go together; none if a run is to be continued."""
    given = {name: value for name, value in vars(args).items() if name not in NO_SETTINGS}
    dataset, file = given.pop("dataset"), given.pop("file")
    if "resume" in args:
        options = [option(name, value) for name, value in given.items()]
        unwanted = [*(name for name in (dataset, file) if name), *options, *(["--out"] if "out" in args else [])]
        if unwanted:
            args.parser.error(f"--resume continues a run with the settings it has; leave out {unwanted[0]}")
        return {}
    if dataset is None:
        args.parser.error(f"say what to learn: {', '.join(DEFAULTS)}, or the path of your own data")
    if dataset not in DEFAULTS:
        given["path"] = str(Path(dataset).absolute())
        dataset = own_kind(args.parser, dataset)
    if "data" in given:
        given["data"] = str(Path(given["data"]).absolute())  # --resume finds it from any folder
    if (dataset == "text") != (file is not None):
        args.parser.error("text needs the FILE to learn" if dataset == "text" else f"{dataset} takes no FILE")
    if "target" in given and dataset != "table":
        args.parser.error(f"--target names a column of a table; this is {dataset}")
    if given.get("model", MODELS[dataset][0]) not in MODELS[dataset]:
        args.parser.error(f"there is no model {given['model']!r} for {dataset}; it has {', '.join(MODELS[dataset])}")
    for name in given:
        if name in meaningless_for(dataset):
            args.parser.error(f"{option(name, given[name])} has no meaning for {dataset}")
    check_optimizer(args.parser, str(given.get("optimizer", (OWN | DEFAULTS)[dataset]["optimizer"])), given)
    given.setdefault("device", "auto")
    config = complete(dataset, given if file is None else {**given, "file": file})
    if config["batch_size"] == 1 and config["batch_norm"] and config.get("model", "mlp") == "mlp":
        args.parser.error("batch norm needs more than one item in a batch; use a larger --batch-size, or --no-batch-norm")
    return config


def optimizer(text: str) -> str:
    """The name of an optimizer that trains a model by itself."""
    if text in OPTIMIZERS:
        return text
    reason = f"trains no model by itself: {NOT_ALONE[text]}" if text in NOT_ALONE else "is no optimizer"
    raise argparse.ArgumentTypeError(f"{text!r} {reason}; there are {', '.join(OPTIMIZERS)}")


def check_optimizer(parser: _parser.CommandParser, name: str, given: Config) -> None:
    """Refuse settings that an optimizer does not take."""
    takes = usual(name)
    for setting in SETTINGS:
        if setting in given and setting not in takes:
            parser.error(f"{name} has no {option(setting, True)}; it takes {', '.join(option(key, True) for key in takes)}")


def own_kind(parser: _parser.CommandParser, path: str) -> str:
    """Return what a path holds, one of `OWN`; another path is refused."""
    kind = kind_of(path)
    if kind is None and Path(path).is_file():
        parser.error(f"{path} has a name that tells no kind of data: .csv, .tsv, .npz or .npy, or a folder of pictures or IDX files")
    if kind is None:
        parser.error(f"invalid choice: {path!r} is no data set ({', '.join(DEFAULTS)}), and there is no such file or folder")
    return kind


def meaningless_for(dataset: str) -> set[str]:
    """Names of the settings that a data set does not have."""
    own = {"task", "size", "target"}
    if dataset == "text":
        return {"augment", "batch_norm", "data", *own}
    if dataset in OWN:
        used = {"table": {"task", "target"}, "arrays": {"task", "augment"}, "images": {"size", "augment"}, "idx": {"augment"}}[dataset]
        return {"length", "data", "augment", *own} - used
    return {"length", *own, *({"spirals": ("augment", "data"), "digits": ("data",)}.get(dataset, ()))}


def option(name: str, value: Any) -> str:
    """The option that gives a setting its value."""
    return f"--{'no-' if value is False else ''}{name.replace('_', '-')}"
