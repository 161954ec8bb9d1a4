"""Python for the browser, as a lock: each file of a version of Pyodide with its SHA-256 and where it can be had.

A lock (``runtimes/*.json``) is made from Pyodide's own by ``web/lock_runtime.py``. Neither Pyodide nor NumPy is part of minigrad:
`gather` brings the files together, from whichever source answers, and refuses every file that has another hash.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from minigrad.data.download import cache_folder
from minigrad.writing import write_atomically

DEFAULT = "0.27.7"  #: the version that minigrad's own tests run
TIMEOUT = 30.0  #: seconds without an answer after which the next source is tried
TOLD = Callable[[str], None]


class PlaygroundError(Exception):
    """The playground cannot be built or served; the message says why, and what to do."""


@dataclass(frozen=True)
class Source:
    """Where a file can be had: at an address, or as a member of a package that npm or pip gets."""

    kind: str  #: url, npm or pip
    of: str  #: the address of a folder, or the package with its version
    member: str = ""  #: the path within the package


@dataclass(frozen=True)
class RuntimeFile:
    """One file of a runtime."""

    name: str
    sha256: str
    licence: str  #: as an SPDX identifier
    sources: tuple[Source, ...]

    def is_right(self, content: bytes) -> bool:
        """Whether this is what the file must hold."""
        return hashlib.sha256(content).hexdigest() == self.sha256


@dataclass(frozen=True)
class Runtime:
    """A version of Pyodide: its files, and what is loaded before minigrad."""

    version: str
    python: str
    numpy: str
    tested: bool  #: whether minigrad's own tests run it
    packages: tuple[str, ...]  #: which Pyodide loads, by name
    wheels: tuple[str, ...]  #: which are unpacked
    files: tuple[RuntimeFile, ...] = field(repr=False)


def versions() -> list[str]:
    """Return the versions for which there is a lock."""
    return sorted(path.name.removesuffix(".json") for path in _locks().iterdir() if path.name.endswith(".json"))


def read_lock(version: str = DEFAULT) -> Runtime:
    """Return the lock of a version.

    Raises
    ------
    PlaygroundError
        If there is none.
    """
    if version not in versions():
        raise PlaygroundError(f"there is no lock for the runtime {version}; there is one for {' and '.join(versions())}")
    lock: dict[str, Any] = json.loads((_locks() / f"{version}.json").read_text(encoding="utf-8"))
    files_of = [RuntimeFile(f["name"], f["sha256"], f["licence"], tuple(Source(**s) for s in f["sources"])) for f in lock["files"]]
    lists: dict[str, Any] = {"files": tuple(files_of), "packages": tuple(lock["packages"]), "wheels": tuple(lock["wheels"])}
    return Runtime(**{**lock, **lists})


def _locks() -> Any:
    return files("minigrad.playground") / "runtimes"


def gather(runtime: Runtime, folder: Path, given: Path | None = None, told: TOLD = lambda line: None) -> None:
    """Bring all files of a runtime into a folder.

    Parameters
    ----------
    runtime
        What `read_lock` returns.
    folder
        Where to. Files that are there and right are kept.
    given
        A folder in which the files lie already; then nothing is fetched.
    told
        Called with a line whenever something is fetched.

    Raises
    ------
    PlaygroundError
        If a file cannot be had with the right hash.
    """
    with _Sources(told) as sources:
        for file in runtime.files:
            path = folder / file.name
            if not (path.is_file() and file.is_right(path.read_bytes())):
                content = _given(file, given) if given is not None else sources.content(file)
                folder.mkdir(parents=True, exist_ok=True)
                write_atomically(path, content)


def _given(file: RuntimeFile, folder: Path) -> bytes:
    try:
        content = (folder / file.name).read_bytes()
    except OSError as error:
        raise PlaygroundError(f"{folder / file.name} cannot be read: {error.strerror}") from None
    if not file.is_right(content):
        raise PlaygroundError(f"{folder / file.name} is another file than the lock names: its SHA-256 is not {file.sha256}")
    return content


class _Sources:
    """Sources, each asked once: what one of them brought serves for other files, and one that failed is not asked again."""

    def __init__(self, told: TOLD) -> None:
        self.told = told
        self.failed: dict[tuple[str, str], str] = {}
        self.packages: dict[tuple[str, str], Path] = {}
        self.cache = cache_folder() / "playground"

    def __enter__(self) -> _Sources:
        self.folder = tempfile.TemporaryDirectory(prefix="minigrad-playground-")
        return self

    def __exit__(self, *error: object) -> None:
        self.folder.cleanup()

    def content(self, file: RuntimeFile) -> bytes:
        """Return what a file must hold, from the cache or the first source that has it."""
        kept = self.cache / file.sha256
        with suppress(OSError):
            content = kept.read_bytes()
            if file.is_right(content):
                return content
        why = []
        for source in file.sources:
            try:
                content = self._from(source, file)
            except PlaygroundError as error:
                why.append(str(error))
                continue
            if file.is_right(content):
                with suppress(OSError):  # without a cache it is fetched each time
                    self.cache.mkdir(parents=True, exist_ok=True)
                    write_atomically(kept, content)
                return content
            why.append(f"{source.of} has a file with another hash")
        raise PlaygroundError(
            f"{file.name} cannot be had: {'; '.join(why)}. Put the files of the runtime into a folder, and name it with --from"
        )

    def _from(self, source: Source, file: RuntimeFile) -> bytes:
        key = (source.kind, source.of)
        if key in self.failed:
            raise PlaygroundError(self.failed[key])
        try:
            return self._fetched(source, file) if source.kind == "url" else self._member(source, key)
        except PlaygroundError as error:
            self.failed[key] = str(error)
            raise

    def _fetched(self, source: Source, file: RuntimeFile) -> bytes:
        self.told(f"{file.name} from {source.of}")
        try:
            with urllib.request.urlopen(source.of + file.name, timeout=TIMEOUT) as answer:
                content: bytes = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise PlaygroundError(f"{source.of} gives nothing ({getattr(error, 'reason', error) or type(error).__name__})") from None
        return content

    def _member(self, source: Source, key: tuple[str, str]) -> bytes:
        if key not in self.packages:
            self.told(f"the package {source.of} by {source.kind}")
            self.packages[key] = _package(source, Path(self.folder.name))
        if not source.member:
            return self.packages[key].read_bytes()
        with _opened(self.packages[key]) as read:
            try:
                return read(source.member)
            except KeyError:
                raise PlaygroundError(f"{source.of} has no {source.member}") from None


def _package(source: Source, folder: Path) -> Path:
    """Get a package by its ordinary client, and return its file."""
    to = Path(tempfile.mkdtemp(dir=folder))
    own = [sys.executable, "-m", "pip"] if find_spec("pip") else [shutil.which("pip") or "pip"]  # an environment may have none
    pip = [*own, "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(to), source.of]
    npm = [shutil.which("npm") or "npm", "pack", "--silent", "--pack-destination", str(to), source.of]
    try:
        done = subprocess.run(pip if source.kind == "pip" else npm, capture_output=True, text=True, cwd=to, check=False)
    except OSError as error:
        raise PlaygroundError(f"{source.kind} cannot be run ({error.strerror})") from None
    found = [path for path in to.iterdir() if path.is_file()]
    if done.returncode or len(found) != 1:
        last = (done.stderr.strip().splitlines() or ["it gave no file"])[-1]
        raise PlaygroundError(f"{source.kind} has no {source.of} ({last})")
    return found[0]


@contextmanager
def _opened(archive: Path) -> Iterator[Callable[[str], bytes]]:
    """Open a package, a zip or a tar, to read members."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            yield wheel.read
        return
    with tarfile.open(archive) as tar:

        def read(name: str) -> bytes:
            member = tar.extractfile(name)
            assert member is not None
            return member.read()

        yield read
