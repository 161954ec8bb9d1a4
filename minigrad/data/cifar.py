"""CIFAR-10 and CIFAR-100 in their binary form, read from the archive without unpacking it.

A record is a label byte (CIFAR-100: the coarse and the fine label) and 3 * 32 * 32 bytes: red, green and blue planes.
(Krizhevsky: "Learning multiple layers of features from tiny images", 2009.) The other form of the data set is a pickle,
which would run code that it contains, and is not read.
"""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.data.files import DataError

PIXELS = 3 * 32 * 32
MEMBER_LIMIT = 50_000 * (PIXELS + 2)  #: bytes of the largest file in either archive

Arrays = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def parse_cifar(content: bytes, label_bytes: int, classes: int, source: str) -> Arrays:
    """Return images (n, 3, 32, 32) of uint8 and labels (n,) of int64 from records; the last label byte counts."""
    record = label_bytes + PIXELS
    if not content or len(content) % record:
        raise DataError(f"{source} has {len(content)} bytes, which is no whole number of records of {record}; get it again")
    records = np.frombuffer(content, np.uint8).reshape(-1, record)
    labels = records[:, label_bytes - 1].astype(np.int64)
    if labels.max() >= classes:
        raise DataError(f"{source} has the label {labels.max()} at record {labels.argmax()}; there are {classes} classes")
    return records[:, label_bytes:].reshape(-1, 3, 32, 32), labels


def read_archive(path: str | Path, members: list[str], limit: int = MEMBER_LIMIT) -> dict[str, bytes]:
    """Return the content of the named files of a ``.tar.gz``; nothing is unpacked to the disk.

    Raises
    ------
    DataError
        If the archive is missing or damaged, lacks a file, has a path that leads outside, or a file above ``limit`` bytes.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                parts = Path(member.name).parts
                if member.name.startswith("/") or ".." in parts:
                    raise DataError(f"{path} has a file with the path {member.name!r}, which leads outside; it is not what it should be")
                if not parts or parts[-1] not in members or not member.isfile():
                    continue
                if member.size > limit:
                    raise DataError(f"{path}: {member.name} has {member.size} bytes, more than the {limit} that it may have")
                file = archive.extractfile(member)
                assert file is not None  # it is a regular file
                found[parts[-1]] = file.read()
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged or cut off ({error}); get it again") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    missing = [name for name in members if name not in found]
    if missing:
        raise DataError(f"{path} does not hold {missing[0]}; it is not the binary version of the data set")
    return found
