"""Files that hold the old content or the new, whatever happens while they are written.

The new content goes to a file beside the old one, is brought to the disk, and takes its name. Who writes holds a lock on
that file: one that nobody has locked was left by a writer that was killed, on this machine or in a container on it.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from minigrad import _system

__all__ = ["CheckpointError", "write_atomically"]


class CheckpointError(RuntimeError):
    """A file could not be written, or is not what it should be. What was there before is unchanged."""


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write a file so that, whatever happens, it holds the old content or the new.

    A file that is there keeps its permissions, a new one has those that the umask asks for. What is no file (a device, a
    pipe) is written to as it is, and so is whatever lies in ``/dev`` and ``/proc``, such as ``/dev/stdout``.

    Raises
    ------
    CheckpointError
        If it cannot be written.
    """
    if not os.fspath(path) or os.path.isdir(path):
        raise CheckpointError(f"{os.fspath(path)!r} is a folder; give the name of a file")
    try:
        if _is_special(path):
            _write(path, os.O_APPEND, content)  # behind what a file that standard output goes to holds already
        else:
            _replace(Path(os.path.realpath(path)), content)
    except OSError as error:
        raise CheckpointError(f"{path} could not be written: {error.strerror or error}; what was there before is unchanged") from None
    except ValueError as error:  # a zero byte, or half of a surrogate pair
        raise CheckpointError(f"{os.fspath(path)!r} is no name that a file can have: {error}") from None


def _is_special(path: str | Path) -> bool:
    """Whether a path is something other than a file, or leads to one through the folders of devices and processes."""
    if Path(os.path.abspath(path)).parts[1:2] in (("dev",), ("proc",)) and _system.POSIX:
        return os.path.exists(path)
    return os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode)


def _replace(target: Path, content: bytes) -> None:
    """Write a file beside the target, then give it the target's name."""
    kin = _kin(target)
    for leftover in target.parent.glob(f"{kin}*.tmp"):
        _system.remove_abandoned(leftover)
    temporary = target.with_name(f"{kin}{os.urandom(6).hex()}.tmp")
    try:
        with _system.locked(temporary):
            if target.exists():
                shutil.copymode(target, temporary)
            _write(temporary, 0, content, sync=True)
            os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(target.parent)


def _kin(target: Path) -> str:
    """How the files begin that are written beside a target: short and plain, however long its name is."""
    import zlib

    return f".mg-{zlib.crc32(os.fsencode(target.name)):08x}-"


def _write(path: str | Path, flags: int, content: bytes, sync: bool = False) -> None:
    """Write to what is there, to its end; with ``sync``, bring it to the disk."""
    file = os.open(path, os.O_WRONLY | flags | getattr(os, "O_BINARY", 0))
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]
        if sync:
            os.fsync(file)
    finally:
        os.close(file)


def _sync(folder: Path) -> None:
    """Bring a renaming to the disk."""
    try:
        _system.sync_folder(folder)
    except OSError as error:
        raise CheckpointError(f"files in {folder} were written, but may not be on the disk yet: {error.strerror}") from None
