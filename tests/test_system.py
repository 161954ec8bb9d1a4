"""What differs between operating systems, with the other kind of system pretended."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from minigrad import _system

posix = pytest.mark.skipif(not _system.POSIX, reason="POSIX's")


@posix
def test_a_group_is_killed_with_what_it_started() -> None:
    code = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'input()']); print(p.pid, flush=True); p.wait()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    _system.kill_group(process)
    assert process.returncode < 0
    assert process.stdout.read() == "", "the child, which holds the other end, is gone"
    process.communicate()
    assert not Path(f"/proc/{child}/exe").exists()


@posix
@pytest.mark.parametrize(("code", "tolerated"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False)])
def test_file_systems_that_cannot_sync_a_folder(code: int, tolerated: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    if tolerated:
        _system.sync_folder(tmp_path)
    else:
        with pytest.raises(OSError, match=os.strerror(code)):
            _system.sync_folder(tmp_path)


def test_cores() -> None:
    assert 1 <= _system.usable_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are listed on Linux")
def test_a_file_that_is_locked_is_not_open_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There an open file can be neither renamed nor removed, which whoever has the lock wants to do."""
    path = tmp_path / "file"

    def is_open() -> bool:
        return str(path) in {os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}

    with _system.locked(path):
        assert is_open()
    monkeypatch.setattr(_system, "POSIX", False)
    with _system.locked(path):
        assert path.exists()
        assert not is_open()
        path.rename(tmp_path / "renamed")


@posix
def test_what_a_writer_made_since_is_not_abandoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that remove a leftover the slower took the new file for it, while it was being written."""
    path = tmp_path / "file"
    path.touch()
    lock = _system._lock

    def slowly(descriptor: int, wait: bool = True) -> None:
        path.unlink()
        path.write_bytes(b"new")
        lock(descriptor, wait)

    monkeypatch.setattr(_system, "_lock", slowly)
    _system.remove_abandoned(path)
    assert path.read_bytes() == b"new"
