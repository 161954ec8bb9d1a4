"""What runs in the process of a `minigrad.learn.worker.Worker`: limits are set, then one check after another is answered."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import IO, Any

from minigrad._system import PROCESS_STARTS, limit_memory, limit_processor_time
from minigrad.learn.exercise import load
from minigrad.learn.grading import check

FILE_SIZE = 64 * 2**20  #: bytes that a file may have


def main() -> None:
    """Answer requests, one a line, until there are no more."""
    requests, answers = _streams()
    limit_memory(int(sys.argv[1]), FILE_SIZE)
    sys.addaudithook(_no_other_process)
    answers.write("ready\n")
    answers.flush()
    for line in requests:
        request = json.loads(line)
        limit_processor_time(request["limit"])
        report = check(load(Path(request["path"])), request["text"])
        answers.write(json.dumps(report.to_json()) + "\n")
        answers.flush()


def _streams() -> tuple[IO[str], IO[str]]:
    """Take standard input and output for requests and answers; whoever reads or prints from now on gets nothing."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    return requests, answers


def _no_other_process(event: str, args: tuple[Any, ...]) -> None:
    if event in PROCESS_STARTS:
        raise RuntimeError(f"your code starts another process ({event}), and an exercise needs none")


if __name__ == "__main__":
    main()
