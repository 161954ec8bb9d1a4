"""What only some operating systems have, in one place: every call that fails, or does something else, on Windows.

There ``os.kill(pid, 0)`` is a Ctrl-C for the process, a folder cannot be opened, and processes have no groups.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from pathlib import Path

POSIX = os.name == "posix"


def may_be_running(pid: int) -> bool:
    """Tell whether there may be a process of this number; on Windows that is not known, and said of every number."""
    if not POSIX:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


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


def usable_cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kill a process that was started with ``start_new_session=True``, with all that it has started; on Windows, it alone."""
    if POSIX:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
