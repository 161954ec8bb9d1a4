"""Compiling C source into a library that is loaded, and kept for the next time.

Libraries are kept in the user's cache folder under a hash of the source, the compiler with its flags, and the machine. The folder
belongs to the user alone; what is loaded is checked to do so, too. A library is written under another name and then renamed, so
that nobody loads half of one. No shell is involved, and nothing of the source but numbers, types and names that were cleaned
(`minigrad.replay.c_source.cleaned`) comes from outside.

``MINIGRAD_CC`` names another compiler; set to nothing, it switches compiling off.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from minigrad._system import check_private

FLAGS = ["-O2", "-march=native", "-std=gnu11", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fopenmp-simd", "-w"]
LIBRARIES = [["-lmvec", "-lm"], ["-lm"]]  #: with vectorised functions where there are any, or without
SECONDS = 120  #: that a compiler may take
MOST_BYTES = 64 << 20  #: of libraries that are kept


class NoCompilerError(RuntimeError):
    """There is no compiler, or it does not work; the message says why."""


def library(source: str) -> ctypes.PyDLL:
    """Return the library of a C source, compiled now or before.

    Raises
    ------
    NoCompilerError
        If it cannot be compiled, stored or loaded.
    """
    command = compiler()
    try:
        folder = cache_folder()
        path = folder / f"{_key(source, command)}.so"
        if path.exists():
            with suppress(OSError):  # it is spoilt: what is compiled takes its place
                return _loaded(path)
        _compile(command, source, path)
        _bound(folder, path)
        return _loaded(path)
    except (OSError, subprocess.SubprocessError) as error:
        raise NoCompilerError(f"C cannot be compiled here ({type(error).__name__}: {error})") from error


def compiler() -> tuple[str, ...]:
    """Return the command of the C compiler.

    Raises
    ------
    NoCompilerError
        If there is none, or MINIGRAD_CC switches it off.
    """
    name = os.environ.get("MINIGRAD_CC", "cc")
    words = shlex.split(name)
    if not words:
        raise NoCompilerError("the C compiler is switched off (MINIGRAD_CC is set to nothing)")
    found = shutil.which(words[0])
    if found is None:
        raise NoCompilerError(f"there is no C compiler: {words[0]!r} was not found")
    return (found, *words[1:])


def cache_folder() -> Path:
    """Return the folder of compiled libraries, made if need be: the user's, and closed to others."""
    base = os.environ.get("MINIGRAD_CACHE") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(base).expanduser() / "minigrad" / "c"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_private(folder)
    return folder


def _loaded(path: Path) -> ctypes.PyDLL:
    check_private(path)
    return ctypes.PyDLL(str(path))


def _compile(command: tuple[str, ...], source: str, path: Path) -> None:
    """Compile ``source`` into ``path``."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="new-") as place:
        text, result = Path(place) / "step.c", Path(place) / "step.so"
        text.write_text(source)
        for libraries in LIBRARIES:
            plain = [] if "-lmvec" in libraries else ["-DNO_VECTOR_MATH"]
            words = [*command, *FLAGS, *plain, "-shared", "-fPIC", str(text), "-o", str(result), *libraries]
            done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
            if done.returncode == 0:
                os.chmod(result, 0o700)
                os.replace(result, path)
                return
        said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[0]
        raise OSError(f"{command[0]} failed: {said}")


def _bound(folder: Path, newest: Path) -> None:
    """Delete the libraries that were not used for the longest time, beyond what is kept."""
    files = sorted(folder.glob("*.so"), key=lambda file: file.stat().st_mtime, reverse=True)
    total = 0
    for file in files:
        total += file.stat().st_size
        if total > MOST_BYTES and file != newest:
            file.unlink(missing_ok=True)


def _key(source: str, command: tuple[str, ...]) -> str:
    parts = [source, *command, *FLAGS, _version(command), _machine()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@functools.cache
def _version(command: tuple[str, ...]) -> str:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=SECONDS, check=False)
    return done.stdout


@functools.cache
def _machine() -> str:
    """Describe what ``-march=native`` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    known = {line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))}
    return " ".join([platform.machine(), platform.system(), *sorted(known)])
