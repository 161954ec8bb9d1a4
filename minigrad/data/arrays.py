"""Arrays in files of NumPy (``.npy``, ``.npz``) and in pairs of IDX files, any sizes, as data sets.

A NumPy file may hold pickled objects, which run code when they are read; such a file is refused.
"""

from __future__ import annotations

import io
import math
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.data.dataset import TensorDataset
from minigrad.data.files import LIMIT, DataError, read_bytes, read_up_to
from minigrad.data.idx import read_idx
from minigrad.data.labels import REGRESSION, check_task, name_classes

INPUTS = ("x", "images", "data", "features", "inputs", "x_train", "train_images", "arr_0")  #: usual names, in lower case
TARGETS = ("y", "labels", "label", "target", "targets", "y_train", "train_labels", "arr_1")


def read_npz(path: str | Path, limit: int = LIMIT) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays in a file of NumPy by name: those of an ``.npz``, or the one of an ``.npy``, which is called ``arr_0``.

    Raises
    ------
    DataError
        If the file is missing or damaged, holds pickled objects, or arrays of more than ``limit`` bytes.
    """
    content = bytes(read_bytes(path, limit))
    if content[:6] == b"\x93NUMPY":
        return {"arr_0": _array(content, str(path))}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            total = sum(member.file_size for member in members)
            if total > limit:
                raise DataError(f"{path} holds {total} bytes, more than the {limit} that it may have")
            arrays = {}
            for member in members:
                with archive.open(member) as file:
                    found = read_up_to(file, member.file_size + 1)  # type: ignore[arg-type]  # it is read from alone
                name = member.filename.removesuffix(".npy")
                arrays[name] = _array(bytes(found), f"{name} in {path}")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path} is no .npz or .npy file, or it is damaged ({error})") from None
    if not arrays:
        raise DataError(f"{path} holds no arrays")
    return arrays


def from_npz(path: str | Path, x: str | None = None, y: str | None = None, *, task: str | None = None) -> TensorDataset:
    """Read a data set from a file of NumPy.

    Parameters
    ----------
    path
        An ``.npz`` or ``.npy`` file. Pickled objects are refused.
    x, y
        Names of the arrays with the items and with what is to be learned. By default those with the usual names: x and y, images and
        labels, data and target, x_train and y_train, arr_0 and arr_1. A file without the latter gives items alone.
    task
        ``"classification"`` or ``"regression"``; by default integers and text are classes.

    Returns
    -------
    TensorDataset
        Items as float32: images of bytes, (n, height, width), (n, height, width, 3) or (n, channels, height, width), become
        (n, channels, height, width) from 0 to 1, other arrays stay as they are. Then classes, int64 of shape (n,), or numbers, float32
        of shape (n, outputs).

    Raises
    ------
    DataError
        If the arrays are not there, do not belong together, or hold NaN or infinities.
    """
    items, target = pick(read_npz(path), x, y, str(path))
    return array_dataset(_scaled(items), target, task, str(path))


def from_idx(images: str | Path, labels: str | Path | None = None) -> TensorDataset:
    """Read a data set from IDX files: images of any size, and labels for any number of classes.

    Images of bytes, (n, height, width) or (n, channels, height, width), become float32 of shape (n, channels, height, width) from 0 to 1;
    labels int64. Classes are called by the labels in the file.

    Raises
    ------
    DataError
        If a file is missing or damaged, or the two do not belong together.
    """
    target = None if labels is None else read_idx(labels)
    return array_dataset(_scaled(read_idx(images)), target, None, str(images))


def pick(
    arrays: dict[str, np.ndarray[Any, Any]], x: str | None, y: str | None, source: str
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]:
    """Return the arrays with items and targets, by the names given or the usual ones."""
    for name in (x, y):
        if name is not None and name not in arrays:
            raise DataError(f"{source} has no array {name!r}; it has {', '.join(sorted(arrays))}")
    by_lower = {name.lower(): name for name in arrays}
    x = x if x is not None else next((by_lower[name] for name in INPUTS if name in by_lower and by_lower[name] != y), None)
    if x is None:
        raise DataError(f"{source} has the arrays {', '.join(sorted(arrays))}; say which holds the items: call it x")
    y = y if y is not None else next((by_lower[name] for name in TARGETS if name in by_lower and by_lower[name] != x), None)
    return arrays[x], None if y is None else arrays[y]


def array_dataset(
    items: np.ndarray[Any, Any], target: np.ndarray[Any, Any] | None, task: str | None, source: str, columns: tuple[str, ...] = ()
) -> TensorDataset:
    """Return items and targets as a data set, after making sure that they are finite numbers and belong together."""
    check_task(task)
    x = as_items(items, source)
    if target is None:
        return TensorDataset(x, columns=columns)
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if len(target) != len(x) or not target.ndim:
        raise DataError(f"{source}: items of shape {items.shape} and targets of shape {target.shape} do not belong together")
    if task == REGRESSION or (task is None and target.dtype.kind == "f"):
        y = _finite(target, source, "target")
        return TensorDataset(x, y.reshape(len(y), -1), columns=columns)
    if target.ndim != 1:
        raise DataError(f"{source}: classes must have shape ({len(x)},), not {target.shape}")
    whole = target.dtype.kind == "f" and bool((target == np.floor(target)).all())
    labels, classes = name_classes(target.astype(np.int64) if whole else target)
    return TensorDataset(x, labels, classes=classes, columns=columns)


def as_items(array: np.ndarray[Any, Any], source: str) -> np.ndarray[Any, Any]:
    """Return items as finite float32, images with their channels before height and width."""
    if array.ndim < 2 or not array.size:
        raise DataError(f"{source} has an array of shape {array.shape}; items have a first axis of their own, and something in them")
    x = _finite(array, source, "item")
    if x.ndim == 3:
        return x[:, None]
    if x.ndim == 4 and x.shape[-1] in (1, 3) and x.shape[1] not in (1, 3):
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return x


def _finite(array: np.ndarray[Any, Any], source: str, what: str) -> np.ndarray[Any, Any]:
    if array.dtype.kind not in "biuf":
        raise DataError(f"{source} has {what}s of type {array.dtype}, which are no numbers")
    with np.errstate(over="ignore"):
        numbers = array.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1))
    if bad.size:
        raise DataError(f"{source}: {what} {bad[0]} holds NaN, or numbers that are not finite in float32")
    return numbers


def _scaled(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return images.astype(np.float32) / np.float32(255) if images.dtype == np.uint8 and images.ndim > 2 else images


def _array(content: bytes, source: str) -> np.ndarray[Any, Any]:
    """Return the array in the content of an ``.npy`` file, whose size is compared with what is there before memory is taken."""
    file = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files that Python 2 wrote
            version = np.lib.format.read_magic(file)
            read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read_header(file)
    except Exception as error:  # whatever NumPy's parser of the header says
        raise DataError(f"{source} is no array of NumPy ({str(error).splitlines()[0]})") from None
    if dtype.hasobject:
        raise DataError(f"{source} holds pickled objects, which could run code; save an array of numbers or text in its place")
    expected, there = math.prod(shape) * dtype.itemsize, len(content) - file.tell()
    if expected != there or min(shape, default=0) < 0:
        raise DataError(f"{source} needs {expected} bytes for {dtype} of shape {shape} and has {there}; get it again")
    flat = np.frombuffer(content, dtype, offset=file.tell()) if expected else np.empty(0, dtype)
    try:
        return flat.reshape(shape, order="F" if fortran else "C")
    except ValueError:
        raise DataError(f"{source} says that its shape is {shape}, which no array can have") from None
