"""Reading data files without trusting them: every fault is a `DataError` of one sentence."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

LIMIT = 2**31  #: bytes that a file may have once decompressed, unless a reader knows better


class DataError(ValueError):
    """A data file is missing, damaged or not what it should be."""


@contextmanager
def opened(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for reading, decompressed if it is gzip, and turn what goes wrong with it into a `DataError`."""
    try:
        with open(path, "rb") as file:
            magic = file.read(2)
            file.seek(0)
            yield cast(BinaryIO, gzip.GzipFile(fileobj=file)) if magic == b"\x1f\x8b" else file
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged or cut off ({error}); get it again") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None


def read_bytes(path: str | Path, limit: int = LIMIT) -> bytearray:
    """Return the content of a file, decompressed if it is gzip.

    Raises
    ------
    DataError
        If it cannot be read, is cut off or damaged, or has more than ``limit`` bytes (decompressed: a small file may
        claim to hold a large one).
    """
    with opened(path) as source:
        content = read_up_to(source, limit + 1)
    if len(content) > limit:
        raise DataError(f"{path} holds more than the {limit} bytes that it may have")
    return content


def read_up_to(source: BinaryIO, most: int) -> bytearray:
    """Read at most so many bytes, in pieces, so that memory grows with what is there and not with what is claimed."""
    content = bytearray()
    while piece := source.read(min(2**20, most - len(content))):
        content += piece
    return content
