"""IDX, the format of MNIST: two zero bytes, a type, the number of axes, their lengths, and the elements, big-endian."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.data.files import LIMIT, DataError, opened, read_up_to

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_AXES = 64  #: of an array of NumPy


def read_idx(path: str | Path, limit: int = LIMIT) -> np.ndarray[Any, Any]:
    """Return the array in an IDX file, which may be compressed with gzip.

    Raises
    ------
    DataError
        If the file is missing, damaged, not IDX, or longer or shorter than it says.
    """
    with opened(path) as file:
        begin = read_up_to(file, 4)
        if len(begin) < 4 or begin[:2] != b"\0\0" or begin[2] not in TYPES:
            raise DataError(f"{path} is not an IDX file: it begins with {begin.hex(' ') or 'nothing'}")
        dtype, ndim = np.dtype(TYPES[begin[2]]), begin[3]
        if ndim > MOST_AXES:
            raise DataError(f"{path} says that it has {ndim} axes; an array has at most {MOST_AXES}")
        lengths = read_up_to(file, 4 * ndim)
        if len(lengths) < 4 * ndim:
            raise DataError(f"{path} is cut off within its header")
        shape = tuple(int(n) for n in np.frombuffer(lengths, ">u4"))
        expected = math.prod(shape) * dtype.itemsize
        if expected > limit:
            raise DataError(f"{path} needs {expected} bytes for {dtype.name} of shape {shape}, more than the {limit} that it may have")
        content = read_up_to(file, expected + 1)  # a small compressed file may hold a large one: no more than it says is read
    if len(content) != expected:
        more = "more" if len(content) > expected else f"only {len(content)}"
        raise DataError(f"{path} needs {expected} bytes for {dtype.name} of shape {shape} and has {more}; get it again")
    try:
        array = np.frombuffer(content, dtype).reshape(shape)
    except ValueError:  # no elements, of lengths whose product is beyond NumPy's integers
        raise DataError(f"{path} says that its shape is {shape}, which no array can have") from None
    return array.astype(dtype.newbyteorder("="), copy=False)


def write_idx(path: str | Path, array: np.ndarray[Any, Any]) -> None:
    """Write an array as IDX, compressed if the name ends in ``.gz``: the same array gives the same bytes."""
    code = next((code for code, kind in TYPES.items() if np.dtype(kind) == array.dtype.newbyteorder(">")), None)
    if code is None:
        raise DataError(f"IDX has no type for {array.dtype}; it has {', '.join(np.dtype(kind).name for kind in TYPES.values())}")
    header = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    content = header + np.asarray(array).astype(TYPES[code]).tobytes()  # NumPy scalars would forget the byte order
    Path(path).write_bytes(gzip.compress(content, 9, mtime=0) if str(path).endswith(".gz") else content)
