"""Writing a file, with one sentence where that cannot be done."""

from __future__ import annotations

from pathlib import Path


def write_text(path: str | Path, text: str) -> Path:
    """Write a text file, and return its path.

    Raises
    ------
    OSError
        Of the kind that Python raised, saying which file could not be written and why.
    """
    path = Path(path)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise type(error)(f"cannot write {path}: {error.strerror or error}") from None
    return path
