"""The playground, built once from a runtime that is fetched, checked by hash and kept, and served to a real browser."""

import threading

import pytest
from support.browser import chromium, visit  # noqa: F401

from minigrad.playground.building import build
from minigrad.playground.runtime import PlaygroundError
from minigrad.playground.serving import address, server


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The built folder. Where the runtime cannot be had, what needs it does not run, and says so."""
    path = tmp_path_factory.mktemp("built") / "playground"
    try:
        build(path)
    except PlaygroundError as error:
        pytest.skip(f"the runtime of the playground is not to be had: {error}")
    return path


@pytest.fixture(scope="session")
def home(folder):
    """Where the built folder is served on this machine."""
    serving = server(folder, 0)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield address(serving)
    serving.shutdown()
    serving.server_close()
