"""Getting data files: from several mirrors, checked, continued where a transfer broke off, and kept in a cache folder."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from minigrad.data.files import DataError

CHUNK = 2**16
TIMEOUT = 30.0  #: seconds without an answer after which the next mirror is tried


@dataclass(frozen=True)
class Remote:
    """A file that can be downloaded: where from, and how to know that it is right."""

    name: str
    mirrors: tuple[str, ...]  #: addresses of folders, each ending in a slash
    sha256: str = ""
    md5: str = ""
    limit: int = 2**30  #: bytes beyond which a transfer is stopped

    def is_right(self, path: Path) -> bool:
        """Whether the file at ``path`` has the checksum."""
        algorithm, expected = ("sha256", self.sha256) if self.sha256 else ("md5", self.md5)
        with open(path, "rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest() == expected


def cache_folder() -> Path:
    """Return the folder for downloaded files: MINIGRAD_CACHE, or minigrad in the user's cache folder."""
    chosen = os.environ.get("MINIGRAD_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minigrad"


def fetch(remote: Remote, folder: Path, progress: Callable[[str, int, int | None], None] | None = None) -> Path:
    """Return the path of a file in ``folder``, after downloading it if it is not there or not right.

    Parameters
    ----------
    progress
        Called as ``progress(name, bytes so far, bytes in all or None)``.

    Raises
    ------
    DataError
        If no mirror gives the right file, or the folder cannot be written; it says what each mirror did.
    """
    path = folder / remote.name
    part = folder / (remote.name + ".part")
    failures: list[str] = []
    try:
        if path.exists() and remote.is_right(path):
            return path
        folder.mkdir(parents=True, exist_ok=True)
        for mirror in remote.mirrors:
            for _ in range(2 if part.exists() else 1):  # what was continued may have been wrong: then once more, from its start
                failure = _transfer(mirror + remote.name, part, remote.limit, progress)
                if failure is not None or remote.is_right(part):
                    break
                failure = "its checksum is wrong"
                part.unlink()
            if failure is None:
                os.replace(part, path)
                return path
            failures.append(f"{mirror}: {failure}")
    except OSError as error:
        raise DataError(
            f"{remote.name} cannot be kept in {folder} ({error.strerror or error}); set MINIGRAD_CACHE to a folder that can be written"
        ) from None
    reasons = "; ".join(failures)
    raise DataError(f"{remote.name} could not be downloaded ({reasons}); put the file into {folder} by hand, or try again later")


def _transfer(url: str, part: Path, limit: int, progress: Callable[[str, int, int | None], None] | None) -> str | None:
    """Download to ``part``, continuing what is there. Returns what went wrong, or None."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "minigrad", **({"Range": f"bytes={have}-"} if have else {})})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            if answer.status != 206:
                have = 0  # the server sends the whole file
            length = answer.headers.get("Content-Length")
            total = have + int(length) if length is not None else None
            if total is not None and total > limit:
                return f"the file has {total} bytes, more than the {limit} that it may have"
            with open(part, "ab" if have else "wb") as file:
                while chunk := answer.read(CHUNK):
                    have += len(chunk)
                    if have > limit:
                        break
                    file.write(chunk)
                    if progress is not None:
                        progress(part.name.removesuffix(".part"), have, total)
            if have > limit:
                part.unlink()
                return f"the file has more than the {limit} bytes that it may have"
            if total is not None and have < total:
                return f"the transfer broke off after {have} of {total} bytes"
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is left to send: what is there is the whole file, or not this one
            return None
        return f"error {error.code}"
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ValueError) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
    return None
