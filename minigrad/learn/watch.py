"""Watch mode: the current file is checked whenever it is saved, and single keys give commands."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from minigrad._system import read_key, single_keys
from minigrad.learn import screen
from minigrad.learn.exercise import CourseError
from minigrad.learn.report import Report
from minigrad.learn.study import Study
from minigrad.learn.worker import Worker

POLL = 0.2  #: seconds between two looks at the file; works on network disks as well
KEYS = {"h": "hint", "n": "next", "l": "list", "s": "skip", "x": "reset", "q": "quit"}


class Watch:
    """The loop of ``minigrad learn`` in a terminal."""

    def __init__(self, study: Study, out: Console) -> None:
        self.study, self.out = study, out
        self.report: Report | None = None
        self._seen = (0, 0)  # the file as it was checked last
        self._spare = Worker()  # started while the learner thinks, so that a check need not wait for Python

    def run(self) -> None:
        """Check and wait, until q or Ctrl-C."""
        try:
            with single_keys():
                self._check()
                while True:
                    key = read_key(POLL)
                    if key in ("q", "\x03", "\x04"):
                        return
                    if key in KEYS and not self._command(KEYS[key]):
                        return
                    if _stamp(self._path) != self._seen:
                        self._check()
        except KeyboardInterrupt:
            return
        finally:
            self._spare.close()

    @property
    def _path(self) -> Path:
        return self.study.file(self.study.current.id)

    def _check(self) -> None:
        exercise, self._seen = self.study.current, _stamp(self._path)  # before it is read: what is saved meanwhile is seen next
        screen.fit(self.out)
        screen.print_head(self.out, self.study.course, exercise)
        try:
            text = self.study.text(exercise.id)
        except CourseError as error:
            self.report = None
            self.out.print(Text(f"  {error}", "red"))
            self._print_keys()
            return
        self.out.print(Text("  checking ...", "dim"), end="\r")
        worker, self._spare = self._spare, Worker()
        with worker:
            self.report = worker.check(exercise, text)
        self.out.print(" " * 14, end="\r")
        self.study.progress.checked(exercise.id, text, self.report)
        screen.print_report(self.out, exercise, self.report)
        if self.report.ok:
            screen.print_passed(self.out, exercise)
            screen.print_progress(self.out, self.study)
            if not self.study.following():
                screen.print_text(self.out, self.study.course.closing)
        self._print_keys()

    def _print_keys(self) -> None:
        passed = self.report is not None and self.report.ok
        keys = {"n": "next"} if passed else {"h": "hint", "s": "skip", "x": "reset"}
        keys |= {"l": "list", "q": "quit"}
        parts = [part for key, word in keys.items() for part in ((f"[{key}]", "bold"), (f" {word}  ", "dim"))]
        self.out.print(Text.assemble((f"  {self._path.name}  ", "cyan"), *parts), soft_wrap=True)

    def _command(self, command: str) -> bool:
        """Do what a key asks for; return whether to go on."""
        if command == "hint" and self.report is not None and not self.report.ok:
            level, words = self.study.next_hint(self.report)
            screen.print_hint(self.out, level, words)
        elif command == "list":
            screen.print_list(self.out, self.study)
        elif command == "skip" or (command == "next" and self.report is not None and self.report.ok):
            return self._go_on(skip=command == "skip")
        elif command == "next":
            self.out.print(Text("  not passed yet: [s] skips it", "dim"))
        elif command == "reset":
            self.out.print(Text("  put the file back as it was? what you wrote is kept beside it [y/N]", "yellow"))
            if read_key(30.0) == "y":
                backup = self.study.reset()
                self.out.print(Text(f"  reset; what you wrote is in {backup.name}", "dim"))
                self._check()
        return True

    def _go_on(self, skip: bool) -> bool:
        if skip:
            self.study.skip()
        following = self.study.following()
        if not following:
            screen.print_text(self.out, self.study.course.closing)
            return False
        path = self.study.start(following)
        screen.print_progress(self.out, self.study)
        self.out.print(Text(f"  open {path}", "cyan"), soft_wrap=True)
        self._check()
        return True


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file is saved."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_size
