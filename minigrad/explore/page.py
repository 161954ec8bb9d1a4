"""The explorer as one file: a page that works from ``file://`` and asks nobody for anything.

Its content security policy forbids every request; what may run are two scripts, by their hashes: one that carries the bundle compressed,
and the bundle, which that one unpacks. A notebook's output carries the same. What comes from the user (names, source, parameters) is in it
only as JSON, in which no ``<`` stands, or compressed, and as escaped text.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from minigrad.explore.files import write_text
from minigrad.explore.svg import MOST, draw
from minigrad.explore.wording import in_brief, labels, reference, shape

COMPRESSED_FROM = 20_000  #: characters of JSON from which it is compressed
ROWS = 500  #: of the table that stands in for the explorer where no script runs

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
html{{color-scheme:light dark}}
body{{margin:0;font:14px/1.45 system-ui,sans-serif}}
mg-explorer{{display:block;--mg-explorer-height:100vh;outline:none}}
table{{border-collapse:collapse;margin:1em}}
th,td{{text-align:left;padding:.2em .8em .2em 0;vertical-align:top;border-bottom:1px solid #8884}}
</style>
<main>
{explorer}
</main>
<script type="module">{loader}</script>
</html>
"""

LOADER = """\
const packed = Uint8Array.from(atob("{packed}"), (character) => character.charCodeAt(0));
const script = Object.assign(document.createElement("script"), {{ type: "module" }});
script.textContent = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
document.head.append(script);
"""


def write_page(document: dict[str, Any], path: str | Path) -> Path:
    """Write the page for a trace to a file, and return its path."""
    return write_text(path, page_of(document))


def page_of(document: dict[str, Any]) -> str:
    """Return the page for a trace."""
    scripts = " ".join(f"'sha256-{_text(hashlib.sha256(script.encode()).digest())}'" for script in (loader(), bundle()))
    policy = f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    title = escape(document["meta"]["title"] or "computation")
    explorer = _element(document, "trace", _table(document), 'tabindex="0" autofocus')  # so that keys are heard at once
    return PAGE.format(policy=policy, title=title, explorer=explorer, loader=loader())


def fragment(document: dict[str, Any]) -> str:
    """Return the explorer for a notebook: without a script (in a notebook that is not trusted) a drawing is seen."""
    name = "mg-" + hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:12]
    still = draw(document).svg if len(document["nodes"]) <= MOST else _table(document)
    return f'<div>{_element(document, name, still)}<script type="module">{loader()}</script></div>'


@cache
def bundle() -> str:
    """Return the script of the explorer, which is built from ``web/src``."""
    return (files("minigrad.explore") / "explorer.js").read_text(encoding="utf-8")


@cache
def loader() -> str:
    """Return the script that carries the explorer's, compressed, and runs it."""
    return LOADER.format(packed=_packed(bundle()))


def _element(document: dict[str, Any], name: str, fallback: str, attributes: str = "") -> str:
    """Return the custom element and the trace that it reads; ``fallback`` is seen until, or unless, the script runs."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    if len(text) < COMPRESSED_FROM:
        kind, data = 'type="application/json"', text.replace("<", "\\u003c")
    else:
        kind = 'type="text/plain" data-encoding="gzip"'
        data = _packed(text)
    return f'<mg-explorer for="{name}" {attributes}>\n{fallback}\n</mg-explorer>\n<script {kind} id="{name}">{data}</script>'


def _packed(text: str) -> str:
    return _text(gzip.compress(text.encode(), 9, mtime=0))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _table(document: dict[str, Any]) -> str:
    """Return the nodes as a table."""
    names = labels(document)
    rows = "".join(_row(node, names, document) for node in document["nodes"][:ROWS])
    more = len(document["nodes"]) - ROWS
    note = f"<caption>the first {ROWS} nodes; {more} more</caption>" if more > 0 else ""
    head = "".join(f"<th>{title}</th>" for title in ("node", "op", "inputs", "shape", "value", "gradient"))
    return f"<table>{note}<tr>{head}</tr>{rows}</table>"


def _row(node: dict[str, Any], names: list[str], document: dict[str, Any]) -> str:
    value = next((v for v in node["values"] if v), None)
    cells = [
        names[node["id"]],
        document["ops"][node["op"]]["name"] if node["op"] else node["kind"],
        ", ".join(reference(ref, document, names) for ref in node["inputs"]),
        shape(value) if value else "",
        in_brief(value) if value else "",
        in_brief(node["grads"][-1]["value"]) if node["grads"] else "",
    ]
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
