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

from minigrad import _system
from minigrad.data.files import DataError

CHUNK = 2**16
Progress = Callable[[str, int, int | None], None]
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


def fetch(remote: Remote, folder: Path, progress: Progress | None = None) -> Path:
    """Return the path of a file in ``folder``, after downloading it if it is not there or not right.

    While another process downloads the same file, it is waited for.

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
    try:
        if path.exists() and remote.is_right(path):
            return path
        folder.mkdir(parents=True, exist_ok=True)
        with _system.locked(folder / (remote.name + ".part")):
            return _fetch(remote, path, progress)
    except OSError as error:
        raise DataError(
            f"{remote.name} cannot be kept in {folder} ({error.strerror or error}); set MINIGRAD_CACHE to a folder that can be written"
        ) from None


def _fetch(remote: Remote, path: Path, progress: Progress | None) -> Path:
    """Download a file, in a process that alone may write its part."""
    part = path.with_name(remote.name + ".part")
    if path.exists() and remote.is_right(path):  # another process got it while this one waited
        part.unlink()
        return path
    failures = []
    for mirror in remote.mirrors:
        for _ in range(2 if part.stat().st_size else 1):  # what was continued may have been wrong: then once more, from its start
            failure = _transfer(mirror + remote.name, part, remote.limit, progress)
            if failure is not None or remote.is_right(part):
                break
            failure = "its checksum is wrong"
            os.truncate(part, 0)
        if failure is None:
            os.replace(part, path)
            return path
        failures.append(f"{mirror}: {failure}")
    if not part.stat().st_size:
        part.unlink()
    raise DataError(
        f"{remote.name} could not be downloaded ({'; '.join(failures)}); put the file into {path.parent} by hand, or try again later"
    )


def _transfer(url: str, part: Path, limit: int, progress: Progress | None) -> str | None:
    """Download to ``part``, continuing what is there. Returns what went wrong, or None."""
    have = part.stat().st_size
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
                os.truncate(part, 0)
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
