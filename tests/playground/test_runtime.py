"""Locks of the runtime: only the right bytes, whoever brings them."""

import hashlib
import http.server
import threading
import zipfile

import pytest

from minigrad.playground import runtime
from minigrad.playground.building import build
from minigrad.playground.runtime import DEFAULT, PlaygroundError, Runtime, RuntimeFile, Source, gather, read_lock, versions


def lock(*files):
    return Runtime("1.0", "3.12", "2.0", True, (), (), tuple(files))


def file(content, *sources, name="a.bin"):
    return RuntimeFile(name, hashlib.sha256(content).hexdigest(), "MIT", sources)


@pytest.fixture
def served(tmp_path):
    """A folder that is served, and its address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("version", versions())
def test_every_lock_is_whole(version):
    found = read_lock(version)
    assert found.tested == (version == DEFAULT)
    names = [f.name for f in found.files]
    assert len(set(names)) == len(names)
    assert {"pyodide.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json", *found.wheels} <= set(names)
    assert any(name.startswith("numpy-") for name in names)
    for f in found.files:
        assert len(f.sha256) == 64
        assert f.licence
        assert f.sources


def test_an_unknown_version_is_a_sentence():
    with pytest.raises(PlaygroundError, match=r"no lock for the runtime 1\.2"):
        read_lock("1.2")


def test_a_file_comes_from_the_first_source_that_has_the_right_one(served, tmp_path):
    folder, address = served
    (folder / "wrong").mkdir()
    (folder / "wrong" / "a.bin").write_bytes(b"something else")
    (folder / "a.bin").write_bytes(b"right")
    told = []
    sources = [Source("url", "http://127.0.0.1:9/"), Source("url", f"{address}wrong/"), Source("url", address)]
    gather(lock(file(b"right", *sources)), tmp_path / "out", told=told.append)
    assert (tmp_path / "out" / "a.bin").read_bytes() == b"right"
    assert len(told) == 3


def test_a_file_is_fetched_once(served, tmp_path):
    folder, address = served
    (folder / "a.bin").write_bytes(b"right")
    gather(lock(file(b"right", Source("url", address))), tmp_path / "out")
    (folder / "a.bin").unlink()
    gather(lock(file(b"right", Source("url", address))), tmp_path / "again")
    assert (tmp_path / "again" / "a.bin").read_bytes() == b"right"


def test_a_damaged_cache_is_not_believed(served, tmp_path, cache):
    folder, address = served
    (folder / "a.bin").write_bytes(b"right")
    wanted = file(b"right", Source("url", address))
    kept = cache / "playground" / wanted.sha256
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"damaged")
    gather(lock(wanted), tmp_path / "out")
    assert (tmp_path / "out" / "a.bin").read_bytes() == b"right"
    assert kept.read_bytes() == b"right"


def test_a_source_that_failed_is_not_asked_again(tmp_path, monkeypatch):
    asked = []

    def fail(address, timeout):
        asked.append(address)
        raise OSError("no network")

    monkeypatch.setattr(runtime.urllib.request, "urlopen", fail)
    source = Source("url", "https://nowhere.example/")
    with runtime._Sources(lambda line: None) as sources:
        for name in ("a.bin", "b.bin"):
            with pytest.raises(PlaygroundError, match=rf"{name} cannot be had: https://nowhere\.example/ gives nothing \(no network\)"):
                sources.content(file(name.encode(), source, name=name))
    assert len(asked) == 1


def test_a_member_of_a_package(tmp_path, monkeypatch):
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("some/a.bin", b"right")
    monkeypatch.setattr(runtime, "_package", lambda source, folder: wheel)
    gather(lock(file(b"right", Source("pip", "some==1", "some/a.bin"))), tmp_path / "out")
    assert (tmp_path / "out" / "a.bin").read_bytes() == b"right"


def test_a_missing_member_and_a_missing_client_are_sentences(tmp_path, monkeypatch):
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("some/b.bin", b"")
    monkeypatch.setattr(runtime, "_package", lambda source, folder: wheel)
    with pytest.raises(PlaygroundError, match=r"some==1 has no some/a\.bin"):
        gather(lock(file(b"right", Source("pip", "some==1", "some/a.bin"))), tmp_path / "out")
    monkeypatch.undo()
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlaygroundError, match="npm cannot be run"):
        gather(lock(file(b"right", Source("npm", "some@1", "package/a.bin"))), tmp_path / "out")


def test_a_folder_of_files_is_checked_too(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"something else")
    with pytest.raises(PlaygroundError, match="is another file than the lock names"):
        gather(lock(file(b"right")), tmp_path / "out", given=tmp_path)
    with pytest.raises(PlaygroundError, match=r"b\.bin cannot be read"):
        gather(lock(file(b"right", name="b.bin")), tmp_path / "out", given=tmp_path)


def test_a_folder_with_something_else_is_not_touched(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(PlaygroundError, match="is there already, and no playground"):
        build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_build_that_failed_can_be_tried_again(tmp_path, monkeypatch):
    out, given = tmp_path / "out", tmp_path / "given"
    given.mkdir()
    for _ in range(2):  # the second finds what the first left
        with pytest.raises(PlaygroundError, match="cannot be read"):
            build(out, given=given)
