"""Draw the picture of the playground that the README shows: docs/playground.png.

Run:  python docs/draw_playground.py
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from minigrad.playground.building import build
from minigrad.playground.serving import address, server


def main() -> None:
    """Build, serve, run the first example, step through half of it, and take the picture."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        build(Path(folder), told=print)
        serving = server(Path(folder), 0)
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 820}, reduced_motion="reduce")
        page.goto(address(serving))
        page.get_by_role("button", name="Run", exact=True).click(timeout=60_000)
        explorer = page.locator("mg-explorer")
        expect(explorer).to_be_visible(timeout=60_000)
        explorer.focus()
        for _ in range(9):
            page.keyboard.press("ArrowRight")
        page.wait_for_timeout(500)
        page.screenshot(path=Path(__file__).with_name("playground.png"))
        serving.shutdown()


if __name__ == "__main__":
    main()
