"""A check in a process of its own: whatever a text does, the answer is one sentence, and nothing is left running or lying about."""

import os
import sys
import time
from pathlib import Path

import pytest

from minigrad.learn.course import OWN, read
from minigrad.learn.pool import Pool
from minigrad.learn.worker import Worker, check

SQUARE = read(OWN).exercise("square")

HOSTILE = {
    "an endless loop": ("def square_vjp(g, x):\n    while True: pass\n", "did not return within"),
    "an endless loop that prints": ("while True: print('x' * 1000)\n", "did not return within"),
    "processes": ("import subprocess, sys\nfor _ in range(50): subprocess.Popen([sys.executable])\n", "starts another process"),
    "forks": ("import os\nfor _ in range(50): os.fork()\n", "starts another process"),
    "a shell": ("import os\nos.system('true')\n", "starts another process"),
    "the end of the process": ("import os\nos._exit(3)\n", "ended the process that checks it (exit code 3)"),
    "a crash": ("import ctypes\nctypes.string_at(0)\n", "ended the process that checks it"),
    "reading": ("input()\n", "EOFError"),
}  # fmt: skip
ON_LINUX = {
    "4 GB": ("import numpy as np\ndef square_vjp(g, x):\n    return np.ones(2**29)\n", "asks for more memory than a check may use"),
    "4 GB of bytes": ("def square_vjp(g, x):\n    return b'x' * 2**32\n", "more memory than a check may"),
    "a file of 100 MB": ("open('x', 'wb').write(b'x' * 10**8)\n", "File too large"),
}


def graded(text, limit):
    report = check(SQUARE, text, limit)
    assert report.outcome == "failed"
    assert "\n" not in report.facts
    return report.facts


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_text_does_the_answer_is_one_sentence(name):
    text, says = HOSTILE[name]
    assert says in graded(text, limit=2 if "endless" in name else 30)


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not keep limits of memory and files")
@pytest.mark.parametrize("name", ON_LINUX)
def test_memory_and_files_are_bounded(name):
    text, says = ON_LINUX[name]
    assert says in graded(text, limit=30)


def test_a_right_answer_passes_and_sees_an_empty_home():
    text = f"import os, pathlib\nassert list(pathlib.Path.home().iterdir()) == [] and os.getcwd() != {os.getcwd()!r}\n" + SQUARE.solution
    assert check(SQUARE, text).ok


@pytest.mark.skipif(os.name != "posix", reason="processes of a group are counted by the system's own list")
def test_threads_and_folders_do_not_outlive_the_check():
    with Worker() as worker:
        text = "import threading, time\nfor _ in range(50): threading.Thread(target=time.sleep, args=(100,)).start()\n" + SQUARE.solution
        assert worker.check(SQUARE, text).ok
        process, folder = worker._process.pid, Path(worker._folder.name)
        assert folder.is_dir()
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_worker_answers_again_with_a_fresh_module_each_time():
    count = "import builtins\nbuiltins.seen = getattr(builtins, 'seen', 0) + 1\nassert seen == {}\n"
    with Worker() as worker:
        assert worker.check(SQUARE, SQUARE.solution).ok
        assert worker.check(SQUARE, "def square_vjp(g, x):\n    return 0\n").outcome == "failed"
        assert worker.check(SQUARE, "print(square_vjp)\n" + SQUARE.solution).failed == "runs"  # nothing of the text before is there
        assert worker.check(SQUARE, count.format(1) + SQUARE.solution).ok
        started = time.perf_counter()
        assert worker.check(SQUARE, SQUARE.solution).ok
        assert time.perf_counter() - started < 1


def test_a_pool_replaces_a_worker_that_had_to_be_ended():
    loop = "while True: pass\n"
    with Pool(1) as pool:
        outcomes = [
            report.outcome for report in pool.check_all([(SQUARE, SQUARE.starter), (SQUARE, loop), (SQUARE, SQUARE.solution)], limit=2)
        ]
    assert outcomes == ["todo", "failed", "passed"]
