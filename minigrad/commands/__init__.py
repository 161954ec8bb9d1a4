"""The command ``minigrad``: train, predict, info, gradcheck.

Exit codes: 0 for success, 1 if something went wrong, 2 for a command that was not understood, 130 after Ctrl-C. What went
wrong is said in one sentence on standard error.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

DATASETS = ("digits", "mnist", "fashion-mnist", "cifar10", "spirals", "text")


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence."""

    ending: Callable[[], str] | None = None  #: makes the end of the help, where that takes imports

    def format_help(self) -> str:
        if self.ending is not None:
            self.epilog = self.ending()
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["gradcheck"]:
        from minigrad.commands.gradcheck import main as gradcheck

        return gradcheck(arguments[1:])
    parser = make_parser()
    try:
        args = parser.parse_args(arguments)
        return run(args)
    except SystemExit as stop:
        return int(stop.code or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # nobody reads what is printed any more, as in minigrad ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def make_parser() -> Parser:
    """Declare commands and options. Options that are not given are absent, so that usual values can depend on others."""
    from minigrad import __version__

    parser = Parser("minigrad", description="A from-scratch autograd micro-framework.")
    parser.add_argument("--version", action="version", version=f"minigrad {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    _add_train(commands)
    _add_predict(commands)
    info = commands.add_parser("info", help="versions, BLAS and threads, devices, and why CUDA is not there")
    info.add_argument("--json", action="store_true", help="print JSON")
    commands.add_parser("gradcheck", help="check the derivatives of every op and layer (see minigrad gradcheck --help)", add_help=False)
    return parser


def _add_train(commands: Any) -> None:
    train = commands.add_parser(
        "train",
        help="train a model and leave everything in a run folder",
        argument_default=argparse.SUPPRESS,
        formatter_class=argparse.RawDescriptionHelpFormatter,  # keeps the lines of the ending
    )
    train.ending = _usual_settings
    train.add_argument("dataset", choices=DATASETS, nargs="?", default=None, help="what to learn")
    train.add_argument("file", nargs="?", default=None, metavar="FILE", help="the text to learn, for the data set text")
    add = train.add_argument
    add("--model", help="mlp, cnn or resnet; for text lstm, gru or transformer (default: as below)")
    add("--no-batch-norm", dest="batch_norm", action="store_false", help="leave batch norm out of the model")
    add("--epochs", type=_count, metavar="N", help="how often to go through the data (default: as below)")
    add("--batch-size", type=_count, metavar="N", help="items in a batch (default: as below)")
    add("--lr", type=_positive, metavar="F", help="learning rate (default: as below)")
    add("--optimizer", choices=["sgd", "adam"], help="sgd has momentum 0.9 (default: as below)")
    add("--schedule", choices=["none", "cosine", "step", "one-cycle", "warm-up", "plateau"], help="of the learning rate (default: cosine)")
    add("--augment", action="store_true", help="change the images at random: shift, turn, mirror, as the data set allows")
    add("--clip-norm", type=_positive, metavar="F", help="scale gradients down to this norm")
    add("--validation", type=_share, metavar="F", help="hold out this share of the training data; the best epoch on it is kept")
    add("--patience", type=_count, metavar="N", help="stop after N epochs without improvement on the validation data")
    add("--length", type=_count, metavar="N", help="characters in a sequence, for text (default: as below)")
    add("--data", metavar="DIR", help="folder with the files of the data set, instead of downloading them")
    add("--seed", type=_seed, metavar="N", help="of weights, order and everything else at random (default 0)")
    add("--device", type=_device, help="auto (the default), cpu, cuda or cuda:N")
    add("--no-capture", dest="capture", action="store_false", help="on a GPU, do not record the step as a CUDA graph")
    add("--checkpoint-every", type=_count, metavar="N", help="write a checkpoint every N steps, not only after each epoch")
    add("--out", metavar="DIR", help="the run folder (default: a new one in runs/)")
    add("--resume", metavar="RUN", help="continue the run in this folder, with its settings")
    add("--json", metavar="FILE", help="write the result as JSON")
    add("--tensorboard", action="store_true", help="write TensorBoard logs into the run folder (needs tensorboardX)")
    train.set_defaults(parser=train)


def _usual_settings() -> str:
    """Return a line for each data set with the settings of a run that are not given."""
    from minigrad.training.tasks import DEFAULTS, LEARNING_RATES, complete

    lines = ["defaults, by data set:"]
    for dataset, own in DEFAULTS.items():
        config = complete(dataset, {})
        shown = ("model", "epochs", "batch_size", "optimizer", "lr", *(["length"] if "length" in own else []))
        lines.append(f"  {dataset:13} " + " ".join(f"--{name.replace('_', '-')} {config[name]}" for name in shown))
    rates = " and ".join(f"{rate} with {optimizer}" for optimizer, rate in LEARNING_RATES.items())
    fixed = ", ".join(f"{dataset} has its own" for dataset, own in DEFAULTS.items() if "lr" in own)
    return "\n".join([*lines, f"lr is {rates}; {fixed}"])


def _add_predict(commands: Any) -> None:
    predict = commands.add_parser("predict", help="what a trained model says about a file")
    predict.add_argument("run", metavar="RUN", help="the run folder")
    predict.add_argument("file", metavar="FILE", help="IDX images; two numbers a line for spirals; a text to continue")
    predict.add_argument("--device", type=_device, default="auto", help="auto (the default), cpu, cuda or cuda:N")
    predict.add_argument("--length", type=_count, default=300, metavar="N", help="characters to add to a text (default 300)")
    predict.add_argument("--seed", type=_seed, default=0, metavar="N", help="of the characters drawn (default 0)")
    predict.add_argument("--json", metavar="FILE", help="write all predictions as JSON")


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    if args.command == "info":
        from minigrad.commands.info import show

        show(as_json=args.json)
        return 0
    settings = _train_settings(args) if args.command == "train" else {}
    from rich.console import Console

    from minigrad.backends import DeviceUnavailableError
    from minigrad.data import DataError
    from minigrad.saving import CheckpointError
    from minigrad.training.diagnosis import NotFiniteError

    console = Console(soft_wrap=True)
    given = vars(args)
    try:
        if args.command == "train":
            from minigrad.commands.train import train

            options = {name: given.get(name) for name in ("out", "resume", "tensorboard")}
            train(settings, console, json_file=given.get("json"), **options)
        else:
            from minigrad.commands.predict import predict

            predict(args.run, args.file, console, device=args.device, json_file=args.json, length=args.length, seed=args.seed)
    except (CheckpointError, DataError, DeviceUnavailableError, NotFiniteError, ImportError) as error:
        print(f"minigrad {args.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _train_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings of a run from the arguments, after making sure that they go together."""
    given = {name: value for name, value in vars(args).items() if name not in ("command", "parser", "out", "resume", "json", "tensorboard")}
    dataset, file = given.pop("dataset", None), given.pop("file", None)
    if "resume" in args:
        unwanted = [*given, *(["out"] if "out" in args else [])]
        if unwanted or file is not None:
            option = f"--{unwanted[0].replace('_', '-')}" if unwanted else file
            args.parser.error(f"--resume continues a run with the settings it has; leave out {option}")
        return {}
    if dataset is None:
        args.parser.error(f"say what to learn: {', '.join(DATASETS)}")
    if (dataset == "text") != (file is not None):
        args.parser.error("text needs the FILE to learn" if dataset == "text" else f"{dataset} takes no FILE")
    from minigrad.training.tasks import MODELS, complete

    if given.get("model", MODELS[dataset][0]) not in MODELS[dataset]:
        args.parser.error(f"there is no model {given['model']!r} for {dataset}; it has {', '.join(MODELS[dataset])}")
    meaningless = {
        "augment": dataset in ("text", "spirals"),
        "batch_norm": dataset == "text",
        "data": dataset in ("text", "spirals", "digits"),
        "length": dataset != "text",
    }
    for name in given:
        if meaningless.get(name):
            option = "no-batch-norm" if name == "batch_norm" else name
            args.parser.error(f"--{option} has no meaning for {dataset}")
    given.setdefault("device", "auto")
    config = complete(dataset, given if file is None else {**given, "file": file})
    if config["batch_size"] == 1 and config["batch_norm"] and config["model"] == "mlp":
        args.parser.error("batch norm needs more than one item in a batch; use a larger --batch-size, or --no-batch-norm")
    return config


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**64:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer from 0 to 2**64 - 1")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return value


def _share(text: str) -> float:
    value = _positive(text)
    if value >= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1")
    return value


def _device(text: str) -> str:
    kind, colon, number = text.partition(":")
    if (kind in ("auto", "cpu") and not colon) or (kind == "cuda" and (not colon or number.isdecimal())):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is no device: auto, cpu, cuda or cuda:N")
