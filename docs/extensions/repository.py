"""Pages of the repository as pages of the site: a link that leaves ``docs/`` leads to the page that includes the file."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

LINKS = {
    "](../benchmarks/README.md)": "](benchmarks.md)",
    "](results/gpu-nvidia-h200.md)": "](gpu_nvidia_h200.md)",
}
#: to pages that are made by a program and are read on their own, too: what is added for the site
ADDED = {"lab/index": "\n```{toctree}\n:hidden:\n:glob:\n*\n```\n"}


def adapt(app: Sphinx, page: str, source: list[str]) -> None:
    """Change what only the site needs changed."""
    source[0] = with_links(source[0]) + ADDED.get(page, "")


def adapt_included(app: Sphinx, path: Any, page: str, source: list[str]) -> None:
    """The same for a file that a page includes."""
    source[0] = with_links(source[0])


def with_links(text: str) -> str:
    """A text with its links led to pages of the site."""
    for link, instead in LINKS.items():
        text = text.replace(link, instead)
    return text


def setup(app: Sphinx) -> dict[str, bool]:
    """Register it."""
    app.connect("source-read", adapt)
    app.connect("include-read", adapt_included)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
