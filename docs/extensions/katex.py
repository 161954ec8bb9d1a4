"""Formulas by KaTeX, from the files that ``npm ci --prefix web`` brings: nothing is loaded from elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ConfigError
from sphinx.writers.html5 import HTML5Translator

DIST = Path(__file__).parents[2] / "web" / "node_modules" / "katex" / "dist"
START = """\
for (const formula of document.querySelectorAll(".katex-source")) {
  katex.render(formula.textContent, formula, { displayMode: formula.tagName === "DIV" });
}
"""


def visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    """A formula in a line of text."""
    translator.body.append(translator.starttag(node, "span", "", CLASS="katex-source") + translator.encode(node.astext()) + "</span>")
    raise nodes.SkipNode


def visit_displayed(translator: HTML5Translator, node: nodes.math_block) -> None:
    """A formula on lines of its own."""
    translator.body.append(translator.starttag(node, "div", "", CLASS="katex-source") + translator.encode(node.astext()) + "</div>")
    raise nodes.SkipNode


def add_script(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Load KaTeX on pages that have formulas."""
    if doctree is not None and any(doctree.findall(lambda node: isinstance(node, nodes.math | nodes.math_block))):
        app.add_css_file("katex/katex.min.css")
        app.add_js_file("katex/katex.min.js", loading_method="defer")
        app.add_js_file("katex/start.js", loading_method="defer")


def check(app: Sphinx) -> None:
    """Say before anything is built what is missing."""
    if app.builder.format == "html" and not DIST.is_dir():
        raise ConfigError("KaTeX is not there, which draws the formulas: run npm ci --ignore-scripts --prefix web")


def copy_files(app: Sphinx) -> list[Any]:
    """Put KaTeX's script, style and fonts beside the pages."""
    target = Path(app.outdir) / "_static" / "katex"
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    for file in (DIST / "katex.min.css", DIST / "katex.min.js", *(DIST / "fonts").glob("*.woff2")):
        shutil.copy(file, target / file.relative_to(DIST))
    (target / "start.js").write_text(START, encoding="utf-8")
    return []


def setup(app: Sphinx) -> dict[str, bool]:
    """Draw formulas by KaTeX in place of MathJax."""
    app.add_html_math_renderer("katex", inline_renderers=(visit_inline, None), block_renderers=(visit_displayed, None))
    app.connect("builder-inited", check)
    app.connect("html-collect-pages", copy_files)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
