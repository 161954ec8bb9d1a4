"""The page: what is committed is what the sources in web/ build, with the licence of everything in it."""

import re
import subprocess
from pathlib import Path

from support.node import WEB, node  # noqa: F401

PAGE = Path(__file__).parents[2] / "minigrad" / "playground" / "page"


def test_the_committed_page_is_what_the_sources_build(node, tmp_path):  # noqa: F811
    subprocess.run([node, "build_playground.mjs", tmp_path], cwd=WEB, check=True, capture_output=True, text=True)
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(built) == {path.name for path in PAGE.iterdir()}
    different = [name for name, content in built.items() if content != (PAGE / name).read_bytes()]
    assert different == [], "run `npm run build` in web/ and commit minigrad/playground/page"


def test_every_bundled_package_has_its_licence_there():
    text = (PAGE / "LICENSES.txt").read_text()
    packages = re.findall(r"^=+\n(\S+) \S+ \((\S+)\)$", text, re.M)
    assert len(packages) >= 10
    assert {licence for _, licence in packages} == {"MIT"}
    assert text.count("Permission is hereby granted") == len(packages)


def test_the_page_asks_nobody_and_evaluates_nothing():
    page = (PAGE / "index.html").read_text()
    assert "default-src 'none'" in page
    script = (PAGE / "playground.js").read_text() + (PAGE / "worker.js").read_text()
    addresses = set(re.findall(r"https?://[^\"'`\s)]+", script)) - {"http://www.w3.org/2000/svg"}
    assert [a for a in addresses if not a.startswith(("https://codemirror.net", "https://github.com"))] == []
    assert [part for part in ("eval(", "new Function", "insertAdjacentHTML", "document.write") if part in script] == []
