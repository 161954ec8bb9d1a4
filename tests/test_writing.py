"""Files that hold the old content or the new: failures at every call, killed writers, devices, pipes, odd names."""

import errno
import os
import re
import stat
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minigrad.saving import CheckpointError, load, save
from minigrad.writing import write_atomically

posix = pytest.mark.skipif(os.name != "posix", reason="as POSIX has it")


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_failure_leaves_the_old_file(call, code, tmp_path, monkeypatch):
    path = tmp_path / "file"
    save({"x": np.ones(3)}, path)
    before = path.read_bytes()
    real, calls = getattr(os, call), []

    def fail(*args, **kwargs):
        calls.append(args)
        if call == "write" and len(calls) == 1:
            return real(args[0], bytes(args[1])[:10])  # part of it goes well
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(CheckpointError, match=re.escape(os.strerror(code))) as caught:
        save({"x": np.zeros(3)}, path)
    monkeypatch.undo()
    assert "unchanged" in str(caught.value)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_ctrl_c_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    save({"x": np.ones(3)}, path)

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save({"x": np.zeros(3)}, path)
    np.testing.assert_array_equal(load(path)["x"].data, np.ones(3))
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_short_writes_are_continued(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, bytes(data)[:7]))
    save({"x": np.arange(100.0)}, tmp_path / "file")
    monkeypatch.undo()
    np.testing.assert_array_equal(load(tmp_path / "file")["x"].data, np.arange(100.0))


@posix
def test_permissions_come_from_the_umask(tmp_path):
    for umask, expected in ((0o022, 0o644), (0o077, 0o600), (0o002, 0o664)):
        old = os.umask(umask)
        try:
            save({"x": np.ones(1)}, tmp_path / f"{umask:o}")
        finally:
            os.umask(old)
        assert stat.S_IMODE((tmp_path / f"{umask:o}").stat().st_mode) == expected


@posix
def test_a_file_that_is_there_keeps_its_permissions(tmp_path):
    path = tmp_path / "secret"
    path.touch(0o600)
    save({"x": np.ones(1)}, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
def test_what_killed_writers_left_is_removed_and_what_living_ones_write_is_not(tmp_path):
    """Whose process is alive is told by a lock: numbers of processes are given out again, and anew in each container."""
    code = """
        import os, sys, time
        from minigrad import _system, writing
        real = os.fsync
        def stop(file):
            print("writing", flush=True)
            sys.stdin.read()
            real(file)
        os.fsync = stop
        writing.write_atomically(sys.argv[1], b"theirs")
    """
    path = tmp_path / "file"

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        process.stdout.readline()
        return process

    dead = start()
    dead.kill()
    dead.wait()
    left = set(tmp_path.iterdir())
    living = start()
    writes = set(tmp_path.iterdir()) - left
    write_atomically(path, b"ours")
    write_atomically(tmp_path / "another", b"")
    assert set(tmp_path.iterdir()) == {path, tmp_path / "another"} | writes
    assert path.read_bytes() == b"ours"
    living.communicate()
    assert living.returncode == 0
    assert path.read_bytes() == b"theirs"
    dead.stdin.close(), dead.stdout.close()
    assert set(tmp_path.iterdir()) == {path, tmp_path / "another"}


def test_many_threads_and_one_file(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: write_atomically(tmp_path / "file", bytes([i]) * 1000), range(100)))
    assert len(set((tmp_path / "file").read_bytes())) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@posix
def test_a_device_stays_a_device(tmp_path):
    write_atomically("/dev/null", b"text")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@posix
def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit((tmp_path / "pipe").read_bytes)
        write_atomically(tmp_path / "pipe", b"text")
        assert read.result(30) == b"text"
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


@posix
@pytest.mark.parametrize("to", ["pipe", "file"])
def test_standard_output_by_its_name(to, tmp_path):
    code = "from minigrad.writing import write_atomically as w; print('text', flush=True); w('/dev/stdout', b'more')"
    with open(tmp_path / "out", "w+") as file:
        out = file if to == "file" else subprocess.PIPE
        done = subprocess.run([sys.executable, "-c", code], stdout=out, text=True, check=True)
        file.seek(0)
        assert (done.stdout or file.read()) == "text\nmore"


@pytest.mark.parametrize("name", ["x" * 250, "é" * 120, "[a]*?"])
def test_names_that_are_long_or_odd(name, tmp_path):
    for content in (b"one", b"two"):
        write_atomically(tmp_path / name, content)
    assert (tmp_path / name).read_bytes() == b"two"


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b", "x" * 256])
def test_names_that_no_file_can_have(name, tmp_path):
    with pytest.raises(CheckpointError, match=r"no name that a file can have|could not be written: File name too long"):
        write_atomically(tmp_path / name, b"")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["", "."])
def test_what_is_no_name_of_a_file(path):
    with pytest.raises(CheckpointError, match="give the name of a file"):
        write_atomically(path, b"")


def test_through_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    save({"x": np.ones(1)}, tmp_path / "folder" / "real")
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "real")
    save({"x": np.zeros(1)}, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    np.testing.assert_array_equal(load(tmp_path / "folder" / "real")["x"].data, [0])


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match="could not be written"):
        save({"x": np.ones(1)}, tmp_path / "none" / "file")
