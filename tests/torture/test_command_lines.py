"""Hostile command lines: never a traceback, always a documented exit code, nothing written where a command was not understood.

The flags are read from the parsers, so a new one is tried without a line here. ``MINIGRAD_TORTURE=N`` tries N lines.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from minigrad.commands import COMMANDS
from minigrad.commands._parser import CommandParser

LINES = int(os.environ.get("MINIGRAD_TORTURE", 500))
SECONDS = 10.0  #: after which a command that has nothing wrong with it is interrupted, as by Ctrl-C

HOSTILE = [
    "", " ", "-", "--", "-1", "0", "1e400", "nan", "-inf", "٣", "²", "1_0", "0x10", "99999999999999999999", "1" * 5000, "None", "true",
    ".", "..", "/", "~", "*", "/nonexistent/file", "/dev/null", "/dev/full", "/dev/zero", "a\nb", "\x1b[31mred", "[/]", "[link=x]y[/link]",
    "x" * 300, "\udcff", "é", "<script>", "%s%n", "{0}", "cuda", "cuda:99", "1,2", "a=b", "empty", "folder", "text.txt", "broken.py",
    "raises.py", "exits.py", "loop.py", "good.py", "good.py:nothing", "good.py:", ":", "json", "os:system", "numpy:sin", "exp", "nn.Linear",
    "minigrad", "idx", "run", "points.txt", "nan.txt", "latin.txt",
]  # fmt: skip
PLAUSIBLE = [
    "1",
    "2",
    "0.1",
    "digits",
    "spirals",
    "text",
    "text.txt",
    "run",
    "points.txt",
    "exp",
    "nn.BatchNorm",
    "good.py",
    "check",
    "list",
    "out",
]

#: exit codes that the help of a command names, beside those of a script that it runs
CODES = {"learn": {0, 1, 2, 3}, "gradcheck": {0, 1, 2, 3}, "launch": set(range(256)), "explore": {0, 1, 2, 7}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with one of everything that a name may lead to."""
    place = tmp_path_factory.mktemp("here")
    (place / "folder").mkdir()
    (place / "empty").touch()
    (place / "text.txt").write_text("to be or not to be, that is the question. " * 40)
    (place / "latin.txt").write_bytes("für\n".encode("latin-1"))
    (place / "points.txt").write_text("0.5 0.5\n-1, 2\n")
    (place / "nan.txt").write_text("nan 1\n")
    (place / "broken.py").write_text("def f(:\n")
    (place / "raises.py").write_text("raise ValueError('[/] \x1b[31m')\n")
    (place / "exits.py").write_text("raise SystemExit(7)\n")
    (place / "loop.py").write_text("while True:\n    pass\n")
    (place / "good.py").write_text("import minigrad as mg\nx = mg.ones(3, requires_grad=True)\ny = (x * x).sum()\ny.backward()\n")
    (place / "idx").write_bytes(b"\0\0\x08\x03" + np.array([2, 8, 8], ">u4").tobytes() + bytes(128))
    train = [sys.executable, "-m", "minigrad", "train", "spirals", "--epochs", "1", "--out", "run"]
    subprocess.run(train, cwd=place, env=environment(place), check=True, capture_output=True)
    return place


def environment(home: Path) -> dict[str, str]:
    root = Path(__file__).parents[2]
    return {
        **os.environ,
        "PYTHONPATH": str(root),
        "HOME": str(home),
        "COLUMNS": "80",
        "OPENBLAS_NUM_THREADS": "1",
        "MINIGRAD_CACHE": str(home / "none"),
    }


def actions(command: str) -> list[argparse.Action]:
    parser = CommandParser(command=command, prog=command)
    parser.load().add_arguments(parser)
    return [action for action in parser._actions if action.dest != "help"]


def line(rng: random.Random) -> list[str]:
    """A command with some of its flags, one or more of them wrong."""
    command = rng.choice(list(COMMANDS))

    def value(action: argparse.Action) -> str:
        choices = [str(c) for c in action.choices or ()]
        return rng.choice(rng.choice([HOSTILE, HOSTILE, PLAUSIBLE, choices or PLAUSIBLE]))

    words = [command]
    given = actions(command)
    for action in rng.sample(given, rng.randint(0, min(4, len(given)))):
        number = {None: 1, "?": 1, "*": 1, "+": 1, "...": 1, "A...": 1}.get(action.nargs, action.nargs)
        values = (
            [value(action) for _ in range(int(number))]
            if not isinstance(action, argparse._SubParsersAction)
            else [value(action), value(action)]
        )
        words += [action.option_strings[0], *values] if action.option_strings else values
    if not any(not a.option_strings for a in given):
        words += [value(given[0])] * rng.randint(0, 1)
    if command == "train" and "--epochs" not in words:
        words += ["--epochs", "1"]
    if command == "playground" and "--from" not in words:
        words += ["--from", "folder"]  # so that nothing is fetched
    return [word.replace("\0", "") for word in words]


def outcome(words: list[str], folder: Path) -> str | None:
    """What is wrong with how a command ended, or None."""
    process = subprocess.Popen(
        [sys.executable, "-m", "minigrad", *words], cwd=folder, env=environment(folder), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
    )  # fmt: skip
    interrupted = False
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        interrupted = True
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return "Ctrl-C does not end it"
    its_own = "raises.py" in words or "loop.py" in words or "broken.py" in words or words[0] == "launch"
    if "Traceback" in out + err and not its_own:
        return err[-1500:]
    if "\x1b[31m" in out + err and not its_own:
        return f"an escape sequence reaches the terminal: {(out + err)[-300:]!r}"
    expected = {130} if interrupted else CODES.get(words[0], {0, 1, 2})
    if process.returncode not in expected:
        return f"exit code {process.returncode}, {err[-800:]}"
    if process.returncode and not interrupted and not err.strip() and words[0] not in ("launch", "explore", "learn", "gradcheck"):
        return f"exit code {process.returncode} without a word"
    return None


@pytest.mark.slow
def test_hostile_command_lines(folder):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job, and what it starts, ignores it
    try:
        try_lines(folder)
    finally:
        signal.signal(signal.SIGINT, before)


def try_lines(folder):
    rng = random.Random(int(os.environ.get("MINIGRAD_TORTURE_SEED", 0)))
    lines = [line(rng) for _ in range(LINES)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda words: outcome(words, folder), lines))
    print(f"{len(lines)} command lines:", dict(Counter(words[0] for words in lines)))
    wrong = [f"minigrad {' '.join(map(repr, words))}\n{what}" for words, what in zip(lines, found, strict=True) if what]
    assert not wrong, f"{len(wrong)} of {len(lines)}:\n" + "\n\n".join(wrong)
