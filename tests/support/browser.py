"""A real Chromium for tests of pages. A request that leaves the machine, or an error in a script, fails the test."""

import os
import shutil
from pathlib import Path

import pytest

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def missing(what):
    """Skip, or fail where CI says that it must be there."""
    if os.environ.get("MINIGRAD_REQUIRE_WEB"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def chromium():
    """The browser, started once."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed: pip install 'minigrad[test-web]'")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        missing("there is no chromium or google-chrome on the PATH")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def visit(chromium, tmp_path):
    """Open a page, given as a path, as an address of this machine, or as its text; what it must not do is collected, and fails the test."""
    problems, contexts = [], []

    def answer(route):
        if route.request.url.startswith(("file:", "data:", "http://127.0.0.1:")):
            route.continue_()
        else:
            problems.append(f"asked for {route.request.url}")
            route.abort()

    def opened(page, *, width=1280, height=800, dark=False):
        if isinstance(page, str) and page.startswith("http://127.0.0.1:"):
            address = page
        elif isinstance(page, Path):
            address = page.as_uri()
        else:
            path = tmp_path / f"page{len(contexts)}.html"
            path.write_text(page, encoding="utf-8")
            address = path.as_uri()
        scheme = "dark" if dark else "light"
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce")
        contexts.append(context)
        context.route("**/*", answer)
        tab = context.new_page()
        tab.on("pageerror", lambda error: problems.append(f"script error: {error}"))
        tab.on("console", lambda message: problems.append(f"console: {message.text}") if message.type in ("error", "warning") else None)
        tab.goto(address)
        return tab

    opened.problems = problems
    yield opened
    for context in contexts:
        context.close()
    assert problems == []
