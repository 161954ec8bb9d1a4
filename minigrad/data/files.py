"""Reading data files without trusting them: every fault is a `DataError` of one sentence."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

LIMIT = 2**31  #: bytes that a file may have once decompressed, unless a reader knows better


class DataError(ValueError):
    """A data file is missing, damaged or not what it should be."""


def read_bytes(path: str | Path, limit: int = LIMIT) -> bytes:
    """Return the content of a file, decompressed if it is gzip.

    Raises
    ------
    DataError
        If it cannot be read, is cut off or damaged, or has more than ``limit`` bytes (decompressed: a small file may
        claim to hold a large one).
    """
    try:
        with open(path, "rb") as file:
            magic = file.read(2)
            file.seek(0)
            source = gzip.GzipFile(fileobj=file) if magic == b"\x1f\x8b" else file
            content = _read(source, limit)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged or cut off ({error}); get it again") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(content) > limit:
        raise DataError(f"{path} holds more than the {limit} bytes that it may have")
    return content


def _read(source: io.BufferedIOBase, limit: int) -> bytes:
    """Read at most ``limit`` + 1 bytes, in pieces, so that memory grows with what is there and not with what is claimed."""
    pieces, size = [], 0
    while size <= limit:
        piece = source.read(min(2**20, limit + 1 - size))
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)
