"""The document as one HTML file that needs nothing else, and as a fragment for notebooks."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.gradcheck.report.document import MEASURED, Document, closing_line, to_json

TEMPLATE = Path(__file__).with_name("page.html")
WIDE = "<div style='overflow-x:auto'><table>"  #: a table that scrolls by itself where the page is narrower
COLORS = {"pass": "#1a7f37", "fail": "#cf222e", "cannot tell": "#9a6700"}


def page(document: Document) -> str:
    """Return a self-contained page: sortable table, heat maps, error against step, mutants, environment."""
    data = to_json(document, indent=None).replace("<", "\\u003c")  # so that no text can close the script element, or open a comment in it
    return TEMPLATE.read_text(encoding="utf-8").replace("{{CLOSING}}", escape(closing_line(document))).replace("{{DATA}}", data)


def fragment(document: Document) -> str:
    """Return a table of the checks, without scripts."""
    parts = []
    for case in document["cases"]:
        badge = f"<span style='color:white;background:{COLORS[case['verdict']]};padding:0 0.4em'>{case['verdict']}</span>"  # on any page
        parts.append(f"<p><b>gradcheck of {escape(case['op'])}</b>: {badge}</p>{WIDE}")
        parts.append("<tr><th>check</th><th>order</th><th>input</th><th>shape</th><th>digits</th><th>verdict</th><th></th></tr>")
        for check in case["checks"]:
            if check["verdict"] == "pass" and check["check"] != "derivative":
                continue
            digits = f"{check['digits']:.1f}" if check["check"] in MEASURED else ""
            cells = [check["check"], check["order"], check["input"], tuple(check["shape"]), digits]
            cells += [check["verdict"], check["message"]]
            parts.append("<tr>" + "".join(f"<td style='text-align:left'>{escape(str(cell))}</td>" for cell in cells) + "</tr>")
        parts.append("</table></div>")
        parts += [beside(check, case.get("formulas", [])) for check in case["checks"] if "numeric" in check]
        parts += [f"<p>{escape(sentence)}</p>" for sentence in (*case["notes"], *case.get("diagnosis", []))]
    return "".join(parts)


def beside(check: dict[str, Any], formulas: list[str]) -> str:
    """Return the gradient that backward gave, the numerical one and the source of the formulas, side by side."""
    columns = {"analytic": as_text(check["analytic"]), "numeric": as_text(check["numeric"]), "formula": "\n\n".join(formulas)}
    cells = "".join(f"<td style='vertical-align:top'><pre>{escape(text)}</pre></td>" for text in columns.values() if text)
    heads = "".join(f"<th>{name}</th>" for name, text in columns.items() if text)
    return f"<p>{escape(check['input'])}, order {check['order']}</p>{WIDE}<tr>{heads}</tr><tr>{cells}</tr></table></div>"


def as_text(values: Any) -> str:
    """Return an array as text, with six digits; large ones are cut."""
    return np.array2string(np.asarray(values, np.float64), precision=6, threshold=200)
