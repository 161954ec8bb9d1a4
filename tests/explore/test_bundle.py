"""The explorer's script: what is committed is what the sources in web/ build, and its parts pass their own tests."""

import subprocess
from pathlib import Path

from support.node import WEB, node  # noqa: F401

from minigrad.explore.page import loader

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "minigrad" / "explore" / "explorer.js"


def test_the_committed_bundle_is_what_the_sources_build(node, tmp_path):  # noqa: F811
    built = tmp_path / "explorer.js"
    subprocess.run([node, "build.mjs", built], cwd=WEB, check=True, capture_output=True, text=True)
    assert built.read_bytes() == BUNDLE.read_bytes(), "run `npm run build` in web/ and commit minigrad/explore/explorer.js"


def test_what_a_page_or_a_notebook_carries_of_the_explorer_is_at_most_40_kilobytes():
    """And the file itself, which a server compresses, is no larger than it is now: who adds to it takes something away, or raises this."""
    assert len(loader()) <= 40_000
    assert BUNDLE.stat().st_size <= 75_300


def test_the_parts_of_the_explorer_pass_their_tests(node):  # noqa: F811
    tests = sorted(str(path.relative_to(WEB)) for path in (WEB / "test").glob("*.test.js"))
    ran = subprocess.run([node, "--test", *tests], cwd=WEB, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-4000:]


def test_the_bundle_asks_for_nothing_and_evaluates_nothing():
    text = BUNDLE.read_text()
    addresses = [part for part in ("https://", "http://", "//cdn") if part in text.replace("http://www.w3.org/2000/svg", "")]
    evaluators = [part for part in ("eval(", "new Function", "innerHTML", "insertAdjacentHTML", "document.write") if part in text]
    assert addresses == []
    assert evaluators == []


def test_the_lock_file_names_no_registry():
    text = (WEB / "package-lock.json").read_text()
    assert "resolved" not in text
    assert '"integrity"' in text
