"""`build`: one folder with the page, Python for the browser, and minigrad; any static host can serve it."""

from __future__ import annotations

import ast
import io
import json
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import minigrad
from minigrad.playground.runtime import DEFAULT, TOLD, PlaygroundError, Runtime, gather, read_lock
from minigrad.writing import CheckpointError, write_atomically

CONFIG = "playground.json"  #: what the page reads first; whatever folder has it was built here
LEFT_OUT = {"__pycache__", "page", "runtimes"}  #: folders of the package that the page's Python has no use for
EPOCH = (1980, 1, 1, 0, 0, 0)  #: the time of every file in the zip, so that equal sources give equal bytes


def build(folder: Path, version: str = DEFAULT, given: Path | None = None, told: TOLD = lambda line: None) -> int:
    """Write the playground into a folder, and return how many bytes it has.

    Parameters
    ----------
    folder
        A new or empty folder, or one that was built before.
    version
        Which runtime, as `minigrad.playground.runtime.versions` lists them.
    given
        A folder in which the files of the runtime lie already; then nothing is fetched.
    told
        Called with a line whenever something is fetched.

    Raises
    ------
    PlaygroundError
        If the folder holds something else or cannot be written, or a file of the runtime cannot be had.
    """
    runtime = read_lock(version)
    if folder.exists() and not (folder.is_dir() and _is_ours(folder)):
        raise PlaygroundError(f"{folder} is there already, and no playground: choose a new folder")
    try:
        gather(runtime, folder / _place(runtime), given, told)
        for name, content in _page(runtime, folder).items():
            write_atomically(folder / name, content)
    except (OSError, CheckpointError) as error:
        raise PlaygroundError(f"{folder} cannot be written: {error}") from None
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _is_ours(folder: Path) -> bool:
    """Whether a folder was built here, or begun, or is empty."""
    return (folder / CONFIG).is_file() or all(path.name.startswith("runtime-") for path in folder.iterdir())


def _place(runtime: Runtime) -> str:
    """The folder of the runtime: named by its version, so that a browser may keep what is in it for good."""
    return f"runtime-{runtime.version}"


def _page(runtime: Runtime, folder: Path) -> dict[str, bytes]:
    """Everything but the runtime, by name; what says that the folder is whole comes last."""
    page = files("minigrad.playground") / "page"
    content = {entry.name: entry.read_bytes() for entry in page.iterdir()}
    content["explorer.js"] = (files("minigrad.explore") / "explorer.js").read_bytes()
    content["minigrad.zip"] = _package()
    content["LICENSES.txt"] += _licences(runtime, folder / _place(runtime)).encode()
    config = {
        "minigrad": minigrad.__version__, "runtime": _place(runtime), "version": runtime.version, "python": runtime.python,
        "numpy": runtime.numpy, "tested": runtime.tested, "packages": runtime.packages, "wheels": runtime.wheels, "examples": examples(),
    }  # fmt: skip
    content[CONFIG] = json.dumps(config, indent=1).encode()
    return content


def examples() -> list[dict[str, str]]:
    """Return the examples of the page, in order: name, title, text."""
    found = sorted((e for e in (files("minigrad.playground") / "examples").iterdir() if e.name.endswith(".py")), key=lambda e: e.name)
    texts = {entry.name.removesuffix(".py").partition("_")[2]: entry.read_text(encoding="utf-8") for entry in found}
    titles = {name: (ast.get_docstring(ast.parse(text)) or name).partition("\n")[0] for name, text in texts.items()}
    return [{"name": name, "title": titles[name].rstrip("."), "text": text} for name, text in texts.items()]


def _package() -> bytes:
    """minigrad, zipped: unchanged, but without what it only needs to build a playground."""
    root, packed = Path(minigrad.__file__).parent, io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(_sources(root)):
            name = f"minigrad/{path.relative_to(root).as_posix()}"
            archive.writestr(zipfile.ZipInfo(name, EPOCH), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _sources(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file() and not LEFT_OUT & set(path.relative_to(root).parts))


def _licences(runtime: Runtime, folder: Path) -> str:
    """What the built folder says about the files of the runtime: the licence of each, and the texts that its wheels carry.

    Raises
    ------
    PlaygroundError
        If a wheel carries none.
    """
    lines = [
        f"\n\n{'=' * 100}\nPyodide {runtime.version}: Python {runtime.python} for the browser, unchanged. Its source is at",
        f"https://github.com/pyodide/pyodide/tree/{runtime.version}, that of Python at https://www.python.org.\n",
        *(f"{file.name}: {file.licence}" for file in runtime.files),
    ]
    for file in runtime.files:
        if file.name.endswith(".whl"):
            lines.append(f"\n{'=' * 100}\n{file.name}\n\n{_licence_in(folder / file.name)}")
    return "\n".join(lines) + "\n"


def _licence_in(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as archive:
        names: list[Any] = [name for name in archive.namelist() if ".dist-info/" in name and "LICENSE" in name.upper()]
        if not names:
            raise PlaygroundError(f"{wheel.name} carries no licence, and what is passed on must")
        return "\n".join(archive.read(name).decode("utf-8", "replace").strip() for name in names)
