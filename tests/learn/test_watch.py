"""Watch mode in a real terminal (a pseudo-terminal): it notices a save in half a second, and keys do what they say."""

import os
import re
import select
import subprocess
import sys
import time

import pytest

from minigrad.learn.course import OWN, read

pty = pytest.importorskip("pty", reason="pseudo-terminals are POSIX")

COURSE = read(OWN)


class Terminal:
    """A running ``minigrad learn``."""

    def __init__(self, folder):
        self.master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "minigrad", "learn"], stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environment
        )
        os.close(slave)
        self.text = ""

    def wait_for(self, pattern, seconds=60.0):
        """Read until a text appears after what was waited for before; return how long it took."""
        started = time.perf_counter()
        while not re.search(pattern, self.text):
            left = started + seconds - time.perf_counter()
            assert left > 0, f"{pattern!r} did not come within {seconds} s:\n{self.text}"
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.text = re.sub(
                        r"\x1b\[[0-9;]*m", "", self.text + os.read(self.master, 4096).decode()
                    )  # bold and dim are no colours
                except OSError:
                    self.process.wait()
                    assert re.search(pattern, self.text), self.text
        self.text = self.text[re.search(pattern, self.text).end() :]
        return time.perf_counter() - started

    def press(self, key):
        os.write(self.master, key.encode())


@pytest.fixture
def terminal(tmp_path):
    made = Terminal(tmp_path)
    yield made
    if made.process.poll() is None:
        made.process.kill()
    made.process.wait()
    os.close(made.master)


def test_a_session(terminal, tmp_path):
    terminal.wait_for("still TODO")
    terminal.wait_for(r"\[q\] quit")
    path = tmp_path / "minigrad-course" / "01_square.py"
    path.write_text(COURSE.exercises["square"].starter.replace("raise NotImplementedError  # TODO", "return 2 * x"))
    noticed = terminal.wait_for("checking")
    terminal.wait_for(r"you have 1\.281")
    terminal.wait_for(r"\[q\] quit")
    terminal.press("n")
    terminal.wait_for("not passed yet")
    terminal.press("h")
    terminal.wait_for("h1  Try g = 1 and g = 10")
    path.write_text(COURSE.exercises["square"].solution)
    noticed = min(noticed, terminal.wait_for("checking"))
    assert noticed < 0.5
    terminal.wait_for("Passed: a formula multiplies")
    terminal.wait_for(r"\[n\] next")
    terminal.press("n")
    terminal.wait_for("02_softsign.py")
    terminal.wait_for(r"\[q\] quit")
    terminal.press("l")
    terminal.wait_for("# square")
    (tmp_path / "minigrad-course" / "02_softsign.py").write_text("mine")
    terminal.wait_for(r"softsign_vjp is no longer|NameError")
    terminal.wait_for(r"\[q\] quit")
    terminal.press("x")
    terminal.wait_for("put the file back")
    terminal.press("y")
    terminal.wait_for("02_softsign.py.bak")
    terminal.wait_for(r"\[q\] quit")
    terminal.press("s")
    terminal.wait_for("03_topo.py")
    terminal.press("q")
    assert terminal.process.wait(30) == 0
    assert (tmp_path / "minigrad-course" / "02_softsign.py.bak").read_text() == "mine"
