"""Draw the picture of the site that the README shows: docs/site.png.

Run:  sphinx-build docs site && python docs/draw_site.py site
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def main(site: Path) -> None:
    """Open the front page, step through half of the computation, and take the picture."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1200, "height": 1060}, reduced_motion="reduce")
        page.goto((site.resolve() / "index.html").as_uri())
        page.locator("mg-explorer .player").wait_for()
        page.locator("mg-explorer").focus()
        for _ in range(8):
            page.keyboard.press("ArrowRight")
        page.mouse.move(0, 0)
        page.wait_for_timeout(500)
        page.screenshot(path=Path(__file__).with_name("site.png"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
