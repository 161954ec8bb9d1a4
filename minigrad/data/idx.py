"""IDX, the format of MNIST: two zero bytes, a type, the number of axes, their lengths, and the elements, big-endian."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.data.files import LIMIT, DataError, read_bytes

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | Path, limit: int = LIMIT) -> np.ndarray[Any, Any]:
    """Return the array in an IDX file, which may be compressed with gzip.

    Raises
    ------
    DataError
        If the file is missing, damaged, not IDX, or longer or shorter than it says.
    """
    content = read_bytes(path, limit)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in TYPES:
        raise DataError(f"{path} is not an IDX file: it begins with {content[:4].hex(' ') or 'nothing'}")
    dtype, ndim = np.dtype(TYPES[content[2]]), content[3]
    start = 4 + 4 * ndim
    if len(content) < start:
        raise DataError(f"{path} is cut off within its header")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", ndim, 4))
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise DataError(f"{path} has {len(content)} bytes, but {dtype.name} of shape {shape} needs {expected}; get it again")
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def write_idx(path: str | Path, array: np.ndarray[Any, Any]) -> None:
    """Write an array as IDX, compressed if the name ends in ``.gz``: the same array gives the same bytes."""
    code = next((code for code, kind in TYPES.items() if np.dtype(kind) == array.dtype.newbyteorder(">")), None)
    if code is None:
        raise DataError(f"IDX has no type for {array.dtype}; it has {', '.join(np.dtype(kind).name for kind in TYPES.values())}")
    header = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    content = header + np.asarray(array).astype(TYPES[code]).tobytes()  # NumPy scalars would forget the byte order
    Path(path).write_bytes(gzip.compress(content, 9, mtime=0) if str(path).endswith(".gz") else content)
