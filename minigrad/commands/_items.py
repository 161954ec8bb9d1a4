"""Items in files, as the model of a run takes them; what cannot belong to it is refused, with its file and line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.data import DataError, from_npz, read_idx, read_images, read_npz
from minigrad.data.arrays import as_items, pick
from minigrad.data.files import read_bytes
from minigrad.data.pictures import SUFFIXES, pictures_in
from minigrad.data.tables import read_table
from minigrad.training.own_data import ARRAYS, TABLES, find_outside, normalized
from minigrad.training.tasks import Config

Array = np.ndarray[Any, Any]


def read_items(files: Sequence[str], config: Config) -> tuple[list[str], Array]:
    """Return the names of the items in files and folders, and the items."""
    names: list[str] = []
    arrays = []
    for file in files:
        found, x = _read(file, config)
        if x.shape[1:] != tuple(config["shape"]):
            raise DataError(f"{found[0]} has an item of shape {x.shape[1:]}; this model takes items of shape {tuple(config['shape'])}")
        outside = find_outside(x, config) if "inputs" in config else None
        if outside is not None:
            item, k, value = outside
            low, high = (config["inputs"][end][k] for end in ("low", "high"))
            where = f"column {config['columns'][k]!r}" if config.get("columns") else f"channel {k}" if x.ndim == 4 else f"value {k}"
            raise DataError(f"{found[item]}: {where} has {value:g}; this model learned from values from {low:g} to {high:g}")
        names += found
        arrays.append(normalized(x, config["inputs"]) if "inputs" in config else x)
    return names, np.concatenate(arrays)


def _read(file: str, config: Config) -> tuple[list[str], Array]:
    """Return the items in one file or folder: those of one's own data as they stand there, those of a data set from 0 to 1."""
    own, shape, name = "inputs" in config, tuple(config["shape"]), file.lower().removesuffix(".gz")
    if len(shape) == 3 and (name.endswith(SUFFIXES) or Path(file).is_dir()):
        paths = [Path(file)] if not Path(file).is_dir() else pictures_in(Path(file))
        if not paths:
            raise DataError(f"{file} has no pictures")
        size = (shape[1], shape[2]) if config.get("size") else None
        images = read_images(paths, size, shape[0] if shape[0] in (1, 3) else None).astype(np.float32)
        return [str(path) for path in paths], images if own else images / np.float32(255)
    if config.get("columns") and name.endswith(TABLES):
        table = read_table(file)
        return [f"{file}, line {line}" for line in table.lines], table.numbers(config["columns"])
    if name.endswith(ARRAYS):
        x = as_items(pick(read_npz(file), None, None, file)[0], file) if own else from_npz(file).arrays[0]
        if not own and len(shape) == 3 and (x.min() < 0 or x.max() > 1):
            raise DataError(f"{file} has values from {x.min():g} to {x.max():g}; this model learned from images with values from 0 to 1")
        return _numbered(file, x)
    if len(shape) == 1 and not own:
        return _numbered(file, _read_points(file, shape[0]))
    return _numbered(file, as_items(read_idx(file), file) if own else _read_idx_images(file, config))


def _numbered(file: str, x: Array) -> tuple[list[str], Array]:
    return [f"{file}, item {k}" for k in range(len(x))], x


def _read_idx_images(file: str, config: Config) -> Array:
    """Return the images in an IDX file: any number, of the size that the model learned from."""
    shape = tuple(config["shape"])
    images = read_idx(file)
    if images.ndim == 3 and shape[0] == 1:
        images = images[:, None]
    if images.shape[1:] != shape or images.dtype != np.uint8 or not len(images):
        expected = ", ".join(map(str, shape[1:] if shape[0] == 1 else shape))
        raise DataError(f"{file} has {images.dtype} of shape {images.shape}; this model takes uint8 images of shape (n, {expected})")
    largest = 16 if config["dataset"] == "digits" else 255
    if images.max() > largest:
        raise DataError(f"{file} has values up to {images.max()}; this model learned from images with values from 0 to {largest}")
    return images.astype(np.float32) / np.float32(largest)


def _read_points(file: str, count: int) -> np.ndarray[Any, Any]:
    """Return the points in a text file, ``count`` finite numbers in each line, with spaces or commas between them."""
    points = []
    for number, line in enumerate(read_bytes(file, 2**24).decode("utf-8-sig", errors="replace").splitlines(), 1):
        words = line.replace(",", " ").split()
        try:
            point = [float(word) for word in words]
        except ValueError:
            point = []
        if words and (len(point) != count or not all(map(math.isfinite, point))):
            raise DataError(f"{file}, line {number}: {line.strip()[:60]!r} is not {count} finite numbers")
        points += [point] if words else []
    if not points:
        raise DataError(f"{file} must have lines of {count} numbers each, and has none")
    return np.array(points, np.float32)
