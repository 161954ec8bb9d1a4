"""The parser of the commands, and the types of their arguments."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn, Protocol, cast

from minigrad._printable import printable

USAGE = 2  #: exit code for a command that was not understood


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence."""

    usage_code = USAGE
    ending: Callable[[], str] | None = None  #: makes the end of the help

    def format_help(self) -> str:
        if self.ending is not None:
            self.epilog = self.ending()
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        self.exit(self.usage_code, printable(f"{self.prog}: {message} (see {self.prog} --help)\n"))


class Command(Protocol):
    """What the file of a command has."""

    ERRORS: tuple[type[Exception], ...]  #: known errors, whose messages are for whoever typed the command
    ERROR_CODE: int  #: exit code after a known error

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do what the arguments say; return the exit code. ``args.parser.error`` refuses arguments that do not go together."""


class CommandParser(Parser):
    """The parser of one command, which imports the command's file when it is chosen, and not before."""

    def __init__(self, *, command: str, **options: Any) -> None:
        super().__init__(**options)
        self.command = command
        self.given: list[str] = []  #: the arguments as they were typed

    def load(self) -> Command:
        """Return the command's file as a module."""
        return cast(Command, import_module(f"minigrad.commands.{self.command}"))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.set_defaults(parser=self)
        self.given = list(args or ())
        self.load().add_arguments(self)
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return namespace, unknown


def count(text: str) -> int:
    """An integer of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def seed(text: str) -> int:
    """An integer that random numbers can start from."""
    if not text.isdecimal() or int(text) >= 2**64:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer from 0 to 2**64 - 1")
    return int(text)


def positive(text: str) -> float:
    """A finite number above 0."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return value


def amount(text: str) -> float:
    """A finite number of at least 0."""
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value


def fraction(text: str) -> float:
    """A number from 0 to below 1."""
    value = _number(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to below 1")
    return value


def _number(text: str) -> float:
    """The number that is meant; NaN if it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def share(text: str) -> float:
    """A number between 0 and 1, both excluded."""
    value = positive(text)
    if value >= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1")
    return value


def new_file(text: str) -> str:
    """The name of a file to write. That its folder is there is seen before the work of which the file is the result."""
    folder = os.path.dirname(text) or "."
    if not text or os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"{text!r} is a folder; give the name of a file")
    if not os.path.isdir(folder):
        raise argparse.ArgumentTypeError(f"there is no folder {folder} to write {os.path.basename(text)} into")
    return text


def device(text: str) -> str:
    """The name of a device, which need not be there."""
    kind, colon, number = text.partition(":")
    if (kind in ("auto", "cpu") and not colon) or (kind == "cuda" and (not colon or number.isdecimal())):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is no device: auto, cpu, cuda or cuda:N")
