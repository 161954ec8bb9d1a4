"""What only some operating systems have, in one place: every call that fails, or does something else, on Windows or in a browser.

On Windows a folder cannot be opened, files have no locks of this kind, and processes have no groups. In a browser
there are neither locks nor processes nor threads.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BROWSER = sys.platform == "emscripten"  #: Python as WebAssembly
POSIX = os.name == "posix" and not BROWSER
THREADS = not BROWSER  #: whether a thread can be started

#: seconds of processor time; in a browser, where that stands still, seconds
clock = time.perf_counter if BROWSER else time.process_time


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made if it is not there; within this it may be written, renamed and removed.

    Whoever has it is waited for, in another thread, process or container of this machine. On Windows, where a file that is
    open can be neither renamed nor removed, and on file systems that know no locks, nobody is waited for.
    """
    if not POSIX:
        path.touch()
        yield
        return
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor)
            if _is_at(descriptor, path):  # who held it may have removed or renamed it
                yield
                return
        finally:
            os.close(descriptor)


def remove_abandoned(path: Path) -> None:
    """Delete a file that nobody has `locked`; where that is not known, leave it."""
    if not POSIX:
        return
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR)
        try:
            _lock(descriptor, wait=False)
            if _is_at(descriptor, path):  # another may have removed it since it was opened, and a writer made its own there
                path.unlink()
        finally:
            os.close(descriptor)


def _lock(descriptor: int, wait: bool = True) -> None:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if not wait or error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def sync_folder(folder: Path) -> None:
    """Bring renamings within a folder to the disk, where the system and the file system can.

    Raises
    ------
    OSError
        If they may not be there.
    """
    if not POSIX:
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems cannot
            raise


def check_private(path: Path) -> None:
    """Refuse what another user could have written.

    Raises
    ------
    OSError
        If the path is a symbolic link, belongs to somebody else, or can be written by others.
    """
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise OSError(f"{path} is a symbolic link")
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        raise OSError(f"{path} belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise OSError(f"{path} can be written by others; run: chmod go-w {path}")


def usable_cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kill a process that was started with ``start_new_session=True``, with all that it has started; on Windows, it alone."""
    if POSIX:
        with suppress(ProcessLookupError, PermissionError):  # it has ended, and nothing of it is left
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


#: what Python reports to an audit hook when another process is about to start
PROCESS_STARTS = (
    "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "subprocess.Popen", "pty.spawn",
)  # fmt: skip


def limit_memory(memory: int, file_size: int) -> None:
    """Bound the memory of this process and the size of files it writes, in bytes, where the system keeps that (not on Windows)."""
    try:
        import resource
    except ImportError:
        return
    for kind, limit in (("RLIMIT_AS", memory), ("RLIMIT_FSIZE", file_size), ("RLIMIT_CORE", 0)):
        with suppress(AttributeError, OSError, ValueError):  # a system that does not keep this one
            resource.setrlimit(getattr(resource, kind), (limit, limit))


def limit_processor_time(seconds: float) -> None:
    """End this process when it has computed for so long from now on, even if whoever waits for it is gone; not on Windows."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds) + 1
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


@contextmanager
def single_keys() -> Iterator[None]:
    """Deliver each key to `read_key` at once, without echo, as long as the block lasts."""
    if not POSIX:
        yield
        return
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def read_key(timeout: float) -> str:
    """Return a key that was pressed within the time, in lower case; empty if none was."""
    if POSIX:
        ready, _, _ = select.select([sys.stdin], [], [], timeout)
        return os.read(sys.stdin.fileno(), 1).decode("latin-1").lower() if ready else ""
    import msvcrt

    until = time.monotonic() + timeout
    while time.monotonic() < until:
        if msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]
            return str(msvcrt.getwch()).lower()  # type: ignore[attr-defined,unused-ignore]
        time.sleep(0.02)
    return ""
