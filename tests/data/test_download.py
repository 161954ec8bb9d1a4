"""Downloads against a server on this machine: mirrors, checksums, broken transfers, limits, folders that cannot be written."""

import gzip
import hashlib
import http.server
import io
import os
import re
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minigrad import data
from minigrad.data import DataError, Remote, datasets, download, fetch
from minigrad.data.cifar import PIXELS

CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files``; the first part of the path says how badly."""

    def do_GET(self):
        self.server.requests.append((self.path, self.headers.get("Range")))
        _, manner, name = self.path.split("/", 2)
        content = self.server.files.get(name)
        if manner == "missing" or content is None:
            self.send_error(404)
            return
        if manner == "wrong":
            content = b"x" * len(content)
        begin = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and manner != "no-ranges":
            begin = int(asked[1])
            if begin >= len(content):
                self.send_error(416)
                return
        self.send_response(206 if begin else 200)
        if manner == "unannounced":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        end = begin + (len(content) - begin) // 2 if manner == "breaks" else len(content)
        self.wfile.write(content[begin:end])
        if manner == "breaks":
            self.connection.close()

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.requests = {"file": CONTENT}, []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        server.url = lambda *manners: tuple(f"http://127.0.0.1:{server.server_port}/{manner}/" for manner in manners)
        yield server
        server.shutdown()


def test_a_file_is_downloaded_once(server, tmp_path):
    told = []
    remote = Remote("file", server.url("good"), sha256=SHA256)
    for _ in range(2):
        path = fetch(remote, tmp_path / "new" / "folder", lambda *what: told.append(what))
        assert path.read_bytes() == CONTENT
    assert len(server.requests) == 1
    assert told[-1] == ("file", len(CONTENT), len(CONTENT))
    assert [p.name for p in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("bad", ["missing", "wrong", "breaks"])
def test_the_next_mirror_is_asked(bad, server, tmp_path):
    path = fetch(Remote("file", server.url(bad, "good"), md5=hashlib.md5(CONTENT).hexdigest()), tmp_path)
    assert path.read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_a_server_that_is_not_there(server, tmp_path):
    path = fetch(Remote("file", ("http://127.0.0.1:9/", *server.url("good")), sha256=SHA256), tmp_path)
    assert path.read_bytes() == CONTENT


def test_all_mirrors_fail(server, tmp_path):
    with pytest.raises(DataError, match=r"error 404.*checksum is wrong.*by hand"):
        fetch(Remote("file", server.url("missing", "wrong"), sha256=SHA256), tmp_path)
    assert not (tmp_path / "file").exists()


def test_a_broken_transfer_is_continued(server, tmp_path):
    with pytest.raises(DataError, match=r"broke off|incomplete|IncompleteRead|Connection"):
        fetch(Remote("file", server.url("breaks"), sha256=SHA256), tmp_path)
    have = (tmp_path / "file.part").stat().st_size
    assert 0 < have < len(CONTENT)
    assert fetch(Remote("file", server.url("good"), sha256=SHA256), tmp_path).read_bytes() == CONTENT
    assert server.requests[-1][1] == f"bytes={have}-"


@pytest.mark.parametrize("manner", ["good", "no-ranges"])
@pytest.mark.parametrize(
    "leftover", [b"something else", CONTENT[:1000], CONTENT, CONTENT + b"more"], ids=["foreign", "half", "whole", "longer"]
)
def test_whatever_was_left_behind_is_made_good(manner, leftover, server, tmp_path):
    (tmp_path / "file.part").write_bytes(leftover)
    assert fetch(Remote("file", server.url(manner), sha256=SHA256), tmp_path).read_bytes() == CONTENT


@pytest.mark.skipif(os.name != "posix", reason="files are locked on POSIX alone")
def test_many_at_once_download_once(server, tmp_path):
    """Threads hold locks of their own, as processes do."""
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: fetch(Remote("file", server.url("good"), sha256=SHA256), tmp_path), range(8)))
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert len(server.requests) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_damaged_file_in_the_cache_is_replaced(server, tmp_path):
    (tmp_path / "file").write_bytes(b"damaged")
    assert fetch(Remote("file", server.url("good"), sha256=SHA256), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("manner", ["good", "unannounced"])
def test_a_file_that_is_too_large_is_stopped(manner, server, tmp_path):
    with pytest.raises(DataError, match="more than the 1000"):
        fetch(Remote("file", server.url(manner), sha256=SHA256, limit=1000), tmp_path)
    assert not (tmp_path / "file").exists()
    part = tmp_path / "file.part"
    assert not part.exists() or part.stat().st_size <= 1000


def test_a_cache_that_cannot_be_written(server, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(DataError, match="MINIGRAD_CACHE"):
        fetch(Remote("file", server.url("good"), sha256=SHA256), tmp_path / "cache" / "mnist")
    folder = tmp_path / "read-only"
    folder.mkdir()
    monkeypatch.setattr("os.open", denied)
    with pytest.raises(DataError, match=r"Permission denied.*MINIGRAD_CACHE"):
        fetch(Remote("file", server.url("good"), sha256=SHA256), folder)


def denied(path, *options):
    raise PermissionError(13, "Permission denied", str(path))


def test_a_read_only_cache_that_has_the_file_will_do(server, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    tmp_path.chmod(0o555)
    try:
        assert fetch(Remote("file", server.url("missing"), sha256=SHA256), tmp_path).read_bytes() == CONTENT
    finally:
        tmp_path.chmod(0o755)
    assert server.requests == []


def test_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "mine"))
    assert data.cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("MINIGRAD_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data.cache_folder() == tmp_path / "minigrad"


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(header + array.tobytes())


def serve(server, monkeypatch, tmp_path, name, files):
    """Let a data set come from the server, with the checksums of these files."""
    server.files = files
    remotes = tuple(Remote(n, server.url("good"), sha256=hashlib.sha256(c).hexdigest()) for n, c in files.items())
    monkeypatch.setitem(datasets.REMOTES, name, remotes)
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "cache"))


def mnist_files(n=5, m=3, labels=None):
    rng = np.random.default_rng(0)
    make = lambda k: idx(rng.integers(0, 256, (k, 28, 28), dtype=np.uint8))
    train = idx(np.arange(n, dtype=np.uint8) % 10 if labels is None else labels)
    return dict(zip(datasets._IDX_NAMES, [make(n), train, make(m), idx(np.arange(m, dtype=np.uint8))], strict=True))


def test_mnist_from_the_server_and_from_a_folder(server, monkeypatch, tmp_path):
    files = mnist_files()
    serve(server, monkeypatch, tmp_path, "mnist", files)
    train, test = data.mnist()
    assert train.arrays[0].shape == (5, 1, 28, 28)
    assert train.arrays[0].dtype == np.float32
    assert 0 <= train.arrays[0].min() < train.arrays[0].max() <= 1
    assert test.arrays[1].tolist() == [0, 1, 2]
    local = tmp_path / "local"
    local.mkdir()
    for i, (name, content) in enumerate(files.items()):  # two of them not compressed
        (local / (name if i % 2 else name.removesuffix(".gz"))).write_bytes(content if i % 2 else gzip.decompress(content))
    np.testing.assert_array_equal(data.mnist(local).train.arrays[0], train.arrays[0])
    with pytest.raises(DataError, match=r"there is no train-images-idx3-ubyte.gz"):
        data.fashion_mnist(tmp_path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [(np.array([1, 2, 3, 12, 0], np.uint8), "label 12 at position 3"), (np.array([1, 2], np.uint8), "do not belong together")],
)
def test_labels_that_cannot_be(labels, message, server, monkeypatch, tmp_path):
    serve(server, monkeypatch, tmp_path, "fashion-mnist", mnist_files(labels=labels))
    with pytest.raises(DataError, match=message):
        data.fashion_mnist()


def test_a_gzip_that_holds_too_much(server, monkeypatch, tmp_path):
    bomb = gzip.compress(b"\0\0\x08\x01" + np.array([2**27], ">u4").tobytes() + bytes(2**27))
    assert len(bomb) < 2**18
    serve(server, monkeypatch, tmp_path, "mnist", {**mnist_files(), datasets._IDX_NAMES[0]: bomb})
    with pytest.raises(DataError, match="more than the 67108864 that"):
        data.mnist()


def tar_of(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def records(labels):
    rng = np.random.default_rng(1)
    return b"".join(bytes([*np.atleast_1d(label)]) + rng.integers(0, 256, PIXELS, dtype=np.uint8).tobytes() for label in labels)


def cifar10_members(**changes):
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    return {f"cifar-10-batches-bin/{name}": records([i, 9 - i]) for i, name in enumerate(names)} | changes


def test_cifar(server, monkeypatch, tmp_path):
    serve(server, monkeypatch, tmp_path, "cifar10", {"cifar-10-binary.tar.gz": tar_of(cifar10_members())})
    train, test = data.cifar10()
    assert train.arrays[0].shape == (10, 3, 32, 32)
    assert train.arrays[1].tolist() == [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]
    assert len(test) == 2
    fine = {"cifar-100-binary/train.bin": records([(3, 77), (1, 5)]), "cifar-100-binary/test.bin": records([(0, 99)])}
    (tmp_path / "cifar-100-binary.tar.gz").write_bytes(tar_of(fine))
    assert data.cifar100(tmp_path).train.arrays[1].tolist() == [77, 5]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (cifar10_members(**{"../../evil": b"x"}), "leads outside"),
        (cifar10_members(**{"/etc/evil": b"x"}), "leads outside"),
        (cifar10_members(**{"cifar-10-batches-bin/test_batch.bin": b"short"}), "no whole number of records"),
        (cifar10_members(**{"cifar-10-batches-bin/test_batch.bin": records([10])}), "label 10"),
        (cifar10_members(**{"cifar-10-batches-bin/test_batch.bin": bytes(155_000_000)}), "more than"),
        ({"cifar-10-batches-py/data_batch_1": b"a pickle"}, "does not hold data_batch_1.bin"),
    ],
)
def test_archives_that_are_not_right(members, message, tmp_path):
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(tar_of(members))
    with pytest.raises(DataError, match=message):
        data.cifar10(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["cifar-10-binary.tar.gz"]


@pytest.mark.parametrize("content", [b"", b"not an archive", tar_of(cifar10_members())[:5000]], ids=["empty", "text", "cut off"])
def test_damaged_archives(content, tmp_path):
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"damaged or cut off|does not hold"):
        data.cifar10(tmp_path)


def test_every_address_and_checksum_is_written_down():
    for remotes in datasets.REMOTES.values():
        for remote in remotes:
            assert all(re.fullmatch(r"https?://\S+/", mirror) for mirror in remote.mirrors)
            assert re.fullmatch(r"[0-9a-f]{64}", remote.sha256) or re.fullmatch(r"[0-9a-f]{32}", remote.md5)
    assert download.TIMEOUT > 0
