"""node, where it and the bundler are."""

import shutil
from pathlib import Path

import pytest
from support.browser import missing

WEB = Path(__file__).parents[2] / "web"


@pytest.fixture(scope="module")
def node():
    """The path of node."""
    found = shutil.which("node")
    if found is None:
        missing("node is not installed")
    if not (WEB / "node_modules" / "esbuild").is_dir():
        missing("the bundler is not installed: run `npm ci` in web/")
    return found
