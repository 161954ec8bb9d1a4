"""Runs steps side by side on the cores there are. What a step prints is shown in one piece when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

CORES = 2  #: to share out; more would change what is run beside what
LIMIT = 1500  #: seconds that a step may take


@dataclass(frozen=True)
class Step:
    """A command, in Bash, that must succeed.

    Steps begin in their order, each when those that it ``needs`` (names, separated by spaces) have passed and ``cores`` are free.
    Those that take none, as they are short, and those that only install something, one at a time, pass the others by.
    """

    name: str
    command: str
    needs: str = ""
    cores: int = 1
    installs: bool = False


class Running:
    """A step that runs, with all that it has started."""

    def __init__(self, step: Step) -> None:
        self.step, self.began = step, time.monotonic()
        self.output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the step)
        self.process = subprocess.Popen(
            ["bash", "-c", step.command], stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT, start_new_session=True
        )

    def ended(self) -> bool:
        """Tell whether it has ended; one that takes too long is ended here."""
        if self.process.poll() is None and time.monotonic() - self.began > LIMIT:
            self.kill()
            self.output.write(f"\nstopped after {LIMIT} s\n".encode())
        return self.process.poll() is not None

    def kill(self) -> None:
        """End it, with all that it has started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def show(self) -> list[str]:
        """Print what it said, and return what it says of tests that it skipped (pytest -rs)."""
        self.output.seek(0)
        how = "passed" if self.process.returncode == 0 else "FAILED"
        said = self.output.read().decode(errors="replace").rstrip()
        print(f"\n=== {self.step.name}: {self.step.command.strip()}")
        print(said)
        self.output.close()
        print(f"--- {self.step.name}: {how} in {time.monotonic() - self.began:.0f} s", flush=True)
        return [f"{self.step.name}: {line}" for line in said.splitlines() if line.startswith("SKIPPED [")]


def run(steps: Sequence[Step], not_run: Sequence[str], names: Sequence[str] = ()) -> int:
    """Run all steps, or those that are named with what they need; return the exit code."""
    known = {step.name for step in steps}
    if unknown := set(names) - known:
        print(f"there is no step {', '.join(sorted(unknown))}; there are {', '.join(step.name for step in steps)}", file=sys.stderr)
        return 2
    waiting = [step for step in steps if not names or step.name in needed(steps, names)]
    left_out = ["what was not asked for"] if names else []
    running: list[Running] = []
    passed: set[str] = set()
    failed: list[str] = []
    began = time.monotonic()
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is ended, too
    try:
        while waiting or running:
            for step in [step for step in waiting if set(step.needs.split()) & set(failed)]:
                waiting.remove(step)
                failed.append(step.name)
                left_out.append(f"{step.name}: it needs {step.needs}, of which one failed")
            for step in ready(waiting, running, passed):
                waiting.remove(step)
                running.append(Running(step))
            for one in [one for one in running if one.ended()]:
                running.remove(one)
                left_out += one.show()
                passed.add(one.step.name) if one.process.returncode == 0 else failed.append(one.step.name)
            time.sleep(0.1)
    finally:
        for one in running:
            one.kill()
            one.output.close()
        signal.signal(signal.SIGTERM, before)
    print("\n=== did not run", *(f" - {line}" for line in (*left_out, *not_run)), sep="\n")
    print(f"\nFAILED: {', '.join(failed)}" if failed else f"\nall steps passed in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


def needed(steps: Sequence[Step], names: Sequence[str]) -> set[str]:
    """The steps of these names and all that they need."""
    found = set(names)
    while more := {name for step in steps if step.name in found for name in step.needs.split()} - found:
        found |= more
    return found


def ready(waiting: Sequence[Step], running: Sequence[Running], passed: set[str]) -> list[Step]:
    """The steps that can begin now. One that waits for cores holds up the later ones that take some."""
    free = CORES - sum(one.step.cores for one in running if not one.step.installs)
    installing = any(one.step.installs for one in running)
    found = []
    for step in waiting:
        if not set(step.needs.split()) <= passed:
            continue
        if step.installs:
            if not installing:
                installing = True
                found.append(step)
        elif step.cores == 0 or step.cores <= free:
            free -= step.cores
            found.append(step)
        else:
            free = 0
    return found
