"""The sdist and the wheel, as somebody gets them who has no checkout.

They are built here, unless MINIGRAD_DIST names the folder that they lie in, as in a release.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from importlib.metadata import distributions
from pathlib import Path

import pytest

import minigrad as mg

ROOT = Path(__file__).parents[1]
NAME = "minigrad-checked"
STEM = f"minigrad_checked-{mg.__version__}"
MISSING = sorted({"build", "pip", "twine"} - {distribution.metadata["Name"] for distribution in distributions()})

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)} (the extra dev)")]


def call(*command: str | Path, cwd: Path) -> str:
    """Run a command that sees nothing of the checkout; return what it prints."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=cwd, env=environment, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the sdist and the wheel that is made from it."""
    if "MINIGRAD_DIST" in os.environ:
        return Path(os.environ["MINIGRAD_DIST"]).resolve()
    folder = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and what its tests need."""
    environment = tmp_path_factory.mktemp("environment")
    call(sys.executable, "-m", "venv", "--without-pip", environment, cwd=environment)
    programs = environment / ("Scripts" if os.name == "nt" else "bin")
    wheel = f"{NAME}[test] @ {(dist / f'{STEM}-py3-none-any.whl').as_uri()}"
    call(sys.executable, "-m", "pip", "--python", environment, "install", "-q", wheel, cwd=environment)
    return programs


def in_git(folder: str) -> set[str]:
    """Files of the checkout, where it is one."""
    done = subprocess.run(["git", "ls-files", folder], capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode or not done.stdout:
        pytest.skip("this is no checkout")
    return set(done.stdout.splitlines())


def test_there_is_one_of_each(dist: Path) -> None:
    assert {path.name for path in dist.iterdir()} == {f"{STEM}.tar.gz", f"{STEM}-py3-none-any.whl"}
    call(sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir(), cwd=dist)


def test_the_wheel_holds_the_package_and_nothing_else(dist: Path) -> None:
    with zipfile.ZipFile(dist / f"{STEM}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
        metadata = Parser().parsestr(wheel.read(f"{STEM}.dist-info/METADATA").decode())
        entries = wheel.read(f"{STEM}.dist-info/entry_points.txt").decode()
    assert {name for name in names if not name.startswith(f"{STEM}.dist-info/")} == in_git("minigrad")
    assert "minigrad/py.typed" in names
    assert (metadata["Name"], metadata["Version"], metadata["License-Expression"]) == (NAME, mg.__version__, "MIT")
    needed = {line for line in metadata.get_all("Requires-Dist") or [] if "extra ==" not in line}
    assert {line.split(">")[0] for line in needed} == {"numpy", "safetensors", "rich"}
    assert "minigrad = minigrad.commands:main" in entries


def test_the_sdist_holds_what_its_tests_need(dist: Path) -> None:
    with tarfile.open(dist / f"{STEM}.tar.gz") as sdist:
        names = {name.removeprefix(f"{STEM}/") for name in sdist.getnames()}
    for folder in ("minigrad", "tests", "examples", "benchmarks", "docs"):
        assert in_git(folder) <= names
    assert {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml"} <= names


def test_what_is_installed_works_far_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    assert call(installed / "minigrad", "--version", cwd=tmp_path) == f"minigrad {mg.__version__}\n"
    print_version = f"import importlib.metadata as m, minigrad; print(m.version({NAME!r}), minigrad.__file__)"
    version, place = call(installed / "python", "-c", print_version, cwd=tmp_path).split(maxsplit=1)
    assert version == mg.__version__
    assert Path(place).is_relative_to(installed.parent)
    assert "0 failed" in call(installed / "minigrad", "gradcheck", "exp", "nn.BatchNorm1d", cwd=tmp_path)
    assert "test accuracy" in call(installed / "minigrad", "train", "digits", "--model", "mlp", "--epochs", "1", cwd=tmp_path)


def test_the_tests_of_the_sdist_pass_with_the_wheel(dist: Path, installed: Path, tmp_path: Path) -> None:
    with tarfile.open(dist / f"{STEM}.tar.gz") as sdist:
        sdist.extractall(tmp_path, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # since Python 3.11.4
    unpacked = tmp_path / STEM
    shutil.rmtree(unpacked / "minigrad")  # so that what is tested is the wheel
    said = call(
        installed / "pytest", "-p", "no:cacheprovider", "tests/core", "tests/test_autograd.py", "tests/test_saving.py", cwd=unpacked
    )
    assert " passed" in said
