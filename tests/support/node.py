"""node, where it and the bundler are."""

import json
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
    wanted = json.loads((WEB / "package.json").read_text())["devDependencies"]
    absent = [name for name in wanted if not (WEB / "node_modules" / name).is_dir()]
    if absent:
        missing(f"{', '.join(absent)} not installed: run `npm ci` in web/")
    return found
