"""The data sets: the digits that minigrad ships, and MNIST, Fashion-MNIST and CIFAR, which are downloaded.

Images are float32 of shape (n, channels, height, width) from 0 to 1, labels int64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minigrad.backends import Array
from minigrad.data.cifar import MEMBER_LIMIT, parse_cifar, read_archive
from minigrad.data.dataset import TensorDataset
from minigrad.data.download import Remote, cache_folder, fetch
from minigrad.data.files import DataError, read_bytes
from minigrad.data.idx import read_idx
from minigrad.random import Generator

Progress = Callable[[str, int, int | None], None]


class Split(NamedTuple):
    """Data to train with, and data to test with."""

    train: TensorDataset
    test: TensorDataset


_MNIST = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
_FASHION = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
_CIFAR = ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/")
_IDX_NAMES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
_MNIST_SHA256 = (
    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
)
_FASHION_MD5 = (
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "25c81989df183df01b3e8a0aad5dffbe",
    "bef4ecab320f06d8554ea6380940ec79",
    "bb300cfdad3c16e7a12a480ee83cd310",
)
REMOTES: dict[str, tuple[Remote, ...]] = {
    "mnist": tuple(Remote(name, _MNIST, sha256=h) for name, h in zip(_IDX_NAMES, _MNIST_SHA256, strict=True)),
    "fashion-mnist": tuple(Remote(name, _FASHION, md5=h) for name, h in zip(_IDX_NAMES, _FASHION_MD5, strict=True)),
    "cifar10": (Remote("cifar-10-binary.tar.gz", _CIFAR, sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),),
    "cifar100": (Remote("cifar-100-binary.tar.gz", _CIFAR, sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"),),
}

DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def digits() -> Split:
    """The 1797 handwritten digits of 8 x 8 pixels that minigrad ships: 1437 to train with, 360 to test with.

    The split is at random and always the same. (Alpaydin, Kaynak, 1998; ``minigrad/data/digits/SOURCE.txt``.)
    """
    folder = Path(__file__).parent / "digits"
    images, labels = read_idx(folder / "images-idx3-ubyte.gz"), read_idx(folder / "labels-idx1-ubyte.gz")
    order = Generator(0).permutation(len(images))
    images, labels = images[order], labels[order]
    train, test = (_labelled(images[part, None], labels[part], DIGITS, 16, "digits") for part in (slice(1437), slice(1437, None)))
    return Split(train, test)


def mnist(root: str | Path | None = None, progress: Progress | None = None) -> Split:
    """60,000 and 10,000 handwritten digits of 28 x 28 pixels. (LeCun, Cortes, Burges, 1998.)

    Parameters
    ----------
    root
        A folder with the four files, compressed or not. Without it they are downloaded into `cache_folder`.
    progress
        Told about the download, as in `minigrad.data.download.fetch`.
    """
    return _idx_set("mnist", DIGITS, root, progress)


def fashion_mnist(root: str | Path | None = None, progress: Progress | None = None) -> Split:
    """60,000 and 10,000 pictures of clothes of 28 x 28 pixels; arguments as for `mnist`. (Xiao, Rasul, Vollgraf, 2017.)"""
    return _idx_set("fashion-mnist", CLOTHES, root, progress)


def cifar10(root: str | Path | None = None, progress: Progress | None = None) -> Split:
    """50,000 and 10,000 colour pictures of 32 x 32 pixels in 10 classes. (Krizhevsky, 2009.)

    Parameters
    ----------
    root
        A folder with ``cifar-10-binary.tar.gz``, or with what it unpacks to: the folder ``cifar-10-batches-bin`` (for CIFAR-100
        ``cifar-100-binary``), or the files in it. Without it the file is downloaded into `cache_folder`.
    progress
        Told about the download.
    """
    members = [f"data_batch_{i}.bin" for i in range(1, 6)]
    return _cifar_set("cifar10", members, ["test_batch.bin"], 1, CIFAR10, root, progress)


def cifar100(root: str | Path | None = None, progress: Progress | None = None) -> Split:
    """50,000 and 10,000 colour pictures of 32 x 32 pixels in 100 classes; arguments as for `cifar10`."""
    return _cifar_set("cifar100", ["train.bin"], ["test.bin"], 2, [str(i) for i in range(100)], root, progress)


def _idx_set(name: str, classes: Sequence[str], root: str | Path | None, progress: Progress | None) -> Split:
    folder = cache_folder() / name if root is None else Path(root)
    arrays = []
    for remote in REMOTES[name]:
        path = fetch(remote, folder, progress) if root is None else _local(folder, remote.name)
        arrays.append(read_idx(path, limit=2**26))  # 60,000 images have 47 million bytes
    return Split(
        _labelled(arrays[0][:, None], arrays[1], classes, 255, f"{name} in {folder}"),
        _labelled(arrays[2][:, None], arrays[3], classes, 255, f"{name} in {folder}"),
    )


def _cifar_set(
    name: str,
    train: list[str],
    test: list[str],
    label_bytes: int,
    classes: Sequence[str],
    root: str | Path | None,
    progress: Progress | None,
) -> Split:
    (remote,) = REMOTES[name]
    unpacked = None if root is None else _unpacked(Path(root), train[0])
    if unpacked is not None:
        path, files = unpacked, {name: bytes(read_bytes(unpacked / name, MEMBER_LIMIT)) for name in train + test}
    else:
        path = fetch(remote, cache_folder() / name, progress) if root is None else _local(Path(root), remote.name)
        files = read_archive(path, train + test)

    def make(members: list[str]) -> TensorDataset:
        parts = [parse_cifar(files[m], label_bytes, len(classes), f"{m} in {path}") for m in members]
        return _labelled(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]), classes, 255, str(path))

    return Split(make(train), make(test))


def _unpacked(root: Path, first: str) -> Path | None:
    """Return the folder with the unpacked files of CIFAR, of which ``first`` is one: the root, or the one within that the archive makes."""
    return next((folder for folder in (root, *sorted(root.glob("cifar-*"))) if (folder / first).is_file()), None)


def _local(folder: Path, name: str) -> Path:
    """Return the path of a file that the user has, compressed or not."""
    found = [path for path in (folder / name, folder / name.removesuffix(".gz")) if path.is_file()]
    if not found:
        raise DataError(f"there is no {name} in {folder}")
    return found[0]


def _labelled(images: Array, labels: Array, classes: Sequence[str], largest: int, source: str) -> TensorDataset:
    """Return images scaled to [0, 1] with their labels, after making sure that they belong together."""
    if images.dtype != np.uint8 or labels.ndim != 1 or len(images) != len(labels) or not len(images):
        shapes = f"{images.dtype} images of shape {images.shape} and labels of shape {labels.shape}"
        raise DataError(f"{source}: {shapes} do not belong together")
    wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if wrong.size:
        raise DataError(f"{source}: label {labels[wrong[0]]} at position {wrong[0]} is outside the {len(classes)} classes")
    return TensorDataset(images.astype(np.float32) / np.float32(largest), labels.astype(np.int64), classes=classes)
